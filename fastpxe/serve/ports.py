"""Where a transfer's datagrams leave from: a port of its own, or the request port for all.

Sources:
  RFC 1350 section 4 (transfer identifiers), ip(7) (IP_RECVERR, IP_MTU_DISCOVER).
"""

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from fastpxe.errors import MalformedPacket
from fastpxe.serve.blocks import Ancillary
from fastpxe.serve.interfaces import Interface
from fastpxe.serve.sockets import IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_RECVERR, MSG_ERRQUEUE
from fastpxe.tftp import Error, Packet, error, parse
from fastpxe.wire import TftpError

if TYPE_CHECKING:
    from fastpxe.serve.tftp import TftpServer

Address = tuple[str, int]

LARGEST_READ = 2048
BATCH = 64
"""Datagrams read in one wake-up, so that no socket keeps the others waiting."""


class Listener(Protocol):
    """The transfer behind a port."""

    def on_packet(self, packet: Packet) -> None:
        """Take a packet that the client sent."""

    def on_gone(self) -> None:
        """Take note that the client's port is closed."""

    def stop(self) -> None:
        """End it: what it listens with has a fault."""


class Port(Protocol):
    """What a transfer sends with. Its packets come to the listener until `close`.

    `is_shared` says that the server reads the socket, and hands on what is for this transfer.
    """

    is_shared: bool
    sock: socket.socket
    ancillary: Ancillary

    def listen(self, listener: Listener) -> None:
        """Bring what arrives from now on to the transfer."""

    def close(self) -> None:
        """Have nothing arrive any more."""


class SharedPort:
    """The request port. Transfers are told apart by the client's address and port alone."""

    is_shared = True

    def __init__(self, sock: socket.socket, ancillary: Ancillary) -> None:
        self.sock = sock
        self.ancillary = ancillary

    def listen(self, listener: Listener) -> None:
        """Nothing to be done: the server reads this socket anyway."""

    def close(self) -> None:
        """Nothing to be done: the socket is the server's."""


class OwnPort:
    """A socket of its own: strangers get ERROR 5, and ICMP errors say which client is gone."""

    is_shared = False
    ancillary: Ancillary = ()

    def __init__(self, server: "TftpServer", sock: socket.socket, client: Address) -> None:
        self.sock = sock
        self._server = server
        self._client = client
        self._listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        self._listener = listener
        self._server.loop.add_reader(self.sock, self._server.guarded, self._read, listener.stop)

    def close(self) -> None:
        self._listener = None
        self._server.loop.remove_reader(self.sock)
        self.sock.close()

    def _read(self) -> None:
        for count in range(BATCH):
            if self._listener is None:
                return
            try:
                datagram, sender = self.sock.recvfrom(LARGEST_READ)
            except BlockingIOError:
                if count == 0:  # woken by the error queue; left full, it would wake us for ever
                    self._read_icmp_error(self._listener)
                return
            except OSError:
                self._read_icmp_error(self._listener)
            else:
                self._on_datagram(datagram, sender, self._listener)

    def _on_datagram(self, datagram: bytes, sender: Address, listener: Listener) -> None:
        try:
            packet = parse(datagram)
        except MalformedPacket:
            self._server.dropped += 1
            return
        if sender == self._client:
            listener.on_packet(packet)
        elif not isinstance(packet, Error) and self._server.allows_error():
            send(self.sock, bytes(error(TftpError.UNKNOWN_TID)), sender)  # RFC 1350 section 4
        else:
            self._server.dropped += 1

    def _read_icmp_error(self, listener: Listener) -> None:
        """Take one ICMP error; the client's port being closed ends the transfer."""
        try:
            *_, about = self.sock.recvmsg(0, 0, MSG_ERRQUEUE)
        except BlockingIOError:
            return
        if about == self._client:
            listener.on_gone()


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


def open_transfer_socket(
    interface: Interface, local: str, ports: Iterable[int] = (0,)
) -> socket.socket:
    """Open the socket of one transfer, on the first of `ports` that is free. Raises OSError.

    Port 0 is any free one. The socket stays unconnected, so that strangers get their ERROR 5, and
    reports ICMP errors.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # DF stays clear: ROMs don't take part in path MTU discovery.
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
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
    raise OSError(errno.EADDRINUSE, "no free port in port_range")


def _bind_to_device(sock: socket.socket, name: str) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(name))
    except PermissionError:
        return  # before Linux 5.7 only for root; routes then choose the interface


def send(sock: socket.socket, datagram: bytes, to: Address, ancillary: Ancillary = ()) -> None:
    """Send one datagram, or lose it: the timers of both sides are made for that."""
    try:
        sock.sendmsg([datagram], ancillary, 0, to)
    except OSError:
        return
