"""Fixtures of the boots, and what a failed one shows."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import bootfiles
import packages
import pytest
from testbed import Lab

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)  # after those that -m leaves out are gone
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the matrix, keep every Mth: neighbours are alike, and so get into different slices."""
    if wanted := config.getoption("slice"):
        number, parts = map(int, wanted.split("/"))
        matrix = [item for item in items if item.get_closest_marker("matrix")]
        dropped = {*matrix} - {*matrix[number::parts]}
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]


@pytest.fixture(scope="session")
def able() -> None:
    """What every boot needs of this machine is here."""
    if absent := packages.missing():
        pytest.fail(f"apt-get install --no-install-recommends {' '.join(absent)}")
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run the tests with sudo")


@pytest.fixture(scope="session")
def tftp_root(able: None) -> Path:  # noqa: ARG001 -- it has to come first
    return bootfiles.build(HERE / "build" / "tftp")


@pytest.fixture(scope="session")
def fog_root(able: None) -> Path:  # noqa: ARG001 -- it has to come first
    return bootfiles.build_named(HERE / "build" / "fog", bootfiles.FOG)


@pytest.fixture
def lab(tmp_path: Path, tftp_root: Path) -> Iterator[Lab]:
    with Lab(tmp_path, tftp_root) as lab:
        yield lab


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show serial console, logs and packets beneath a boot that failed."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and call.when == "call" and lab is not None:
        report.sections.extend(lab.report())
    return report
