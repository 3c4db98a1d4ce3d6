"""The options of a test run, and the Debian package, which takes a while to build."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from overlay import build_package
from wire_rig import Wire


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-corpus",
        action="store_true",
        help="write the golden replies of tests/corpus anew, and fail: their diff wants reading",
    )
    parser.addoption(
        "--update-pictures", action="store_true", help="write the pictures of docs/pictures anew"
    )
    parser.addoption("--slice", metavar="N/M", help="run only the Nth of M parts, counted from 0")


@pytest.fixture(scope="session")
def package() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield build_package(Path(folder))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()
