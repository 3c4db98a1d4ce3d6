"""A small TFTP client for tests: packet by packet, or a whole file over a wire that loses some."""

import random
import socket
from collections.abc import Mapping
from typing import Self

import msgspec

from fastpxe.tftp.packets import Ack, Data, Error, Oack, Packet, Rrq, parse

Address = tuple[str, int]


class Refused(Exception):  # noqa: N818 - the server's answer, not a fault of the client
    """The server answered with an ERROR."""

    def __init__(self, error: Error) -> None:
        self.error = error
        super().__init__(f"ERROR {error.code}: {error.text}")


class Download(msgspec.Struct, frozen=True):
    data: bytes
    options: dict[str, str]
    acks: int


class Client:
    """One UDP port of a client. `tid` is where the last packet came from."""

    def __init__(
        self, server: Address, *, local: Address = ("127.0.0.1", 0), timeout_s: float = 10
    ) -> None:
        self.server = server
        self.tid: Address | None = None
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.settimeout(timeout_s)
        self.sock.bind(local)

    @property
    def address(self) -> Address:
        address: Address = self.sock.getsockname()
        return address

    def request(self, filename: str | bytes, mode: str = "octet", **options: str | int) -> None:
        """Send an RRQ to the server's request port."""
        name = filename.encode() if isinstance(filename, str) else filename
        texts = {key: str(value) for key, value in options.items()}
        self.send(Rrq(filename=name, mode=mode, options=texts), self.server)

    def send(self, packet: Packet | bytes, to: Address | None = None) -> None:
        """Send to the transfer's port, to the request port before there is one."""
        self.sock.sendto(bytes(packet), to or self.tid or self.server)

    def receive_datagram(self) -> bytes:
        datagram, self.tid = self.sock.recvfrom(65536)
        return datagram

    def receive(self) -> Packet:
        return parse(self.receive_datagram())

    def receive_blocks(self, count: int) -> list[int]:
        """Return the numbers of the next `count` DATA packets."""
        numbers = []
        for _ in range(count):
            packet = self.receive()
            assert isinstance(packet, Data), packet
            numbers.append(packet.block)
        return numbers

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Receiver:
    """The receiving side as EDK2 does it: an ACK a window, and one for each stray block."""

    def __init__(self, blksize: int = 512, windowsize: int = 1) -> None:
        self.blksize = blksize
        self.windowsize = windowsize
        self.blocks: list[bytes] = []
        self.is_done = False
        self._in_window = 0

    def on(self, packet: Packet) -> Ack | None:
        """Take DATA, or the OACK once more; return the ACK that is due."""
        if not isinstance(packet, Data):
            return None if self.blocks else self.acknowledge()
        if self.is_done or packet.block != (len(self.blocks) + 1) & 0xFFFF:
            return self.acknowledge()
        self.blocks.append(packet.payload)
        self._in_window += 1
        self.is_done = len(packet.payload) < self.blksize
        is_full = self._in_window == self.windowsize
        return self.acknowledge() if is_full or self.is_done else None

    def acknowledge(self) -> Ack:
        """Return an ACK of the last block in order; the next window counts from it."""
        self._in_window = 0
        return Ack(block=len(self.blocks) & 0xFFFF)


def fetch(
    server: Address,
    filename: str | bytes,
    *,
    mode: str = "octet",
    options: Mapping[str, str | int] | None = None,
    loss: float = 0.0,
    seed: int = 0,
) -> Download:
    """Download a file; `loss` drops that part of the datagrams, both ways.

    Raises Refused when the server answers with an ERROR.
    """
    dice = random.Random(seed)  # noqa: S311 - repeatable loss, no secret
    receiver = Receiver()
    granted: dict[str, str] = {}
    acks = 0
    with Client(server) as client:
        client.request(filename, mode, **(options or {}))
        while not receiver.is_done:
            packet = client.receive()
            if loss and dice.random() < loss:
                continue
            if isinstance(packet, Error):
                raise Refused(packet)
            if isinstance(packet, Oack):
                granted = packet.options
                receiver.blksize = int(granted.get("blksize", 512))
                receiver.windowsize = int(granted.get("windowsize", 1))
            ack = receiver.on(packet)
            # The last ACK is never lost here: the client is gone, nobody would repeat it.
            if ack is not None and (not loss or receiver.is_done or dice.random() >= loss):
                client.send(ack)
                acks += 1
    return Download(b"".join(receiver.blocks), granted, acks)
