"""The doctor's trial boot over real sockets: it asks what the model of firmware asks."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from fault_rig import inside
from offers_and_steps import CASES, CLIENTS, FILE, TYPE, Case
from packets import message
from wire_rig import SERVER, Wire

from fastpxe.dhcp.constants import PXE_PORT, TFTP_PORT
from fastpxe.dhcp.pxe_options import boot_item
from fastpxe.doctor.network import TRIED, Trial
from fastpxe.doctor.network import Wire as Facts
from fastpxe.firmware.next_step import menu_of
from fastpxe.firmware.offers import Firmware, HeardOffer, read_offer
from fastpxe.net.interfaces import all_interfaces, select_interfaces
from fastpxe.probe.boot import with_trials

pytestmark = pytest.mark.netns

HERE = IPv4Address(SERVER)
OF_4011 = "of-4011.efi"
LAST_BLOCK = b"\0\3\0\1loader"


class Server:
    """Answers requests on port 4011, and every request for a file with six bytes."""

    def __init__(self, wire: Wire) -> None:
        self.asked: list[bytes] = []
        self.files: list[str] = []
        self._sockets = [self._open(wire, port) for port in (PXE_PORT, TFTP_PORT)]
        for sock, answer in zip(self._sockets, (self._ack, self._data), strict=True):
            threading.Thread(target=self._serve, args=(sock, answer), daemon=True).start()

    @staticmethod
    def _open(wire: Wire, port: int) -> socket.socket:
        sock = wire.server.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("", port))
        wire.sockets.append(sock)
        return sock

    @staticmethod
    def _serve(sock: socket.socket, answer: object) -> None:
        assert callable(answer)
        with contextlib.suppress(OSError):  # closed at the end of the test
            while True:
                datagram, source = sock.recvfrom(2048)
                if reply := answer(datagram):
                    sock.sendto(reply, source)

    def _ack(self, datagram: bytes) -> bytes:
        self.asked.append(datagram)
        return message(
            (53, b"\5"), (54, HERE.packed), (60, b"PXEClient"),
            op=2, siaddr=HERE, file=OF_4011.encode(), xid=int.from_bytes(datagram[4:8]),
        )  # fmt: skip

    def _data(self, datagram: bytes) -> bytes:
        if datagram[:2] != b"\0\1":
            return b""
        self.files.append(datagram[2:].split(b"\0")[0].decode())
        return LAST_BLOCK


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


def tried(wire: Wire, case: Case, firmware: Firmware) -> Trial:
    heard = HeardOffer(firmware=firmware, after_s=0, offer=read_offer(case.offer(HERE), HERE))
    facts = Facts(interface="eth0", listened_s=1, mac="", own=(), heard=(heard,))

    def run() -> Facts:
        (eth0,) = select_interfaces(("eth0",), all_interfaces())
        return with_trials(facts, eth0, CLIENTS)

    (trial,) = inside(wire.client, run).trials
    return trial


def test_it_asks_4011_or_fetches_as_the_firmware_would(wire: Wire) -> None:
    server = Server(wire)
    for case in CASES:
        for firmware in TRIED if case.is_pxe else ():
            server.asked.clear()
            server.files.clear()
            trial = tried(wire, case, firmware)
            step = case.step(firmware)
            files = {"fetch": [FILE], "4011": [OF_4011], "menu": [OF_4011]}
            assert server.files == files.get(step, []), (case.name, firmware)
            assert len(server.asked) == (step in ("4011", "menu")), (case.name, firmware)
            has_item = [boot_item(TYPE) in datagram for datagram in server.asked]
            menu = menu_of(firmware, read_offer(case.offer(HERE)))
            assert has_item in ([], [bool(menu)]), (case.name, firmware)
            assert bool(trial.failure) == (step == "none"), (case.name, trial)
