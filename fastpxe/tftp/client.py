"""The receiving side of a TFTP download: packets in, packets out, the bytes counted only.

Sources: RFC 1350, 2347, 2348, 2349, 7440; EDK2 for the options asked and the ACK at a gap.
"""

from fastpxe.dhcp.constants import TftpError
from fastpxe.errors import MalformedPacket
from fastpxe.tftp.packets import DEFAULT_BLKSIZE, Ack, Data, Error, Oack, Rrq, parse

ASKED = {"tsize": "0", "blksize": "1468", "windowsize": "4"}
TRIES = 5
"""How often the last packet is sent before the server counts as gone."""


class Fetch:
    """One download.

    size_bytes is what has come so far; failure says why it ended early, "" for not. most_bytes:
    after so many it is broken off, which is no failure, and then was_cut.
    """

    def __init__(self, file: str, most_bytes: int | None = None) -> None:
        self.size_bytes = 0
        self.is_done = False
        self.was_cut = False
        self.failure = ""
        self._most_bytes = most_bytes
        self._blksize = DEFAULT_BLKSIZE
        self._windowsize = 1
        self._announced: int | None = None
        self._block = 0  # the last in order, not reduced to 16 bits
        self._in_window = 0
        self._tries = 1
        self._last = bytes(Rrq(filename=file.encode("latin-1"), mode="octet", options=ASKED))

    def start(self) -> bytes:
        """The request."""
        return self._last

    def on(self, datagram: bytes) -> bytes | None:
        """Take a packet of the server; what to send in return."""
        try:
            packet = parse(datagram)
        except MalformedPacket as malformed:
            self.abandon(f"a packet that can't be read: {malformed}")
            return None
        match packet:
            case Data():
                return self._on_data(packet)
            case Oack() if self._block == 0:
                return self._on_oack(packet)
            case Error():
                self.abandon(f"ERROR {packet.code} {packet.text}".rstrip())
        return None

    def on_timeout(self) -> bytes | None:
        """Nothing came for a while: the last packet once more, or the end."""
        if self._tries == TRIES:
            self.abandon("the server went silent" if self._block else "no answer")
            return None
        self._tries += 1
        return self._last

    def _on_oack(self, packet: Oack) -> bytes | None:
        granted = {name: int(value) for name, value in packet.options.items() if value.isdecimal()}
        self._blksize = granted.get("blksize", DEFAULT_BLKSIZE)
        self._windowsize = granted.get("windowsize", 1)
        self._announced = granted.get("tsize")
        return self._acknowledge()

    def _on_data(self, packet: Data) -> bytes | None:
        if packet.block != (self._block + 1) & 0xFFFF:
            return self._acknowledge()  # a gap or a repeat: the window starts from here
        self._block += 1
        self._in_window += 1
        self._tries = 1
        self.size_bytes += len(packet.payload)
        if len(packet.payload) < self._blksize:
            self._finish()
        elif self._most_bytes is not None and self.size_bytes >= self._most_bytes:
            self.is_done = self.was_cut = True
            return bytes(Error(code=TftpError.UNDEFINED, text="enough of it has come"))
        is_due = self.is_done or self._in_window >= self._windowsize
        return self._acknowledge() if is_due else None

    def _finish(self) -> None:
        self.is_done = True
        if self._announced not in (None, self.size_bytes):
            self.failure = f"{self.size_bytes:,} bytes came of {self._announced:,} announced"

    def _acknowledge(self) -> bytes:
        self._in_window = 0
        self._last = bytes(Ack(block=self._block & 0xFFFF))
        return self._last

    def abandon(self, reason: str) -> None:
        """It can't go on, for a reason outside."""
        self.is_done = True
        self.failure = reason
