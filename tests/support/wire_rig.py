"""`fastpxe serve` at one end of a cable between two namespaces, a client at the other."""

import contextlib
import os
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
from netns import Namespace, Process
from packets import Reply, discover
from started import SERVE

from fastpxe.net.sockets import SO_RCVBUFFORCE

SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
LIMIT_S = 20
ONE = '[[boot]]\nname = "one"\nfile = "one.efi"\n'


class Wire:
    """A server's namespace and a client's, joined by a cable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Namespace()
        self.client = Namespace()
        holder = self.client.path
        self.server.ip(f"link add eth0 type veth peer name eth0 netns {holder}")
        self.server.ip(f"addr add {SERVER}/24 dev eth0\nlink set eth0 up")
        self.client.ip(f"addr add {CLIENT}/24 dev eth0\nlink set eth0 up")
        self.config = folder / "fastpxe.toml"
        self.processes: list[Process] = []
        self.sockets: list[socket.socket] = []

    def write(self, text: str) -> None:
        self.config.write_text(f'[tftp]\nroot = "{self.folder}"\n{text}')

    def start(self, *arguments: str) -> Process:
        return self.run(*SERVE, *arguments)

    def run(self, *command: str | Path, ready: str = "ready") -> Process:
        process = Process(self.server, *command, log=self.folder / "log")
        self.processes.append(process)
        self.wait_for(process, ready)
        return process

    def serve(self, text: str) -> Process:
        self.write(text)
        return self.start("-c", str(self.config))

    def wait_for(self, process: Process, words: str, count: int = 1) -> None:
        limit = time.monotonic() + LIMIT_S
        while process.output().count(words) < count:
            assert process.is_running(), process.output()
            assert time.monotonic() < limit, process.output()
            time.sleep(0.02)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        limit = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < limit
            time.sleep(0.02)

    def ask(self, xid: int = 0x12345678) -> Reply:
        """Broadcast a DISCOVER as firmware does; the one reply to it."""
        return self.broadcast(discover(arch=7, xid=xid))

    def broadcast(self, datagram: bytes) -> Reply:
        return broadcast(self.client, datagram)

    def file_offered(self) -> str:
        return self.ask().file

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        for sock in self.sockets:
            sock.close()
        for namespace in (self.server, self.client):
            os.close(namespace.fd)


def broadcast(client: Namespace, datagram: bytes) -> Reply:
    """Broadcast a DHCP message on eth0 as firmware does; the first reply to it."""
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        sock.bind(("", 68))
        sock.sendto(datagram, ("255.255.255.255", 67))
        return Reply(sock.recv(2048))


class Storm:
    """A client that sends many DISCOVERs and collects what comes back, by xid."""

    def __init__(self, wire: Wire, port: int = 68) -> None:
        self.sock = wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(LIMIT_S)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        self.sock.bind(("", port))
        self.heard: Counter[int] = Counter()

    def send(self, xids: range, to: str = "255.255.255.255", **fields: object) -> None:
        for xid in xids:
            self.sock.sendto(discover(arch=7, xid=xid, **fields), (to, 67))  # type: ignore[arg-type] - fields of a header, spelled at the call

    def hear(self, count: int) -> None:
        while sum(self.heard.values()) < count:
            self.heard[int.from_bytes(self.sock.recv(2048)[4:8])] += 1

    def hear_what_is_left(self) -> None:
        self.sock.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                self.heard[int.from_bytes(self.sock.recv(2048)[4:8])] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


class Downloading:
    """A download of boot.bin that goes on block by block, when told to."""

    def __init__(self, wire: Wire) -> None:
        self.sock = wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(LIMIT_S)
        wire.sockets.append(self.sock)
        self.sock.bind((CLIENT, 0))
        self.sock.sendto(b"\0\1boot.bin\0octet\0", (SERVER, 69))
        self.content = b""
        self.number = b"\0\0"
        self.is_over = False
        self.take_block()

    def take_block(self) -> None:
        datagram, self.tid = self.sock.recvfrom(2048)
        assert datagram[:2] == b"\0\3", datagram
        if datagram[2:4] != self.number:  # else it is sent again, for we took our time
            self.content += datagram[4:]
            self.is_over = len(datagram) < 516
            self.number = datagram[2:4]

    def finish(self) -> bytes:
        while not self.is_over:
            self.sock.sendto(b"\0\4" + self.number, self.tid)
            self.take_block()
        self.sock.sendto(b"\0\4" + self.number, self.tid)
        return self.content


def workers_of(process: Process) -> list[int]:
    """The worker processes of a running fastpxe, which stands behind timeout(1) and setpriv(1)."""
    found = []
    for child in psutil.Process(fastpxe_of(process)).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # one of before a reload, just gone
            if re.fullmatch(r"fastpxe-\d+", child.name()):
                found.append(child.pid)
    return found


def http_of(process: Process) -> int:
    """The HTTP server's process, which there is one of."""
    children = psutil.Process(fastpxe_of(process)).children()
    (found,) = (child.pid for child in children if child.name() == "fastpxe-http")
    return found


def fastpxe_of(process: Process) -> int:
    for child in psutil.Process(process.popen.pid).children(recursive=True):
        if "fastpxe" in child.cmdline() and child.children():
            return child.pid
    raise AssertionError(process.output())
