"""A clean Debian for the tests of a whole machine."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import debian
import pytest


@pytest.fixture(scope="session")
def debian_root() -> Iterator[Path]:
    """The folder of a Debian, not to be changed: `copied` makes another."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            debian.make(Path(folder) / "root", Path(folder) / "log")
        except subprocess.CalledProcessError:
            pytest.fail((Path(folder) / "log").read_text()[-4000:])
        yield Path(folder) / "root"
