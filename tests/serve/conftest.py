"""A TFTP server under either event loop, and a client of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from served import Served
from tftp_client import Client


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    folder = tmp_path / "root"
    folder.mkdir()
    running = Served(request.param(), folder)
    yield running
    running.close()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as opened:
        yield opened
