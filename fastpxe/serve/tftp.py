"""The TFTP server of one interface: requests on port 69, and who may have which transfer.

Sources:
  RFC 1350 section 4 (transfer identifiers), RFC 1123 section 4.2.3 (requirements for TFTP),
  ip(7) (IP_PKTINFO).
"""

import asyncio
import errno
import socket
import struct
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address

from fastpxe.errors import FileRefused, MalformedPacket
from fastpxe.events import Event, Notice, TransferRefused
from fastpxe.paths import printable
from fastpxe.serve.blocks import Ancillary
from fastpxe.serve.interfaces import Interface
from fastpxe.serve.ports import (
    BATCH,
    LARGEST_READ,
    Address,
    OwnPort,
    Port,
    PortRange,
    SharedPort,
    open_transfer_socket,
    send,
)
from fastpxe.serve.requested import Files, open_for, refusal, requested_path, write_refusal
from fastpxe.serve.session import Session
from fastpxe.serve.sockets import IP_PKTINFO
from fastpxe.tftp import Error, Packet, Rrq, TftpSettings, Wrq, error, parse
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

    `files` is opened, and closed after `close` or `reload`, by the caller, as are the sockets
    given to `listen`; files in transfer don't need either. Every decision goes to `saw`.

    `active` is the number of transfers, `dropped` that of datagrams which got no answer and no
    event, `faults` that of errors in fastpxe itself, each told by a Notice.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interface: Interface,
        settings: TftpSettings,
        files: Files,
        saw: Callable[[Event], None],
    ) -> None:
        self.loop = loop
        self.interface = interface
        self.saw = saw
        self.dropped = 0
        self.faults = 0
        self._sockets: list[socket.socket] = []
        self._sessions: dict[Address, Session] = {}
        self._sessions_of: Counter[str] = Counter()
        # For answers to what is no request at all; those to requests are never held back.
        self._error_bucket = TokenBucket(per_s=20, burst=40)
        self.reload(settings, files)

    @property
    def active(self) -> int:
        return len(self._sessions)

    def listen(self, sock: socket.socket) -> None:
        """Serve the requests that reach a bound, non-blocking socket with IP_PKTINFO on."""
        self._sockets.append(sock)
        self.loop.add_reader(sock, self.guarded, lambda: self._read(sock), _nothing)

    def reload(self, settings: TftpSettings, files: Files) -> None:
        """Use other settings, and another root, for the transfers that begin from now on."""
        self.settings = settings
        self._files = files
        self._ports = PortRange(*settings.port_range) if settings.port_range else (0,)

    def retire(self) -> None:
        """Leave new requests to whoever reads the sockets next; transfers go on.

        Those on a shared port can't, for their ACKs go there too; their clients are told.
        """
        for sock in self._sockets:
            self.loop.remove_reader(sock)
        self._sockets.clear()
        for session in list(self._sessions.values()):
            if session.is_on_shared_port:
                session.stop()

    def close(self) -> None:
        """End every transfer with outcome "stopped", listen no more, and tell what was dropped."""
        self.retire()
        for session in list(self._sessions.values()):
            session.stop()
        if self.dropped:
            text = f"TFTP datagrams left without an answer, no request or malformed: {self.dropped}"
            self.saw(Notice(interface=self.interface.name, text=text))

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
                self._refuse(client, reply, name, write_refusal(self.settings), "a write request")
            case _:
                self._on_other(packet, client)

    def _on_other(self, packet: Packet, client: Address) -> None:
        session = self._shared_session(client)
        if session is not None:
            self.guarded(lambda: session.on_packet(packet), session.stop)
        else:  # RFC 1350 has nothing of this kind sent here; answering could loop
            self.dropped += 1

    def _shared_session(self, client: Address) -> Session | None:
        """Return the client's transfer if its packets come to the request port."""
        session = self._sessions.get(client)
        return session if session is not None and session.is_on_shared_port else None

    def _on_malformed(
        self, malformed: MalformedPacket, datagram: bytes, client: Address, reply: "_Reply"
    ) -> None:
        is_request = len(datagram) >= 4 and malformed.reason != "short"
        # An ERROR to a client with a transfer on this very port would end that.
        if not is_request or self._shared_session(client) or not self.allows_error():
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
            self._begin(request, client, reply)
        except MalformedPacket as malformed:
            self._refuse(client, reply, name, error(TftpError.ILLEGAL_OPERATION), str(malformed))
        except FileRefused as refused:
            self._refuse(client, reply, name, refusal(refused, self.settings), str(refused))
        except OSError as failure:  # out of descriptors, an address that went away, a bad disk
            why = failure.strerror or str(failure)
            if failure.errno == errno.EADDRINUSE:  # a limit too: see _is_full
                self._tell_refused(client, name, TftpError.UNDEFINED, why)
                return
            busy = error(TftpError.UNDEFINED, "Server can't start the transfer")
            self._refuse(client, reply, name, busy, why)

    def _is_full(self, client: Address, request: Rrq) -> bool:
        """Whether a limit is reached. Then silence: a client asks again, and may find room."""
        settings = self.settings
        if len(self._sessions) >= settings.max_transfers:
            why = f"max_transfers = {settings.max_transfers} reached"
        elif settings.port_range and len(self._sessions) >= _size(settings.port_range):
            why = "every port of port_range is in use"
        elif self._sessions_of[client[0]] >= settings.max_transfers_per_client:
            why = f"max_transfers_per_client = {settings.max_transfers_per_client} reached"
        else:
            return False
        self._tell_refused(client, request.filename, TftpError.UNDEFINED, why)
        return True

    def _begin(self, request: Rrq, client: Address, reply: "_Reply") -> None:
        settings, name = self.settings, self.interface.name
        path = requested_path(
            self._files, settings, request.filename, client=client[0], interface=name
        )
        file = open_for(self._files, settings, path)
        try:
            port = self._open_port(client, reply)
        except OSError:
            file.close()
            raise
        session = Session(self, request, client, port=port, path=path, file=file)
        self._sessions[client] = session
        self._sessions_of[client[0]] += 1
        self.guarded(session.start, session.stop)

    def _open_port(self, client: Address, reply: "_Reply") -> Port:
        if self.settings.single_port:
            return SharedPort(reply.sock, reply.ancillary)
        sock = open_transfer_socket(self.interface, reply.local, self._ports)
        return OwnPort(self, sock, client)

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
    """Where an answer from the request port goes, and from which of our addresses (T1)."""

    def __init__(self, sock: socket.socket, local: str, client: Address) -> None:
        self.sock = sock
        self.local = local
        self._client = client

    @property
    def ancillary(self) -> Ancillary:
        source = _PKTINFO.pack(0, socket.inet_aton(self.local), bytes(4))
        return [(socket.IPPROTO_IP, IP_PKTINFO, source)]

    def send(self, answer: Error) -> None:
        send(self.sock, bytes(answer), self._client, self.ancillary)


def _size(port_range: tuple[int, int]) -> int:
    return port_range[1] - port_range[0] + 1


def _nothing() -> None:
    """Do nothing: a datagram that can't be handled is dropped."""
