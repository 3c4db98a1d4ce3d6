"""Two namespaces as those in which dnsmasq's TFTP was recorded, and a client that tells replies.

server  dqs0 10.88.0.1, dqs1 10.88.9.1     client  10.88.0.50, 10.88.0.2 and 10.88.9.50
"""

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from netns import Namespace, Process
from started import SERVE

from fastpxe.tftp.packets import Ack, Data, Error, Oack, parse

SERVER, CLIENT = "10.88.0.1", "10.88.0.50"
MAC = "52:54:00:12:34:56"
LIMIT_S = 20
IP_RECVERR = 11
SCRIPT = Path(__file__).with_name("tftp_server.py")
KEPT_REPLIES = 6


class Outcome(NamedTuple):
    """What a request led to: the first replies as text, how many came, the bytes of file in them.

    No reply at all is silence, which a closed port is too.
    """

    first: tuple[str, ...]
    count: int
    size_bytes: int


SILENCE = Outcome((), 0, 0)


class Answer(NamedTuple):
    outcome: Outcome
    ports: set[int]
    start: bytes  # of the first DATA


def told(datagram: bytes) -> str:
    """A reply as the recordings have it, options in the order of their names, no ERROR text."""
    match parse(datagram):
        case Data(block=block, payload=payload):
            return f"DATA #{block} len={len(payload)}"
        case Oack(options=options):
            return "OACK " + " ".join(f"{name} {options[name]}" for name in sorted(options))
        case Error(code=code):
            return f"ERROR {code}"
    raise AssertionError(datagram)


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Namespace()
        self.client = Namespace()
        for name, address in (("dqs0", SERVER), ("dqs1", "10.88.9.1")):
            holder = self.client.path
            self.server.ip(f"link add {name} type veth peer name {name} netns {holder}")
            self.server.ip(f"addr add {address}/24 dev {name}\nlink set {name} up")
        self.client.ip(f"link set dqs0 address {MAC}")
        for address in (CLIENT, "10.88.0.2"):
            self.client.ip(f"addr add {address}/24 dev dqs0")
        self.client.ip("addr add 10.88.9.50/24 dev dqs1\nlink set dqs0 up\nlink set dqs1 up")
        for namespace in (self.server, self.client):
            namespace.ip("link set dqs1 mtu 9000")

    def close(self) -> None:
        os.close(self.server.fd)
        os.close(self.client.fd)

    @contextmanager
    def fastpxe(self, conf: str, user: str = "root") -> Iterator[Process]:
        path = self.write(conf)
        command: list[str | Path] = [sys.executable, "-W", "error"]
        if user == "root":
            command += [*SERVE[1:], "--dnsmasq-conf", path]
        else:
            command += [SCRIPT, path, user]
        with self.running(command, "ready") as process:
            yield process

    @contextmanager
    def dnsmasq(self, conf: str, user: str = "root") -> Iterator[Process]:
        path = self.write(conf)
        command = ["dnsmasq", "-k", "--log-facility=-", "--pid-file=", f"--conf-file={path}"]
        command += [f"--user={user}", f"--group={'root' if user == 'root' else 'nogroup'}"]
        with self.running(command, "started, version") as process:
            yield process

    def write(self, conf: str) -> Path:
        path = self.folder / "conf"
        path.write_text(conf)
        return path

    @contextmanager
    def running(self, command: list[str | Path], sign: str) -> Iterator[Process]:
        """Wait until the program says that it serves, or has ended."""
        process = Process(self.server, *command, log=self.folder / "log")
        try:
            limit = time.monotonic() + LIMIT_S
            while sign not in process.output() and process.is_running():
                assert time.monotonic() < limit, process.output()
                time.sleep(0.01)
            yield process
        finally:
            if process.is_running():
                process.stop(signal.SIGTERM)

    def ask(
        self, request: bytes, most: int = 200_000, *, source: str = CLIENT, server: str = SERVER
    ) -> Answer:
        """Send a request, acknowledge what comes, and stop after the end or `most` replies."""
        replies: list[bytes] = []
        ports: set[int] = set()
        with self.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(LIMIT_S)
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sock.bind((source, 0))
            sock.sendto(request, (server, 69))
            if len(request) < 2:  # nobody answers that: the answer will be to this
                sock.sendto(b"\0\1fence\0octet\0", (server, 69))
            try:
                while not is_end(replies) and len(replies) < most:
                    datagram, address = sock.recvfrom(65536)
                    replies.append(datagram)
                    ports.add(address[1])
                    if not isinstance(parse(datagram), Error):
                        sock.sendto(acknowledgement(datagram), address)
                if not is_end(replies):
                    sock.sendto(bytes(Error(code=0)), address)
            except ConnectionRefusedError:
                pass
        return answer_of(replies, ports, request)


def answer_of(replies: list[bytes], ports: set[int], request: bytes) -> Answer:
    if len(request) < 2 and [told(reply) for reply in replies] == ["ERROR 1"]:
        return Answer(SILENCE, set(), b"")
    blocks = [reply[4:] for reply in replies if reply[1] == 3]
    first = tuple(map(told, replies[:KEPT_REPLIES]))
    outcome = Outcome(first, len(replies), sum(map(len, blocks)))
    return Answer(outcome, ports, blocks[0] if blocks else b"")


def is_end(replies: list[bytes]) -> bool:
    """Whether the last one ends a transfer: an ERROR, or a block shorter than the others."""
    if not replies or replies[-1][1] == 6:
        return False
    packet = parse(replies[-1])
    if not isinstance(packet, Data):
        return True
    first = parse(replies[0])
    granted = first.options if isinstance(first, Oack) else {}
    return len(packet.payload) < int(granted.get("blksize", 512))


def acknowledgement(datagram: bytes) -> bytes:
    packet = parse(datagram)
    return bytes(Ack(block=packet.block if isinstance(packet, Data) else 0))


def make_tree(folder: Path) -> None:
    """Make the files that were served in the recordings, below `folder`/tftp."""
    root = folder / "tftp"
    sizes = {f"f{size}": size for size in (0, 1, 511, 512, 513, 1024, 3000)}
    sizes |= {"dir/sub/x.bin": 600, "sp ace": 12, "lower.txt": 10, "Upper.TXT": 10}
    sizes |= {"10.88.0.50/f1": 5, "52-54-00-12-34-56/macfile": 6, "iface/only-if": 7}
    sizes |= {"private": 10, "groupread": 10, "nobody-owned": 10}
    for name, size in sizes.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(i % 256 for i in range(size)))
    (root / "big").write_bytes(bytes(560_000))
    (root / "nl.txt").write_bytes(b"a\nb\r\nc\n" + b"x" * 505 + b"\n\nend\n")
    (folder / "outside.txt").write_bytes(b"outside")
    (root / "link-out").symlink_to("../outside.txt")
    (root / "link-in").symlink_to("f513")
    (root / "dangling").symlink_to("nowhere")
    (root / "private").chmod(0o600)
    (root / "groupread").chmod(0o640)
    shutil.chown(root / "nobody-owned", "nobody")
