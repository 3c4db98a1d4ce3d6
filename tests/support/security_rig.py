"""A running `fastpxe serve` that is treated badly, and what it has left afterwards."""

import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

import psutil
from packets import Reply, discover, request_4011
from tftp_client import Receiver
from wire_rig import CLIENT, LIMIT_S, SERVER, Wire

from fastpxe.tftp.packets import Data, Error, Oack, Packet, Rrq, parse

SECRET = b"what lies beside the root"
FILE = bytes(range(256)) * 12
RULES = """
[[boot]]
name = "all"
file = "boot.efi"
"""


class Victim:
    """A server with one file for all, over DHCP, TFTP and HTTP, and a client's namespace."""

    def __init__(
        self, folder: Path, *, tftp: str = "", rules: str = RULES, arguments: tuple[str, ...] = ()
    ) -> None:
        self.root = folder / "root"
        scripts = folder / "scripts"
        for place in (self.root, self.root / "folder", scripts):
            place.mkdir()
        (folder / "secret").write_bytes(SECRET)
        (self.root / "boot.efi").write_bytes(FILE)
        (self.root / "out").symlink_to("../secret")
        (self.root / "away").symlink_to("..")
        (scripts / "ask.ipxe").write_text("#!ipxe\necho {{ serial }} {{ hostname }}\n")
        self.wire = Wire(folder)
        self.wire.config.write_text(
            f'[tftp]\nroot = "{self.root}"\nscripts = "{scripts}"\n{tftp}\n'
            f"[http]\nenabled = true\n{rules}"
        )
        self.process = self.wire.start("-c", str(self.wire.config), *arguments)

    # --- what a client does -------------------------------------------------------------------

    def udp(self, port: int = 0, address: str = CLIENT) -> socket.socket:
        sock = self.wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.sockets.append(sock)
        sock.settimeout(LIMIT_S)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.bind((address, port))
        return sock

    def tcp(self, address: str = CLIENT) -> socket.socket:
        sock = self.wire.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.wire.sockets.append(sock)
        sock.settimeout(LIMIT_S)
        sock.bind((address, 0))
        sock.connect((SERVER, 80))
        return sock

    def send(self, port: int, datagrams: Iterable[bytes]) -> None:
        with self.udp() as sock:
            for datagram in datagrams:
                sock.sendto(datagram, (SERVER, port))

    def to_port_69(self, datagram: bytes) -> Packet:
        """Return what comes first; a transfer that it began is ended."""
        with self.udp() as sock:
            sock.sendto(datagram, (SERVER, 69))
            answer, server = sock.recvfrom(65536)
            packet = parse(answer)
            if not isinstance(packet, Error):
                sock.sendto(bytes(Error(code=0)), server)
            return packet

    def download(self, name: bytes) -> bytes:
        receiver = Receiver()
        with self.udp() as sock:
            sock.sendto(bytes(Rrq(filename=name, mode="octet", options={})), (SERVER, 69))
            while not receiver.is_done:
                datagram, server = sock.recvfrom(65536)
                packet = parse(datagram)
                assert isinstance(packet, Data | Oack), packet
                ack = receiver.on(packet)
                if ack is not None:
                    sock.sendto(bytes(ack), server)
        return b"".join(receiver.blocks)

    def http(self, request: bytes) -> bytes:
        """Return all that is answered, until the server closes."""
        parts = []
        with self.tcp() as sock:
            sock.sendall(request)
            with contextlib.suppress(ConnectionResetError):
                while part := sock.recv(65536):
                    parts.append(part)
        return b"".join(parts)

    def get(self, path: bytes) -> bytes:
        return self.http(b"GET " + path + b" HTTP/1.0\r\n\r\n")

    def ask(self, xid: int) -> Reply:
        """Ask as firmware does: again where no answer came."""
        with self.udp(68, "") as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            return answered(sock, discover(arch=7, xid=xid), ("255.255.255.255", 67))

    def ask_as_relay(self, xid: int, relay: str) -> Reply:
        """Ask for a machine behind a relay, which hears nobody else's answers."""
        with self.udp(67, relay) as sock:
            datagram = discover(arch=7, xid=xid, giaddr=IPv4Address(relay))
            return answered(sock, datagram, (SERVER, 67))

    # --- what is left -------------------------------------------------------------------------

    def assert_well(self) -> None:
        """It answers on every port, and nothing in it failed."""
        assert self.ask(0x5EC0).file == "boot.efi"
        with self.udp(4011) as sock:
            sock.sendto(request_4011(arch=7), (SERVER, 4011))
            assert Reply(sock.recv(2048)).file == "boot.efi"
        assert self.download(b"boot.efi") == FILE
        assert self.get(b"/boot.efi").endswith(b"\r\n\r\n" + FILE)
        wrong = re.search(r"Traceback| (ERROR|CRITICAL) |fault in", self.process.output())
        assert not wrong, self.process.output()[wrong.start() - 500 :]

    def processes(self) -> list[psutil.Process]:
        """Return the server's processes: timeout(1) and nsenter(1) stand before them."""
        found = psutil.Process(self.process.popen.pid).children(recursive=True)
        return [process for process in found if process.name().startswith("fastpxe-")]

    def memory(self) -> int:
        """Return the bytes that its processes have for themselves."""
        return sum(process.memory_full_info().uss for process in self.processes())

    def memory_at_rest(self) -> int:
        """Return the memory when it grows no more: what was asked for is done with."""
        before, now = -1, self.memory()
        while now > before:
            time.sleep(0.3)
            before, now = now, self.memory()
        return now

    def close(self) -> None:
        self.wire.close()


def answered(sock: socket.socket, datagram: bytes, to: tuple[str, int]) -> Reply:
    """Send a request, each second anew, until its answer comes."""
    sock.settimeout(1)
    for _ in range(LIMIT_S):
        sock.sendto(datagram, to)
        with contextlib.suppress(TimeoutError):
            while (payload := sock.recv(2048))[4:8] != datagram[4:8]:
                pass
            return Reply(payload)
    raise AssertionError("no answer")


def option(code: int, value: bytes) -> bytes:
    """An option of any length: RFC 3396 where it is longer than 255 bytes."""
    parts = [value[at : at + 255] for at in range(0, len(value), 255)] or [b""]
    return b"".join(struct.pack("BB", code, len(part)) + part for part in parts)
