"""Where things are in this checkout."""

from pathlib import Path

TOP = Path(__file__).parents[2]
TESTS = TOP / "tests"
CORPUS = TESTS / "corpus"
CONTRIB = TOP / "contrib"
DOCS = TOP / "docs"
PICTURES = DOCS / "pictures"
