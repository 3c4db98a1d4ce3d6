"""Where transfers leave from: a socket for all of them, one each, or the request port.

Sources:
  RFC 1350 section 4 (transfer identifiers), ip(7) (IP_RECVERR, IP_MTU_DISCOVER).
"""

import errno
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from fastpxe.net.interfaces import Interface
from fastpxe.net.sockets import (
    IP_MTU_DISCOVER,
    IP_PMTUDISC_DONT,
    IP_RECVERR,
    enlarge,
)
from fastpxe.tftp.packets import TftpSettings

Listen = Callable[[socket.socket], None]

SHARED_BUFFER = 64 << 20
"""Bytes, asked for where ACKs of thousands of clients arrive, or windows for them wait."""


class Ports(Protocol):
    """Gives each transfer its socket."""

    def take(self, request: socket.socket, local: str) -> int:
        """Return the descriptor to send from, for a request to our address. Raises OSError."""

    def give_back(self, fd: int) -> None:
        """Have no more use for a socket."""

    def close(self) -> None:
        """End all."""


class RequestPort:
    """Port 69 for everything: clients behind a firewall that lets no other port through."""

    def take(self, request: socket.socket, local: str) -> int:  # noqa: ARG002 - set per datagram
        return request.fileno()

    def give_back(self, fd: int) -> None:
        """Nothing to be done: the socket is the server's."""

    def close(self) -> None:
        """Nothing to be done, either."""


class SharedPort:
    """One socket for all: no descriptor a transfer, and ACKs of many clients are read at once."""

    def __init__(self, interface: Interface, listen: Listen, unlisten: Listen) -> None:
        self._unlisten = unlisten
        # Without ICMP errors: each would hold up the others' transfers for a moment.
        self._sock = open_transfer_socket(interface, "0.0.0.0", hears_icmp=False)
        enlarge(self._sock, SHARED_BUFFER)
        listen(self._sock)

    def take(self, request: socket.socket, local: str) -> int:  # noqa: ARG002 - set per datagram
        return self._sock.fileno()

    def give_back(self, fd: int) -> None:
        """Nothing to be done: others use it."""

    def close(self) -> None:
        self._unlisten(self._sock)
        self._sock.close()


class OwnPorts:
    """A socket for each transfer, on one of `ports`; 0 is any free one."""

    def __init__(
        self, interface: Interface, listen: Listen, unlisten: Listen, ports: Iterable[int] = (0,)
    ) -> None:
        self._interface = interface
        self._listen = listen
        self._unlisten = unlisten
        self._ports = ports
        self._sockets: dict[int, socket.socket] = {}

    def take(self, request: socket.socket, local: str) -> int:  # noqa: ARG002 - not that one
        sock = open_transfer_socket(self._interface, local, self._ports)
        self._sockets[sock.fileno()] = sock
        self._listen(sock)
        return sock.fileno()

    def give_back(self, fd: int) -> None:
        sock = self._sockets.pop(fd)
        self._unlisten(sock)
        sock.close()

    def close(self) -> None:
        for fd in list(self._sockets):
            self.give_back(fd)


class PortRange:
    """Port numbers from `low` to `high`, the next one first each time.

    A port that was just let go comes last: a late datagram of its old transfer meets no new one.
    """

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        self._size = high - low + 1
        self._next = 0

    def __iter__(self) -> Iterator[int]:
        for _ in range(self._size):
            port = self._low + self._next
            self._next = (self._next + 1) % self._size
            yield port


def ports_for(
    settings: TftpSettings, interface: Interface, listen: Listen, unlisten: Listen
) -> Ports:
    """Return what the settings ask for. Raises OSError."""
    match settings.ports:
        case "shared":
            return SharedPort(interface, listen, unlisten)
        case "single":
            return RequestPort()
        case "per-transfer":
            return OwnPorts(interface, listen, unlisten)
        case (low, high):
            return OwnPorts(interface, listen, unlisten, PortRange(low, high))


def open_transfer_socket(
    interface: Interface, local: str, ports: Iterable[int] = (0,), *, hears_icmp: bool = True
) -> socket.socket:
    """Open a socket to send files from, on the first of `ports` that is free. Raises OSError.

    Port 0 is any free one. The socket stays unconnected, so that strangers get their ERROR 5.
    `hears_icmp`: it reports ICMP errors, which say that a client is gone.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # DF stays clear: ROMs don't take part in path MTU discovery.
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, int(hears_icmp))
        _bind_to_device(sock, interface.name)
        _bind_to_first_free(sock, local, ports)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_to_first_free(sock: socket.socket, local: str, ports: Iterable[int]) -> None:
    for port in ports:
        try:
            sock.bind((local, port))
        except OSError as failure:
            if failure.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise OSError(errno.EADDRINUSE, "no free port in tftp.ports")


def _bind_to_device(sock: socket.socket, name: str) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(name))
    except PermissionError:
        return  # before Linux 5.7 only for root; routes then choose the interface
