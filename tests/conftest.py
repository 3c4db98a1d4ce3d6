"""The options of a test run, which tests run side by side, and the Debian package."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from overlay import build_package
from wire_rig import Wire

# The duration of an example depends on the load of the machine: it is no property of the code.
UNTIMED = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("gate", UNTIMED)
hypothesis.settings.register_profile("quick", UNTIMED, max_examples=20)
hypothesis.settings.load_profile("gate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-corpus",
        action="store_true",
        help="write the golden replies of tests/corpus anew, and fail: their diff wants reading",
    )
    parser.addoption(
        "--update-pictures", action="store_true", help="write the pictures of docs/pictures anew"
    )
    parser.addoption(
        "--slice", metavar="N/M", help="of the matrix, run only the Nth of M parts, counted from 0"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """What measures a server under load has no patience for a test beside it."""
    if "faults" in item.path.parts or item.path.name == "test_storm.py":
        item.add_marker(pytest.mark.load)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start the long tests first, so that no process waits for another at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=rank)  # stable: the tests of a module stay together, and share its fixtures


def rank(item: pytest.Item) -> int:
    """Builds come first, then boots, then what needs a network, and short tests last."""
    if "package" in getattr(item, "fixturenames", ()):
        return 1
    for number, name in enumerate(("build", "qemu", "netns"), start=2):
        if item.get_closest_marker(name):
            return number
    return 5


@pytest.fixture(scope="session")
def package() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield build_package(Path(folder))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()
