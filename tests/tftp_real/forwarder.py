"""A bad wire in user space: it drops, copies, delays and reorders datagrams, by a seed."""

import heapq
import random
import selectors
import socket
import threading
import time
from itertools import count
from typing import NamedTuple, Self

from tftp_client import Address

RRQ = b"\0\1"


class Wire(NamedTuple):
    """What happens to a datagram: three chances, and up to how many seconds it takes.

    A datagram that is held back for `late_s` more is overtaken by others. Requests are lost, but
    neither copied nor held back: what a late copy of one does has a test of its own.
    """

    drop: float = 0.0
    copy: float = 0.0
    late: float = 0.0
    delay_s: float = 0.002
    late_s: float = 0.01


class Forwarder:
    """Stands for a TFTP server at `address`, and for its clients towards that.

    Each client has a socket of its own towards the server, which so tells them apart. Each port
    that the server answers from has one of its own towards the client, as the server has it.
    """

    def __init__(self, server: Address, wire: Wire, seed: int) -> None:
        self.server = server
        self.wire = wire
        self.dice = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self.seen = {"dropped": 0, "copied": 0, "late": 0}
        self._upstream: dict[Address, socket.socket] = {}
        self._downstream: dict[tuple[Address, Address], socket.socket] = {}
        self._waiting: list[tuple[float, int, socket.socket, bytes, Address]] = []
        self._number = count()
        self._selector = selectors.DefaultSelector()
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ)
        self._front = self._open()
        self._selector.register(self._front, selectors.EVENT_READ, self._from_client)
        self._thread = threading.Thread(target=self._run)

    @property
    def address(self) -> Address:
        address: Address = self._front.getsockname()
        return address

    def port_for(self, client: Address) -> int:
        """Return the port by which the server knows a client that has sent something."""
        port: int = self._upstream[client].getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.send(b"x")
        self._thread.join()
        sockets = (*self._upstream.values(), *self._downstream.values())
        for sock in (self._front, self._stop, self._stopped, *sockets):
            sock.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            wait_s = max(0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            for key, _ in self._selector.select(wait_s):
                if key.data is None:
                    return
                key.data(key.fileobj)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, sock, datagram, to = heapq.heappop(self._waiting)
                sock.sendto(datagram, to)

    def _from_client(self, sock: socket.socket) -> None:
        """Take a request: it goes to the server's request port."""
        datagram, client = sock.recvfrom(65536)
        if client not in self._upstream:

            def from_server(upstream: socket.socket) -> None:
                answer, port = upstream.recvfrom(65536)
                self._pass(self._downstream_for(client, port), answer, client)

            self._upstream[client] = self._open()
            self._selector.register(self._upstream[client], selectors.EVENT_READ, from_server)
        self._pass(self._upstream[client], datagram, self.server)

    def _downstream_for(self, client: Address, port: Address) -> socket.socket:
        """Return the socket that stands for a port of the server towards a client."""
        if port == self.server:  # ports = "single"
            return self._front
        if (client, port) not in self._downstream:

            def from_client(downstream: socket.socket) -> None:
                datagram, sender = downstream.recvfrom(65536)
                if sender == client:
                    self._pass(self._upstream[client], datagram, port)

            self._downstream[client, port] = self._open()
            self._selector.register(
                self._downstream[client, port], selectors.EVENT_READ, from_client
            )
        return self._downstream[client, port]

    def _pass(self, sock: socket.socket, datagram: bytes, to: Address) -> None:
        if self._happens("dropped", self.wire.drop):
            return
        is_request = datagram.startswith(RRQ)
        for _ in range(2 if not is_request and self._happens("copied", self.wire.copy) else 1):
            at = time.monotonic() + self.dice.random() * self.wire.delay_s
            if not is_request and self._happens("late", self.wire.late):
                at += self.wire.late_s
            heapq.heappush(self._waiting, (at, next(self._number), sock, datagram, to))

    def _happens(self, what: str, chance: float) -> bool:
        happens = self.dice.random() < chance
        self.seen[what] += happens
        return happens

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", 0))
        return sock
