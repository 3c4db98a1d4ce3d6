"""The doctor's clients on a real cable."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from fault_rig import inside
from wire_rig import LIMIT_S, Wire

from fastpxe.firmware.requests import Client
from fastpxe.net.interfaces import all_interfaces, select_interfaces
from fastpxe.probe.listen import AGAIN_S, ask

pytestmark = pytest.mark.netns

MAC = bytes.fromhex("02fa57000001")


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


@pytest.mark.parametrize("is_pulled", [False, True])
def test_an_interface_that_goes_down_meanwhile_is_told(wire: Wire, *, is_pulled: bool) -> None:
    found: list[str] = []

    def ask_there() -> None:
        client = Client(mac=MAC, uuid=bytes(16), ciaddr=IPv4Address(0))
        eth0 = select_interfaces(("eth0",), all_interfaces())
        found.extend(one.failure for one in ask({"uefi": client}, eth0, AGAIN_S + 0.2))

    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.bind(("", 67))
        asking = threading.Thread(target=inside, args=(wire.server, ask_there))
        asking.start()
        sock.recv(2048)
        if is_pulled:
            wire.server.ip("link set eth0 down")
        asking.join()
    assert found == ["can't ask there: Network is down" if is_pulled else ""]
