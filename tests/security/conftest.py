"""A server for each module: nothing that one test does to it may show in the next."""

from collections.abc import Iterator

import pytest
from security_rig import Victim


def pytest_itemcollected(item: pytest.Item) -> None:
    if {"victim", "quick"} & {*getattr(item, "fixturenames", ())}:
        item.add_marker(pytest.mark.netns)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    running = Victim(tmp_path_factory.mktemp("victim"), arguments=("--log-level", "debug"))
    yield running
    running.close()
