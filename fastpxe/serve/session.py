"""One TFTP transfer with its port, its file and its timer."""

import asyncio
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from fastpxe.errors import FileTruncated
from fastpxe.events import TransferDone
from fastpxe.paths import printable
from fastpxe.serve.blocks import BlockSender, DataPort, NetasciiSender, OctetSender
from fastpxe.serve.files import OpenFile
from fastpxe.serve.ports import Address, Port, send
from fastpxe.tftp import Packet, Rrq, Terms, default_max_blksize, error, negotiate
from fastpxe.transfer import Action, Done, Send, SendBlocks, Transfer
from fastpxe.wire import TftpError

if TYPE_CHECKING:
    from fastpxe.serve.tftp import TftpServer


class Session:
    """A transfer with its port, file and timer. `path` is where the file is below the root."""

    def __init__(
        self,
        server: "TftpServer",
        request: Rrq,
        client: Address,
        *,
        port: Port,
        path: bytes,
        file: OpenFile,
    ) -> None:
        self._server = server
        self._loop = server.loop
        self._request = request
        self._client = client
        self._port = port
        self._path = path
        self._file = file
        is_netascii = request.mode == "netascii"
        terms = _terms(server, request, None if is_netascii else file.size_bytes)
        self._sender: BlockSender = (NetasciiSender if is_netascii else OctetSender)(
            DataPort(port.sock, client, port.ancillary), file, terms.blksize
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

    @property
    def is_on_shared_port(self) -> bool:
        """Whether the server has to hand on what the client sends."""
        return self._port.is_shared

    def start(self) -> None:
        self._port.listen(self)
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

    def on_packet(self, packet: Packet) -> None:
        self._act(self._transfer.on(packet, self._loop.time()))

    def on_gone(self) -> None:
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
                self._send(datagram)
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
        self._send(bytes(error(TftpError.UNDEFINED, text)))

    def _send(self, datagram: bytes) -> None:
        send(self._port.sock, datagram, self._client, self._port.ancillary)

    def _end(self, done: Done) -> None:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._port.close()
        self._file.close()
        self._server.forget(self._client)
        self._server.saw(
            TransferDone(
                interface=self._server.interface.name,
                client=(IPv4Address(self._client[0]), self._client[1]),
                file=printable(self._path),
                options=self._transfer.terms.options,
                size_bytes=self._transfer.acknowledged_bytes,
                duration_s=self._loop.time() - self._started_at,
                retransmits=self._transfer.retransmits,
                outcome=done.outcome,
                error=done.error,
            )
        )


def _terms(server: "TftpServer", request: Rrq, size_bytes: int | None) -> Terms:
    settings = server.settings
    mtu = min(server.interface.mtu, settings.mtu or server.interface.mtu)
    asked = dict(request.options)
    if not settings.allow_blksize:
        asked.pop("blksize", None)
    return negotiate(
        asked,
        max_blksize=settings.max_blksize or default_max_blksize(mtu),
        max_windowsize=settings.max_windowsize,
        size_bytes=size_bytes,
    )
