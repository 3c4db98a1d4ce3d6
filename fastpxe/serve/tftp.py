"""The TFTP server of one interface: requests on port 69, each transfer on a port of its own.

Sources:
  RFC 1350 section 4 (transfer identifiers), RFC 1123 section 4.2.3 (requirements for TFTP),
  ip(7) (IP_PKTINFO, IP_RECVERR, IP_MTU_DISCOVER).
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address

from fastpxe.errors import FileForbidden, FileNotFound, FileRefused, MalformedPacket
from fastpxe.events import Event, Notice, TransferRefused
from fastpxe.paths import printable, relative_path
from fastpxe.serve.blocks import Root
from fastpxe.serve.interfaces import Interface
from fastpxe.serve.session import (
    BATCH,
    LARGEST_READ,
    Address,
    Session,
    open_transfer_socket,
    send,
)
from fastpxe.serve.sockets import IP_PKTINFO
from fastpxe.tftp import Error, Rrq, TftpSettings, Wrq, error, parse
from fastpxe.wire import TftpError

_PKTINFO = struct.Struct("=I4s4s")  # in_pktinfo: interface, local address, destination
_MODES = ("octet", "netascii")


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


class TftpServer:
    """Answers read requests that reach one interface.

    `root` is opened, and closed after `close` or `reload`, by the caller, as are the sockets
    given to `listen`; files in transfer don't need either. Every decision goes to `saw`.

    `active` is the number of transfers, `dropped` that of datagrams which got no answer and no
    event, `faults` that of errors in fastpxe itself, each told by a Notice.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interface: Interface,
        settings: TftpSettings,
        root: Root,
        saw: Callable[[Event], None],
    ) -> None:
        self.loop = loop
        self.interface = interface
        self.settings = settings
        self.saw = saw
        self.dropped = 0
        self.faults = 0
        self._root = root
        self._sockets: list[socket.socket] = []
        self._sessions: dict[Address, Session] = {}
        self._sessions_of: Counter[str] = Counter()
        # For answers to what is no request at all; those to requests are never held back.
        self._error_bucket = TokenBucket(per_s=20, burst=40)

    @property
    def active(self) -> int:
        return len(self._sessions)

    def listen(self, sock: socket.socket) -> None:
        """Serve the requests that reach a bound, non-blocking socket with IP_PKTINFO on."""
        self._sockets.append(sock)
        self.loop.add_reader(sock, self.guarded, lambda: self._read(sock), _nothing)

    def reload(self, settings: TftpSettings, root: Root) -> None:
        """Use other settings, and another root, for the transfers that begin from now on."""
        self.settings = settings
        self._root = root

    def close(self) -> None:
        """End every transfer with outcome "stopped", and listen no more."""
        for sock in self._sockets:
            self.loop.remove_reader(sock)
        self._sockets.clear()
        for session in list(self._sessions.values()):
            session.stop()

    def guarded(self, step: Callable[[], None], on_fault: Callable[[], None]) -> None:
        """Run a step of the server; a fault of ours ends what it was about, not the server."""
        try:
            step()
        except Exception as fault:  # noqa: BLE001 - the datagram boundary: counted and told
            self.faults += 1
            self.saw(Notice(interface=self.interface.name, text=f"fault in TFTP: {fault!r}"))
            on_fault()

    def allows_error(self) -> bool:
        """Whether an ERROR may be sent now to someone who is in no transfer."""
        return self._error_bucket.take(self.loop.time())

    def forget(self, client: Address) -> None:
        """Take a transfer that has ended off the books."""
        del self._sessions[client]
        self._sessions_of[client[0]] -= 1
        if not self._sessions_of[client[0]]:
            del self._sessions_of[client[0]]

    def _read(self, sock: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                datagram, extras, _, client = sock.recvmsg(
                    LARGEST_READ, socket.CMSG_SPACE(_PKTINFO.size)
                )
            except BlockingIOError:
                return
            if client[1] == 0:  # a forged source: nothing can be sent there
                self.dropped += 1
                continue
            self._on_datagram(datagram, client, _Reply(sock, self._local_address(extras), client))

    def _local_address(self, extras: list[tuple[int, int, bytes]]) -> str:
        """Return the address to answer from: that which was asked, ours if it was a broadcast."""
        for level, kind, value in extras:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                _, local, destination = _PKTINFO.unpack_from(value)
                if local == destination:
                    return socket.inet_ntoa(local)
        return str(self.interface.address)

    def _on_datagram(self, datagram: bytes, client: Address, reply: "_Reply") -> None:
        try:
            packet = parse(datagram)
        except MalformedPacket as malformed:
            self._on_malformed(malformed, datagram, client, reply)
            return
        match packet:
            case Rrq():
                self._on_read_request(packet, client, reply)
            case Wrq(filename=name):
                self._refuse(
                    client, reply, name, error(TftpError.ACCESS_VIOLATION), "a write request"
                )
            case _:  # RFC 1350 has nothing else sent to this port; answering could loop
                self.dropped += 1

    def _on_malformed(
        self, malformed: MalformedPacket, datagram: bytes, client: Address, reply: "_Reply"
    ) -> None:
        if len(datagram) < 4 or malformed.reason == "short" or not self.allows_error():
            self.dropped += 1
            return
        self._refuse(client, reply, b"", error(TftpError.ILLEGAL_OPERATION), str(malformed))

    def _on_read_request(self, request: Rrq, client: Address, reply: "_Reply") -> None:
        session = self._sessions.get(client)
        if session is not None:
            if session.is_repeated_by(request):
                session.repeat()
                return
            session.replace()  # ROMs that start again use the same port
        if self._is_full(client, request):
            return
        name = request.filename
        if request.mode not in _MODES:
            why = f"mode {printable(request.mode.encode('latin-1'))}"
            self._refuse(client, reply, name, error(TftpError.ILLEGAL_OPERATION), why)
            return
        try:
            self._begin(request, relative_path(name), client, reply)
        except MalformedPacket as malformed:
            self._refuse(client, reply, name, error(TftpError.ILLEGAL_OPERATION), str(malformed))
        except FileRefused as refused:
            self._refuse(client, reply, name, _refusal(refused), str(refused))
        except OSError as failure:  # out of descriptors, an address that went away, a bad disk
            busy = error(TftpError.UNDEFINED, "Server can't start the transfer")
            self._refuse(client, reply, name, busy, failure.strerror or str(failure))

    def _is_full(self, client: Address, request: Rrq) -> bool:
        """Whether a limit is reached. Then silence: a client asks again, and may find room."""
        settings = self.settings
        if len(self._sessions) >= settings.max_transfers:
            why = f"max_transfers = {settings.max_transfers} reached"
        elif self._sessions_of[client[0]] >= settings.max_transfers_per_client:
            why = f"max_transfers_per_client = {settings.max_transfers_per_client} reached"
        else:
            return False
        self._tell_refused(client, request.filename, TftpError.UNDEFINED, why)
        return True

    def _begin(self, request: Rrq, path: bytes, client: Address, reply: "_Reply") -> None:
        file = self._root.open(path)
        try:
            sock = open_transfer_socket(self.interface, reply.local)
        except OSError:
            file.close()
            raise
        session = Session(self, request, client, sock, file)
        self._sessions[client] = session
        self._sessions_of[client[0]] += 1
        self.guarded(session.start, session.stop)

    def _refuse(
        self, client: Address, reply: "_Reply", name: bytes, answer: Error, why: str
    ) -> None:
        reply.send(answer)
        self._tell_refused(client, name, answer.code, why)

    def _tell_refused(self, client: Address, name: bytes, code: int, why: str) -> None:
        self.saw(
            TransferRefused(
                interface=self.interface.name,
                client=(IPv4Address(client[0]), client[1]),
                file=printable(name),
                code=code,
                why=why,
            )
        )


class _Reply:
    """Where an ERROR from the request port goes, and from which of our addresses (T1)."""

    def __init__(self, sock: socket.socket, local: str, client: Address) -> None:
        self._sock = sock
        self._client = client
        self.local = local

    def send(self, answer: Error) -> None:
        source = _PKTINFO.pack(0, socket.inet_aton(self.local), bytes(4))
        send(self._sock, bytes(answer), self._client, [(socket.IPPROTO_IP, IP_PKTINFO, source)])


def _refusal(refused: FileRefused) -> Error:
    """Return the ERROR for a refused file; the text gives nothing of this machine away."""
    match refused:
        case FileNotFound():
            return error(TftpError.NOT_FOUND)
        case FileForbidden():
            return error(TftpError.ACCESS_VIOLATION)
    return error(TftpError.UNDEFINED)


def _nothing() -> None:
    """Do nothing: a datagram that can't be handled is dropped."""
