"""A client as firmware has it: with a timer of its own, for requests and ACKs that were lost."""

import socket
import threading
import time
from collections.abc import Mapping

from tftp_client import Address, Receiver, Refused

from fastpxe.dhcp.constants import TftpError
from fastpxe.tftp.packets import Ack, Data, Error, Oack, Packet, Rrq, error, parse

TIMER_S = 0.3  # iPXE's first is 0.25 s
LIMIT_S = 40  # longer than the 30 s after which fastpxe gives a transfer up


class Echo(Receiver):
    """A receiver as GRUB has it: it acknowledges an old block by that block's own number."""

    def on(self, packet: Packet) -> Ack | None:
        if isinstance(packet, Data):
            ahead = (packet.block - len(self.blocks)) & 0xFFFF
            if self.is_done or ahead != 1:
                return None if 1 < ahead < 0x8000 else Ack(block=packet.block)
        return super().on(packet)


class PatientClient:
    """One download on `sock`, to its end or to LIMIT_S.

    `stays`: when all has come it acknowledges the last block again, until `leave` is set, for the
    server may not have heard it.
    """

    def __init__(
        self,
        sock: socket.socket,
        server: Address,
        *,
        receiver: Receiver | None = None,
        timer_s: float = TIMER_S,
        stays: bool = True,
    ) -> None:
        self.sock = sock
        self.server = server
        self.receiver = receiver or Receiver()
        self.timer_s = timer_s
        self.stays = stays
        self.tid: Address | None = None
        self.granted: dict[str, str] = {}
        self.leave = threading.Event()
        self._last = b""

    def fetch(self, filename: str, options: Mapping[str, str | int]) -> bytes:
        """Return the file. Raises Refused, and TimeoutError at LIMIT_S."""
        texts = {name: str(value) for name, value in options.items()}
        self._send(bytes(Rrq(filename=filename.encode(), mode="octet", options=texts)))
        limit = time.monotonic() + LIMIT_S
        repeat_at = time.monotonic() + self.timer_s
        while not self.leave.is_set() and (self.stays or not self.receiver.is_done):
            now = time.monotonic()
            if now > limit:
                raise TimeoutError(f"{len(self.receiver.blocks)} blocks came in {LIMIT_S} s")
            if now >= repeat_at:
                repeat_at = now + self.timer_s
                # Whoever has all only answers: it must not keep a server awake.
                if not self.receiver.is_done:
                    self._send(self._last)
            elif self._receive(repeat_at - now):
                repeat_at = time.monotonic() + self.timer_s
        return b"".join(self.receiver.blocks)

    def _receive(self, wait_s: float) -> bool:
        """Take a datagram; whether it is one of the transfer."""
        self.sock.settimeout(wait_s)
        try:
            datagram, peer = self.sock.recvfrom(65536)
        except TimeoutError:
            return False
        self.tid = self.tid or peer
        if peer != self.tid:  # RFC 1350 section 4
            self.sock.sendto(bytes(error(TftpError.UNKNOWN_TID)), peer)
            return False
        self._take(parse(datagram))
        return True

    def _take(self, packet: Packet) -> None:
        if isinstance(packet, Error):
            if not self.receiver.is_done:
                raise Refused(packet)
            return  # it acknowledged a copy of the last block, and the server was gone by then
        if isinstance(packet, Oack) and not self.receiver.blocks:
            self.granted = packet.options
            self.receiver.blksize = int(self.granted.get("blksize", 512))
            self.receiver.windowsize = int(self.granted.get("windowsize", 1))
        ack = self.receiver.on(packet)
        if ack is not None:
            self._send(bytes(ack))

    def _send(self, datagram: bytes) -> None:
        self._last = datagram
        self.sock.sendto(datagram, self.tid or self.server)
