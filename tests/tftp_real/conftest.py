"""A veth pair between two namespaces, `fastpxe serve` at one end, and what the tests need."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import packages
import pytest

from tests.tftp_real.cable import Cable

NEEDED = ("atftp", "busybox", "curl", "ethtool", "ip", "nft", "nsenter", "tftp")


@pytest.fixture(scope="session")
def able() -> None:
    """What the tests need of this machine is here: without it they fail, or nobody would notice."""
    if absent := {packages.PACKAGES[need] for need in NEEDED if not packages.is_present(need)}:
        pytest.fail(f"apt-get install --no-install-recommends {' '.join(sorted(absent))}")
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run the tests with sudo")


@pytest.fixture(scope="module")
def cable(able: None) -> Iterator[Cable]:  # noqa: ARG001 - it has to come first
    with tempfile.TemporaryDirectory() as folder, Cable(Path(folder)) as cable:
        yield cable
