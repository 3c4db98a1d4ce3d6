"""Fetch the files that a storm's answers name, over TFTP, a bounded number at a time."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

import uvloop

from fastpxe.dhcp.constants import TFTP_PORT
from fastpxe.firmware.offers import BootFile
from fastpxe.net.interfaces import Interface
from fastpxe.storm.report import Downloads, spread
from fastpxe.tftp.client import Fetch

RETRY_S = 1.0
LIMIT_S = 600.0
RECEIVE_BUFFER = 256 << 10


def download(
    offers: Sequence[BootFile],
    interface: Interface,
    at_once: int,
    saw: Callable[[int], None],
    *,
    retry_s: float = RETRY_S,
    limit_s: float = LIMIT_S,
    most_bytes: int | None = None,
) -> Downloads:
    """Fetch each; `saw` is called with the number of those that are over.

    retry_s: silence after which a packet is repeated. limit_s: what runs longer counts as failed.
    most_bytes: of a file, the rest is not wanted.
    """
    fetches = [Fetch(offer.file, most_bytes) for offer in offers]
    return uvloop.run(
        _download(offers, fetches, interface, at_once, saw, retry_s=retry_s, limit_s=limit_s)
    )


async def _download(
    offers: Sequence[BootFile],
    fetches: Sequence[Fetch],
    interface: Interface,
    at_once: int,
    saw: Callable[[int], None],
    *,
    retry_s: float,
    limit_s: float,
) -> Downloads:
    loop = asyncio.get_running_loop()
    waiting = list(zip(fetches, offers, strict=True))[::-1]
    durations: list[int] = []
    began = loop.time()

    async def work() -> None:
        while waiting:
            fetch, offer = waiting.pop()
            started = loop.time()
            await _fetch(fetch, offer, interface, retry_s)
            if not fetch.failure:
                durations.append(round((loop.time() - started) * 1e9))
            saw(len(offers) - len(waiting))

    workers = asyncio.gather(*(work() for _ in range(min(at_once, len(offers)))))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(workers, limit_s)
    return _downloads(offers, fetches, loop.time() - began, durations)


def _downloads(
    offers: Sequence[BootFile], fetches: Sequence[Fetch], seconds: float, durations: list[int]
) -> Downloads:
    sizes: dict[str, int] = {}
    failures: Counter[str] = Counter()
    for offer, fetch in zip(offers, fetches, strict=True):
        failure = fetch.failure or ("" if fetch.is_done else "not finished in time")
        if not failure and sizes.setdefault(offer.file, fetch.size_bytes) != fetch.size_bytes:
            failure = "another size than the first time"
        if failure:
            failures[f"{offer.file}: {failure}"] += 1
    return Downloads(
        started=len(offers),
        completed=len(offers) - failures.total(),
        failures=dict(failures),
        sizes=sizes,
        size_bytes=sum(fetch.size_bytes for fetch in fetches),
        seconds=seconds,
        duration=spread(durations),
    )


async def _fetch(fetch: Fetch, offer: BootFile, interface: Interface, retry_s: float) -> None:
    """Run one download to its end."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        sock.bind(("0.0.0.0", 0))
        transfer = _Transfer(fetch, sock, (offer.server, TFTP_PORT), loop, retry_s)
        try:
            await transfer.run()
        finally:
            transfer.close()


class _Transfer:
    """A Fetch with its socket and its timer."""

    def __init__(
        self,
        fetch: Fetch,
        sock: socket.socket,
        server: tuple[str, int],
        loop: asyncio.AbstractEventLoop,
        retry_s: float,
    ) -> None:
        self._fetch = fetch
        self._sock = sock
        self._server = server
        self._is_port_known = False
        self._retry_s = retry_s
        self._loop = loop
        self._over: asyncio.Future[None] = loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = loop.time()

    async def run(self) -> None:
        self._loop.add_reader(self._sock.fileno(), self._readable)
        self._send(self._fetch.start())
        self._timer = self._loop.call_later(self._retry_s, self._on_timer)
        self._end_if_done()
        await self._over

    def close(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        if self._timer is not None:
            self._timer.cancel()

    def _readable(self) -> None:
        """Take all that waits: a window is several packets."""
        with contextlib.suppress(BlockingIOError):
            while not self._fetch.is_done:
                datagram, peer = self._sock.recvfrom(65536)
                if self._is_from_server(peer):
                    self._heard_at = self._loop.time()
                    self._send(self._fetch.on(datagram))
        self._end_if_done()

    def _is_from_server(self, peer: tuple[str, int]) -> bool:
        """RFC 1350 section 4: the first answer's port is the transfer's for good."""
        if not self._is_port_known and IPv4Address(peer[0]) == IPv4Address(self._server[0]):
            self._server = peer
            self._is_port_known = True
        return peer == self._server

    def _on_timer(self) -> None:
        if self._loop.time() - self._heard_at >= self._retry_s:
            self._send(self._fetch.on_timeout())
        self._timer = self._loop.call_later(self._retry_s, self._on_timer)
        self._end_if_done()

    def _send(self, packet: bytes | None) -> None:
        if packet is None:
            return
        try:
            self._sock.sendto(packet, self._server)
        except OSError as error:
            self._fetch.abandon(str(error.strerror))

    def _end_if_done(self) -> None:
        if self._fetch.is_done and not self._over.done():
            self._over.set_result(None)
