"""One TFTP transfer with its socket, its file and its timer.

Sources:
  RFC 1350 section 4 (transfer identifiers), ip(7) (IP_RECVERR, IP_MTU_DISCOVER).
"""

import asyncio
import os
import socket
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from fastpxe.errors import FileTruncated, MalformedPacket
from fastpxe.events import TransferDone
from fastpxe.paths import printable, relative_path
from fastpxe.serve.blocks import (
    BlockSender,
    NetasciiSender,
    OctetSender,
    OpenFile,
)
from fastpxe.serve.interfaces import Interface
from fastpxe.serve.sockets import IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_RECVERR, MSG_ERRQUEUE
from fastpxe.tftp import Error, Rrq, Terms, default_max_blksize, error, negotiate, parse
from fastpxe.transfer import Action, Done, Send, SendBlocks, Transfer
from fastpxe.wire import TftpError

if TYPE_CHECKING:
    from fastpxe.serve.tftp import TftpServer

Address = tuple[str, int]

LARGEST_READ = 2048
BATCH = 64
"""Datagrams read in one wake-up, so that no socket keeps the others waiting."""


class Session:
    """A transfer with its socket, file and timer."""

    def __init__(
        self,
        server: "TftpServer",
        request: Rrq,
        client: Address,
        sock: socket.socket,
        file: OpenFile,
    ) -> None:
        self._server = server
        self._loop = server.loop
        self._request = request
        self._client = client
        self._sock = sock
        self._file = file
        is_netascii = request.mode == "netascii"
        terms = _terms(server, request, None if is_netascii else file.size_bytes)
        self._sender: BlockSender = (NetasciiSender if is_netascii else OctetSender)(
            sock, client, file, terms.blksize
        )
        self._transfer = Transfer(
            terms,
            self._sender.size_bytes,
            retry_timeout_s=server.settings.retry_timeout_s,
            give_up_s=server.settings.give_up_s,
        )
        self._started_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = 0.0
        self._is_over = False

    def start(self) -> None:
        self._loop.add_reader(self._sock, self._server.guarded, self._read, self.stop)
        self._act(self._transfer.start(self._loop.time()))

    def is_repeated_by(self, request: Rrq) -> bool:
        """Whether this is the same request once more, since no answer has reached the client."""
        return request == self._request and not self._transfer.is_acknowledged

    def repeat(self) -> None:
        self._act(self._transfer.on_repeated_request(self._loop.time()))

    def replace(self) -> None:
        self._end(Done("replaced"))

    def stop(self) -> None:
        """End it from our side, and say so: the client need not wait for its own timer."""
        if not self._is_over:
            self._tell_client("Server stops")
            self._end(Done("stopped"))

    def _read(self) -> None:
        for count in range(BATCH):
            try:
                datagram, sender = self._sock.recvfrom(LARGEST_READ)
            except BlockingIOError:
                if count == 0:  # woken by the error queue; left full, it would wake us for ever
                    self._read_icmp_error()
                return
            except OSError:
                self._read_icmp_error()
            else:
                self._on_datagram(datagram, sender)
            if self._is_over:
                return

    def _on_datagram(self, datagram: bytes, sender: Address) -> None:
        try:
            packet = parse(datagram)
        except MalformedPacket:
            self._server.dropped += 1
            return
        if sender == self._client:
            self._act(self._transfer.on(packet, self._loop.time()))
        elif not isinstance(packet, Error) and self._server.allows_error():
            send(self._sock, bytes(error(TftpError.UNKNOWN_TID)), sender)  # RFC 1350 section 4
        else:
            self._server.dropped += 1

    def _read_icmp_error(self) -> None:
        """Take one ICMP error; the client's port being closed ends the transfer."""
        try:
            *_, about = self._sock.recvmsg(0, 0, MSG_ERRQUEUE)
        except BlockingIOError:
            return
        if about == self._client:
            self._end(Done("client-error", "the client's port is closed (ICMP)"))

    def _on_timer(self) -> None:
        self._timer = None
        self._act(self._transfer.on_timer(self._loop.time()))

    def _set_timer(self) -> None:
        """Have a timer that fires by the deadline.

        One that fires sooner stays: it costs less to look again then than to move it per packet.
        """
        deadline = self._transfer.deadline
        if self._is_over or (self._timer is not None and self._fires_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = deadline
        # A millisecond is the resolution of uvloop's clock; less would spin.
        delay_s = max(deadline - self._loop.time(), 0.001)
        self._timer = self._loop.call_later(
            delay_s, self._server.guarded, self._on_timer, self.stop
        )

    def _act(self, action: Action | None) -> None:
        match action:
            case Send(datagram=datagram):
                send(self._sock, datagram, self._client)
            case SendBlocks(first=first, count=count):
                self._send_blocks(first, count)
            case Done():
                self._end(action)
        self._set_timer()

    def _send_blocks(self, first: int, count: int) -> None:
        try:
            self._sender.send(first, count)
        except FileTruncated as truncated:
            self._tell_client("File changed during the transfer")
            self._end(Done("truncated", str(truncated)))
            return
        if self._transfer.size_bytes is None and self._sender.size_bytes is not None:
            self._transfer.found_size(self._sender.size_bytes)

    def _tell_client(self, text: str) -> None:
        send(self._sock, bytes(error(TftpError.UNDEFINED, text)), self._client)

    def _end(self, done: Done) -> None:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()
        self._file.close()
        self._server.forget(self._client)
        self._server.saw(
            TransferDone(
                interface=self._server.interface.name,
                client=(IPv4Address(self._client[0]), self._client[1]),
                file=printable(relative_path(self._request.filename)),
                options=self._transfer.terms.options,
                size_bytes=self._transfer.acknowledged_bytes,
                duration_s=self._loop.time() - self._started_at,
                retransmits=self._transfer.retransmits,
                outcome=done.outcome,
                error=done.error,
            )
        )


def open_transfer_socket(interface: Interface, local: str) -> socket.socket:
    """Open the socket of one transfer: a free port of one of our addresses. Raises OSError.

    It stays unconnected, so that strangers get their ERROR 5, and reports ICMP errors.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # DF stays clear: ROMs don't take part in path MTU discovery.
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        _bind_to_device(sock, interface.name)
        sock.bind((local, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _bind_to_device(sock: socket.socket, name: str) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(name))
    except PermissionError:
        return  # before Linux 5.7 only for root; routes then choose the interface


def send(
    sock: socket.socket,
    datagram: bytes,
    to: Address,
    extras: list[tuple[int, int, bytes]] | None = None,
) -> None:
    """Send one datagram; `extras` is ancillary data, such as the source address."""
    try:
        sock.sendmsg([datagram], extras or (), 0, to)
    except OSError:
        return  # as good as lost on the wire, which is what the timers of both sides are for


def _terms(server: "TftpServer", request: Rrq, size_bytes: int | None) -> Terms:
    settings = server.settings
    return negotiate(
        request.options,
        max_blksize=settings.max_blksize or default_max_blksize(server.interface.mtu),
        max_windowsize=settings.max_windowsize,
        size_bytes=size_bytes,
    )
