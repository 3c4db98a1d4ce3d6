"""The option that writes the golden replies anew, and the Debian package, which takes a while."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from overlay import build_package


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-corpus",
        action="store_true",
        help="write the golden replies of tests/corpus anew, and fail: their diff wants reading",
    )


@pytest.fixture(scope="session")
def package() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield build_package(Path(folder))
