"""Clients that do everything wrong, against the TFTP server; meant to run under fuzz/asan.

Requests, ACKs, ERRORs and garbage, right and mutated, from few clients to every port there is,
while files are replaced, cut short and removed. What they are sent must be a part of some version
of the file, and nothing of the server's may fail.

example: fuzz/asan .venv/bin/python fuzz/fuzz_tftp.py --seconds 60
"""

import asyncio
import random
import socket
import struct
import tempfile
import time
from ipaddress import IPv4Interface
from pathlib import Path

from fuzzing import arguments_of

from fastpxe.events import Event, Notice
from fastpxe.net.interfaces import Interface
from fastpxe.serve.files.root import Root
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.tftp.packets import TftpSettings

LOOPBACK = Interface(name="lo", index=1, networks=(IPv4Interface("127.0.0.1/8"),), mtu=1500)
IP_PKTINFO = 8
SETTINGS = [
    TftpSettings(
        ports=ports, data_path=data_path, max_windowsize=64, max_transfers=5, give_up_s=0.5,
        retry_timeout_s=0.02, ignore_case=True, max_blksize=9000,
    )
    for ports in ("shared", "single", "per-transfer")
    for data_path in ("gso", "mmsg", "sendfile")
]  # fmt: skip
NAMES = (b"a", b"A", b"b", b"none", b"../a", b"x" * 300, b"", b"a\n", b"\\a", b"dir/a")
OPTIONS = (
    b"blksize\x008\0", b"blksize\x001468\0", b"blksize\x00513\0", b"blksize\x009000\0",
    b"windowsize\x001\0", b"windowsize\x0064\0", b"tsize\x000\0", b"timeout\x001\0", b"x\0",
)  # fmt: skip
VERSIONS = 1 << 12  # as many as content() can write into four bytes


def content(version: int) -> bytes:
    """A file in which every four bytes say where they are, and of which version."""
    size = (0, 1, 511, 512, 513, 100_000, 65_535)[version % 7]
    return b"".join(struct.pack(">I", version << 20 | i) for i in range(size // 4 + 1))[:size]


class Fuzz:
    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.rng = rng
        self.folder = folder
        self.version = 0
        self.loop = asyncio.new_event_loop()
        self.root = Root(str(folder))
        self.requests = self.bound()
        self.requests.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.clients = [self.bound() for _ in range(6)]
        self.ports: list[tuple[str, int]] = []
        self.serve()

    @staticmethod
    def bound() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", 0))
        return sock

    def serve(self) -> None:
        settings = self.rng.choice(SETTINGS)
        self.server = TftpServer(self.loop, LOOPBACK, settings, self.root, self.saw)
        self.server.listen(self.requests)
        self.ports = [self.requests.getsockname()]

    def saw(self, event: Event) -> None:
        assert not (isinstance(event, Notice) and "fault" in event.text), event

    def change_files(self) -> None:
        self.version = (self.version + 1) % VERSIONS
        path = self.folder / self.rng.choice(("a", "b"))
        match self.rng.randrange(4):
            case 0:
                path.unlink(missing_ok=True)
            case 1 if path.exists():
                with path.open("r+b") as file:
                    file.truncate(self.rng.randrange(path.stat().st_size + 1))
            case _:
                new = self.folder / "new"
                new.write_bytes(content(self.version))
                new.replace(path)

    def datagram(self) -> bytes:
        rng = self.rng
        match rng.randrange(8):
            case 0 | 1:
                options = b"".join(rng.choices(OPTIONS, k=rng.randrange(4)))
                mode = rng.choice((b"octet", b"octet", b"netascii", b"mail"))
                packet = b"\0\1" + rng.choice(NAMES) + b"\0" + mode + b"\0" + options
            case 2 | 3 | 4:
                packet = struct.pack(
                    ">HH", 4, rng.choice((0, 1, 2, 63, 64, 65535, rng.randrange(300)))
                )
            case 5:
                packet = struct.pack(">HH", 5, rng.randrange(9)) + b"enough\0"
            case 6:
                packet = struct.pack(">HH", rng.randrange(9), rng.randrange(65536))
            case _:
                packet = rng.randbytes(rng.randrange(600))
        if rng.random() < 0.2:
            at = rng.randrange(len(packet) + 1)
            packet = packet[:at] + rng.randbytes(rng.randrange(4)) + packet[at + 1 :]
        return packet

    def read_replies(self) -> None:
        for client in self.clients:
            while True:
                try:
                    packet, sender = client.recvfrom(65536)
                except OSError:
                    break
                self.check(packet)
                if sender not in self.ports:
                    self.ports = [*self.ports[-5:], sender]

    def check(self, packet: bytes) -> None:
        assert packet[1] in (3, 5, 6), packet
        if packet[1] != 3 or len(packet) < 8 + 4 or b"\r" in packet:
            return  # netascii changes what it carries
        payload = packet[4:]
        at = next((i for i in range(4) if len(payload) >= i + 8), 0)
        words = [struct.unpack_from(">I", payload, at + shift)[0] for shift in range(4)]
        assert any(self.is_part(payload, word, shift) for shift, word in enumerate(words)), packet

    def is_part(self, payload: bytes, word: int, shift: int) -> bool:
        whole = content(word >> 20)
        start = (word & 0xFFFFF) * 4 - shift
        return start >= 0 and whole[start : start + len(payload)] == payload

    def step(self) -> None:
        rng = self.rng
        if rng.random() < 0.01:
            self.server.close()
            self.serve()
        if rng.random() < 0.05:
            self.change_files()
        for _ in range(rng.randrange(20)):
            rng.choice(self.clients).sendto(self.datagram(), rng.choice(self.ports))
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        self.read_replies()
        assert self.server.faults == 0
        assert self.server.active <= 5

    def close(self) -> None:
        self.server.close()
        for sock in (self.requests, *self.clients):
            sock.close()
        self.root.close()
        self.loop.close()


def main() -> None:
    name, arguments = arguments_of(__doc__)
    print(f"{name}: seed {arguments.seed}")
    count, began = 0, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(Path(folder), random.Random(arguments.seed))
        while time.process_time() < began + arguments.seconds:
            fuzz.step()
            count += 1
        fuzz.close()
    print(f"{name}: {count} steps, {time.process_time() - began:.0f} s, no finding")


if __name__ == "__main__":
    main()
