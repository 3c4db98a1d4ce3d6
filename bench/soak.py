"""A day of boots in ten minutes: machines boot one after the other, while memory is watched.

Each asks DHCP (DISCOVER), then port 4011, and fetches a file over TFTP; each is another machine.
The server has a network namespace, the machines another. Every few seconds: the memory (RSS) and
the open descriptors of each of the server's processes. At the end what each has grown since the
warm-up, a fifth of the time. Memory is flat from 16,000 boots on: by then the journal has its
10,000 machines, and every page of the table of decisions has been written.

example: sudo nice .venv/bin/python bench/soak.py --seconds 600 --rate 100
"""

import argparse
import ctypes
import json
import os
import socket
import sys
import tempfile
import time
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import psutil
from lab import ADDRESS, CLIENT, Server, network
from report import table

from fastpxe.firmware.requests import Client
from fastpxe.tftp.packets import Ack, Data, Oack, Rrq, parse

CONFIG = """
[tftp]
root = "{root}"
[[boot]]
name = "x64"
file = "boot.efi"
"""
OWN = "10.66.0.2"
CLONE_NEWNET = 0x40000000
FILE_SIZE, BLKSIZE = 30_000, 1468
SAMPLE_S = 2.0
WARM_UP = 0.2  # of the time
ANSWER_S = 5.0
MIB = 1 << 20


class Process(msgspec.Struct, kw_only=True):
    """A process of the server: bytes and descriptors at the end of the warm-up, and since."""

    before: int
    files_before: int
    most: int
    last: int
    files_last: int


class Soak(msgspec.Struct, kw_only=True):
    """What came of it. lost: machines that got no answer, or not their file."""

    seconds: float
    boots: int
    lost: int
    processes: dict[str, Process]


class Machines:
    """They boot one after the other, from the sockets of this process."""

    def __init__(self) -> None:
        self.dhcp = self._open(68)
        self.pxe = self._open(4011)
        self.dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")

    @staticmethod
    def _open(port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(ANSWER_S)
        sock.bind(("" if port == 68 else OWN, port))
        return sock

    def boot(self, number: int) -> bool:
        """Whether a machine got its offer, its ACK and its file; TimeoutError is no answer."""
        mac = bytes.fromhex("02fa57") + number.to_bytes(3)
        machine = Client(mac=mac, uuid=mac + bytes(10), ciaddr=IPv4Address(OWN))
        self._ask(self.dhcp, machine.discover(), ("255.255.255.255", 67), mac)
        ack = self._ask(self.pxe, machine.request(IPv4Address(ADDRESS)), (ADDRESS, 4011), mac)
        name = ack[108:236].partition(b"\0")[0]
        return self._fetch(name) == FILE_SIZE

    @staticmethod
    def _ask(sock: socket.socket, request: bytes, to: tuple[str, int], mac: bytes) -> bytes:
        sock.sendto(request, to)
        while (answer := sock.recv(2048))[28:34] != mac:
            pass
        return answer

    def _fetch(self, name: bytes) -> int:
        """Download a file; its size."""
        size = 0
        with self._open(0) as sock:
            request = Rrq(filename=name, mode="octet", options={"blksize": str(BLKSIZE)})
            sock.sendto(bytes(request), (ADDRESS, 69))
            block = 0
            while True:
                datagram, tid = sock.recvfrom(2048)
                packet = parse(datagram)
                if isinstance(packet, Data) and packet.block == block + 1:
                    block, size = block + 1, size + len(packet.payload)
                elif not isinstance(packet, Data | Oack):
                    return size
                sock.sendto(bytes(Ack(block=block)), tid)
                if isinstance(packet, Data) and len(packet.payload) < BLKSIZE:
                    return size


def sample(server: int, found: dict[str, Process], *, is_warm: bool) -> None:
    """Look at the server's processes; until it is warm, what they have is what they had before."""
    top = psutil.Process(server)
    for one in (top, *top.children()):
        with suppress(psutil.NoSuchProcess):
            name = "parent" if one is top else one.name()
            size, files = one.memory_info().rss, one.num_fds()
            known = found.get(name)
            if known is None or not is_warm:
                found[name] = Process(
                    before=size, files_before=files, most=size, last=size, files_last=files
                )
            else:
                known.most, known.last, known.files_last = max(known.most, size), size, files


def soak(server: int, seconds: float, rate: float) -> Soak:
    """Boot machines, `rate` a second at most."""
    machines = Machines()
    processes: dict[str, Process] = {}
    boots = lost = 0
    began = sampled_at = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(max(0.0, boots / rate - passed))
        try:
            lost += not machines.boot(boots)
        except TimeoutError:
            lost += 1
        boots += 1
        if time.monotonic() - sampled_at > SAMPLE_S:
            sampled_at = time.monotonic()
            sample(server, processes, is_warm=sampled_at - began > WARM_UP * seconds)
    time.sleep(SAMPLE_S)  # so that the last transfer is told of, and over
    sample(server, processes, is_warm=True)
    return Soak(seconds=seconds, boots=boots, lost=lost, processes=processes)


def enter(namespace: str) -> None:
    """Have this process's sockets in a namespace from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open() as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def report(found: Soak) -> str:
    lines = [["process", "warm, MiB", "most", "at the end", "descriptors"], ["---"] * 5]
    for name, one in found.processes.items():
        sizes = (f"{size / MIB:.1f}" for size in (one.before, one.most, one.last))
        lines.append([name, *sizes, f"{one.files_before} to {one.files_last}"])
    return f"{found.boots:,} boots in {found.seconds:.0f} s, {found.lost} lost\n{table(lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=100, help="boots a second at most")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as path, network():
        folder = Path(path)
        (folder / "boot.efi").write_bytes(os.urandom(FILE_SIZE))
        config = folder / "fastpxe.toml"
        config.write_text(CONFIG.format(root=folder))
        fastpxe = (sys.executable, "-m", "fastpxe", "serve", "--user", "root", "--workers", "1")
        server = Server((*fastpxe, "-c", str(config)), folder / "log")
        try:
            enter(CLIENT)
            found = soak(server.process.pid, arguments.seconds, arguments.rate)
        finally:
            server.stop()
    print(report(found), end="")
    if arguments.json:
        arguments.json.write_text(json.dumps(msgspec.to_builtins(found)))


if __name__ == "__main__":
    main()
