"""The TFTP server of one interface: requests on port 69, and who may have which transfer.

fastpxe.tftp._transfer has the protocol of a transfer. Its packets pass through _transfers without
coming here.

Sources:
  RFC 1350 section 4 (transfer identifiers), RFC 1123 section 4.2.3 (requirements for TFTP).
"""

import asyncio
import errno
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import NamedTuple

from fastpxe.dhcp.constants import TftpError
from fastpxe.errors import FileRefused, FileTruncated, MalformedPacket
from fastpxe.events import Event, Notice, Progress, TransferDone, TransferRefused
from fastpxe.net.interfaces import Interface
from fastpxe.serve.files.client_roots import Share, Shares
from fastpxe.serve.files.netascii import NetasciiFiles
from fastpxe.serve.files.resolve import Files, open_requested, refusal, write_refusal
from fastpxe.serve.files.root import OpenFile
from fastpxe.serve.files.scripts import Made, Place, ScriptMaker
from fastpxe.serve.tftp._block_sender import BlockSender
from fastpxe.serve.tftp._transfers import Download, Downloads
from fastpxe.serve.tftp.ports import Ports, ports_for
from fastpxe.text import printable
from fastpxe.tftp._transfer import Transfer
from fastpxe.tftp.packets import (
    Error,
    Rrq,
    Terms,
    TftpSettings,
    Wrq,
    default_max_blksize,
    error,
    negotiate,
    parse,
)

LOOK_S = 0.02
"""How often the transfers' timers are looked at: the shortest of them is 0.05 s."""

PROOF_S = 1.0
"""How long a transfer may take to its first ACK before it makes room for others."""

COPY_S = 0.2
"""Requests in the same words that come within this are copies of one: iPXE waits 0.25 s."""

PROGRESS_S = 1.0
"""How often running transfers are told of, and how old one is when it is told first."""

PROGRESS_MAX = 100
"""How many running transfers are told of at a time."""

SAME_WORDS = 1024
"""Requests that are remembered as read: thousands of machines ask for a file in the same words."""

_parse_once = lru_cache(maxsize=SAME_WORDS)(parse)
_MODES = ("octet", "netascii")
_IP_AND_UDP = 28
_CHANGED = "File changed during the transfer"


class TokenBucket:
    """Lets `per_s` a second through, and `burst` at once."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._filled_at = 0.0

    def take(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class _Asker(NamedTuple):
    """Whence a datagram came: addresses are integers; `fd` and `local` are where it arrived."""

    fd: int
    address: int
    port: int
    local: int

    @property
    def client(self) -> tuple[IPv4Address, int]:
        return IPv4Address(self.address), self.port

    @property
    def text(self) -> str:
        return socket.inet_ntoa(self.address.to_bytes(4, "big"))


class _About(NamedTuple):
    """What is remembered of a transfer; `path` is where the file is below the root."""

    request: Rrq
    path: bytes
    is_question: bool


class TftpServer:
    """Answers read requests that reach one interface.

    `files`, and those of [[tftp.client]] in `roots`, by path, are opened, and closed after `close`,
    by the caller, as are the sockets given to `listen`; files in transfer don't need either. Every
    decision goes to `saw`.

    `active` is the number of transfers, `dropped` that of datagrams which got no answer and no
    event, `faults` that of errors in fastpxe itself, each told by a Notice. Raises OSError when no
    socket to send files from can be had.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interface: Interface,
        settings: TftpSettings,
        files: Files,
        saw: Callable[[Event], None],
        *,
        roots: Mapping[str, Files] = MappingProxyType({}),
        scripts: ScriptMaker | None = None,
    ) -> None:
        self.saw = saw
        self.faults = 0
        self._is_closed = False
        self._loop = loop
        self._interface = interface
        self._settings = settings
        self._shares = Shares(settings, files, roots)
        self._scripts = scripts
        self._dropped = 0
        self._requests: dict[int, socket.socket] = {}
        self._read_fds: set[int] = set()
        self._transfers_of: Counter[int] = Counter()
        self._unproven: dict[Download, None] = {}
        self._asked_again: dict[Download, tuple[float, int]] = {}
        self._in_netascii = NetasciiFiles()
        self._agree = lru_cache(maxsize=SAME_WORDS)(self._terms)
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        # For answers to what is no request at all; those to requests are never held back.
        self._error_bucket = TokenBucket(per_s=20, burst=40)
        sender = BlockSender(settings.data_path, interface.mtu - _IP_AND_UDP)
        self._downloads = Downloads(sender, self._on_other, self._on_end)
        self._ports: Ports = ports_for(settings, interface, self._read_from, self._read_no_more)

    @property
    def active(self) -> int:
        return len(self._downloads)

    @property
    def dropped(self) -> int:
        return self._dropped + self._downloads.dropped

    def listen(self, sock: socket.socket) -> None:
        """Serve the requests that reach a bound, non-blocking socket with IP_PKTINFO on."""
        self._requests[sock.fileno()] = sock
        self._read_from(sock)

    def retire(self) -> None:
        """Leave new requests to whoever reads the sockets next; transfers go on.

        Those on the request port can't, for their ACKs go there too; their clients are told.
        """
        for sock in self._requests.values():
            self._read_no_more(sock)
        for download in self._downloads:
            if download.sock in self._requests:
                self._stop(download)
        self._requests.clear()

    def close(self) -> None:
        """End every transfer with outcome "stopped", listen no more, and tell what was dropped."""
        if self._is_closed:
            return
        self._is_closed = True
        self.retire()
        for download in self._downloads:
            self._stop(download)
        self._ports.close()
        if self._timer is not None:
            self._timer.cancel()
        told = {
            "left without an answer, no request or malformed": self.dropped,
            "that the kernel refused to send": self._downloads.unsent,
        }
        for what, count in told.items():
            if count:
                text = f"TFTP datagrams {what}: {count}"
                self.saw(Notice(interface=self._interface.name, text=text))

    # --- sockets and timers -------------------------------------------------------------------

    def _read_from(self, sock: socket.socket) -> None:
        self._read_fds.add(sock.fileno())
        self._loop.add_reader(sock.fileno(), self._read, sock.fileno())

    def _read_no_more(self, sock: socket.socket) -> None:
        self._read_fds.discard(sock.fileno())
        self._loop.remove_reader(sock.fileno())

    def _read(self, fd: int) -> None:
        if self._downloads.drain(fd):
            # An ICMP error woke us. libuv takes that for the socket's end, and watches it no more.
            self._loop.call_soon(self._read_again, fd)

    def _read_again(self, fd: int) -> None:
        if fd in self._read_fds:
            self._loop.remove_reader(fd)
            self._loop.add_reader(fd, self._read, fd)

    def _look(self) -> None:
        self._timer = None
        self._downloads.look()
        now = self._loop.time()
        if now - self._told_at >= PROGRESS_S:
            self._told_at = now
            self._tell_progress()
        self._set_timer()

    def _tell_progress(self) -> None:
        """Tell how far those are that take their time; of very many, of some."""
        told = 0
        for download in self._downloads:
            if download.duration_s < PROGRESS_S:
                continue
            address, port = download.client
            self.saw(
                Progress(
                    interface=self._interface.name,
                    at=time.time(),
                    client=(IPv4Address(address), port),
                    file=printable(download.about.path),
                    fetched_bytes=download.transfer.acknowledged_bytes,
                    size_bytes=download.file.size_bytes,
                )
            )
            told += 1
            if told == PROGRESS_MAX:
                return

    def _set_timer(self) -> None:
        if self._timer is None and self._downloads:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    # --- what the packet path leaves to us ----------------------------------------------------

    def _on_other(self, fd: int, datagram: bytes, address: int, port: int, local: int) -> None:
        asker = _Asker(fd, address, port, local or int(self._interface.address))
        try:
            if fd in self._requests:
                self._on_request_port(datagram, asker)
            else:
                self._on_transfer_port(datagram, asker)
        except Exception as fault:  # noqa: BLE001 - the datagram boundary: counted and told
            self._tell_fault(fault)

    def _on_end(self, download: Download) -> None:
        try:
            if download.transfer.outcome == "truncated":
                self._downloads.say(download, bytes(error(TftpError.UNDEFINED, _CHANGED)))
            self._forget(download)
            self._tell_done(download)
        except Exception as fault:  # noqa: BLE001 - must not stop the others
            self._tell_fault(fault)

    def _tell_fault(self, fault: Exception) -> None:
        self.faults += 1
        self.saw(Notice(interface=self._interface.name, text=f"fault in TFTP: {fault!r}"))

    def _forget(self, download: Download) -> None:
        address, _ = download.client
        self._transfers_of[address] -= 1
        if not self._transfers_of[address]:
            del self._transfers_of[address]
        self._unproven.pop(download, None)
        self._asked_again.pop(download, None)
        download.file.close()
        self._ports.give_back(download.sock)

    def _tell_done(self, download: Download) -> None:
        transfer, about = download.transfer, download.about
        address, port = download.client
        self.saw(
            TransferDone(
                interface=self._interface.name,
                at=time.time(),
                client=(IPv4Address(address), port),
                file=printable(about.path),
                options=transfer.terms.options,
                size_bytes=transfer.acknowledged_bytes,
                duration_s=download.duration_s,
                retransmits=transfer.retransmits,
                outcome=transfer.outcome,
                error=transfer.error,
                is_question=about.is_question,
            )
        )

    def _on_transfer_port(self, datagram: bytes, asker: _Asker) -> None:
        """Take what isn't of the transfer there: a stranger's, or of one that is over."""
        try:
            packet = parse(datagram)
        except MalformedPacket:
            self._dropped += 1
            return
        if (
            isinstance(packet, Error)
            or self._downloads.get(asker.address, asker.port)
            or not self._allows_error()
        ):
            self._dropped += 1
            return
        self._send(asker, error(TftpError.UNKNOWN_TID))  # RFC 1350 section 4

    def _on_request_port(self, datagram: bytes, asker: _Asker) -> None:
        try:
            packet = _parse_once(datagram)
        except MalformedPacket as malformed:
            self._on_malformed(malformed, datagram, asker)
            return
        match packet:
            case Rrq():
                self._on_read_request(packet, asker)
            case Wrq(filename=name):
                self._refuse(asker, name, write_refusal(self._settings), "a write request")
            case _:  # RFC 1350 has nothing of this kind sent here; answering could loop
                self._dropped += 1

    def _on_malformed(self, malformed: MalformedPacket, datagram: bytes, asker: _Asker) -> None:
        is_request = len(datagram) >= 4 and malformed.reason != "short"
        # An ERROR to a client with a transfer on this very port would end that.
        download = self._downloads.get(asker.address, asker.port)
        is_in_transfer = download is not None and download.sock == asker.fd
        if not is_request or is_in_transfer or not self._allows_error():
            self._dropped += 1
            return
        self._refuse(asker, b"", error(TftpError.ILLEGAL_OPERATION), str(malformed))

    def _on_read_request(self, request: Rrq, asker: _Asker) -> None:
        before = self._downloads.get(asker.address, asker.port)
        if before is not None:
            if before.about.request == request and self._is_copy(before):
                return
            self._downloads.end(before, "replaced")  # ROMs that start again use the same port
        if self._is_full(asker, request):
            return
        name = request.filename
        if request.mode not in _MODES:
            why = f"mode {printable(request.mode.encode('latin-1'))}"
            self._refuse(asker, name, error(TftpError.ILLEGAL_OPERATION), why)
            return
        try:
            self._begin(request, asker)
        except MalformedPacket as malformed:
            self._refuse(asker, name, error(TftpError.ILLEGAL_OPERATION), str(malformed))
        except FileRefused as refused:
            self._refuse(asker, name, refusal(refused, self._settings), str(refused))
        except FileTruncated as truncated:  # while it was made netascii
            self._refuse(asker, name, error(TftpError.UNDEFINED, _CHANGED), str(truncated))
        except OSError as failure:  # out of descriptors, an address that went away, a bad disk
            why = failure.strerror or str(failure)
            if failure.errno == errno.EADDRINUSE:  # a limit too: see _is_full
                self._tell_refused(asker, name, TftpError.UNDEFINED, why)
                return
            busy = error(TftpError.UNDEFINED, "Server can't start the transfer")
            self._refuse(asker, name, busy, why)

    def _is_copy(self, download: Download) -> bool:
        """Whether a request in the same words means the transfer that there is.

        Before an ACK, the answer was lost: it is sent again. After one, the request is late: the
        network copied it, or the client repeated it just before its answer came, and in a storm
        requests wait longer than ACKs. A client that begins anew asks once more, and has gone no
        further in between.
        """
        if not download.transfer.is_acknowledged:
            self._downloads.repeat(download)
            return True
        now, reached = self._loop.time(), download.transfer.acknowledged_bytes
        since, reached_before = self._asked_again.get(download, (now, -1))
        if reached != reached_before:
            self._asked_again[download] = (now, reached)
            return True
        return now - since < COPY_S

    def _is_full(self, asker: _Asker, request: Rrq) -> bool:
        """Whether a limit is reached. Then silence: a client asks again, and may find room."""
        settings = self._settings
        if self._transfers_of[asker.address] >= settings.max_transfers_per_client:
            why = f"max_transfers_per_client = {settings.max_transfers_per_client} reached"
        elif self.active >= settings.max_transfers and not self._make_room():
            why = f"max_transfers = {settings.max_transfers} reached"
        else:
            return False
        self._tell_refused(asker, request.filename, TftpError.UNDEFINED, why, is_full=True)
        return True

    def _make_room(self) -> bool:
        """End the oldest transfer of a client that has shown nothing of itself: perhaps forged."""
        while self._unproven:
            oldest = next(iter(self._unproven))
            if not oldest.transfer.is_acknowledged:
                if oldest.duration_s < PROOF_S:
                    return False
                self._downloads.end(oldest, "timeout")
                return True
            del self._unproven[oldest]
        return False

    def _begin(self, request: Rrq, asker: _Asker) -> None:
        share = self._shares.of(asker.address)
        made = self._made(request, asker) if self._scripts else None
        if made is not None:
            path, file = request.filename, made.file
        else:
            path, file = open_requested(
                share.files, self._settings, request.filename, client=asker.text,
                interface=self._interface.name,
            )  # fmt: skip
        about = _About(request, path, made is not None and made.is_question)
        try:
            if request.mode == "netascii":
                file = self._in_netascii.of(file)
            download = self._download(about, asker, share, file)
        except BaseException:
            file.close()
            raise
        self._transfers_of[asker.address] += 1
        self._unproven[download] = None
        self._downloads.start(download)
        self._set_timer()

    def _made(self, request: Rrq, asker: _Asker) -> Made | None:
        """Return the script for this machine, if what it asks for is one."""
        server = IPv4Address(asker.local)
        url = f"tftp://{server}"
        place = Place(asker.client[0], server, self._interface.name, url)
        return self._scripts.make(request.filename, place) if self._scripts else None

    def _download(self, about: _About, asker: _Asker, share: Share, file: OpenFile) -> Download:
        settings, request = self._settings, about.request
        tsize = file.size_bytes if request.mode == "octet" else None
        transfer = Transfer(
            self._agree(share, tuple(request.options.items()), tsize),
            file.size_bytes,
            retry_timeout_s=settings.retry_timeout_s,
            give_up_s=settings.give_up_s,
        )
        sock = self._ports.take(
            self._requests[asker.fd], socket.inet_ntoa(asker.local.to_bytes(4, "big"))
        )
        return Download(transfer, file, sock, asker.address, asker.port, asker.local, about)

    def _terms(
        self, share: Share, options: tuple[tuple[str, str], ...], size_bytes: int | None
    ) -> Terms:
        settings, interface_mtu = self._settings, self._interface.mtu
        mtu = min(interface_mtu, settings.mtu or interface_mtu)
        asked = dict(options)
        if not settings.allow_blksize:
            asked.pop("blksize", None)
        return negotiate(
            asked,
            max_blksize=share.max_blksize or default_max_blksize(mtu),
            max_windowsize=share.max_windowsize,
            size_bytes=size_bytes,
        )

    # --- answers --------------------------------------------------------------------------------

    def _allows_error(self) -> bool:
        """Whether an ERROR may be sent now to someone who is in no transfer."""
        return self._error_bucket.take(self._loop.time())

    def _stop(self, download: Download) -> None:
        """End a transfer from our side, and say so: the client need not wait for its own timer."""
        self._downloads.say(download, bytes(error(TftpError.UNDEFINED, "Server stops")))
        self._downloads.end(download, "stopped")

    def _send(self, asker: _Asker, answer: Error) -> None:
        self._downloads.send(asker.fd, asker.address, asker.port, asker.local, bytes(answer))

    def _refuse(self, asker: _Asker, name: bytes, answer: Error, why: str) -> None:
        self._send(asker, answer)
        self._tell_refused(asker, name, answer.code, why)

    def _tell_refused(
        self, asker: _Asker, name: bytes, code: int, why: str, *, is_full: bool = False
    ) -> None:
        self.saw(
            TransferRefused(
                interface=self._interface.name,
                at=time.time(),
                client=asker.client,
                file=printable(name),
                code=code,
                why=why,
                is_full=is_full,
            )
        )
