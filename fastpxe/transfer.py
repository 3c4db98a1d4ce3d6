"""One read transfer as a state machine: packets and the time in, at most one action out.

The OACK is block 0, so that one rule serves it and DATA alike: `base` is the last block that the
client acknowledged, `sent` the last one sent, both counted without the 16-bit wrap of the wire.

    base = -1        the OACK is out, ACK 0 awaited      (base starts at 0 without an OACK)
    base < last      blocks base+1 to sent are out
    base = last      done

Sources:
  RFC 1350 section 6 (end), RFC 1123 section 4.2.3.1 (Sorcerer's Apprentice), RFC 2347 and 2349,
  RFC 7440 section 4 (windows), RFC 6298 and Karn's rule (the timer); EDK2 Mtftp4Rrq.c.
"""

import math

import msgspec

from fastpxe.events import Outcome
from fastpxe.tftp import Ack, Error, Packet, Terms
from fastpxe.wire import TftpError

MAX_TIMEOUT_S = 8.0
MIN_TIMEOUT_S = 0.05
"""Under this a busy client is taken for a lost datagram; iPXE's and EDK2's own are above it."""

MAX_TRIES_UNACKNOWLEDGED = 6
"""Retries before a first ACK: the source of a request may be forged (an amplifier's victim)."""


class Send(msgspec.Struct, frozen=True):
    """Send this datagram."""

    datagram: bytes


class SendBlocks(msgspec.Struct, frozen=True):
    """Send `count` blocks from `first` on; numbers count from 1 and don't wrap."""

    first: int
    count: int


class Done(msgspec.Struct, frozen=True):
    """The transfer is over; nothing more is sent."""

    outcome: Outcome
    error: str = ""


Action = Send | SendBlocks | Done


class RetryTimer:
    """How long to wait for an ACK, in seconds, after RFC 6298.

    Times that may belong to either of two copies must not be given to `measured` (Karn);
    a backed-off timeout stays until the next clean one.
    """

    def __init__(self, first_s: float, ceiling_s: float) -> None:
        self._ceiling_s = ceiling_s
        self._floor_s = min(MIN_TIMEOUT_S, first_s)
        self._smoothed_s = 0.0
        self._deviation_s = 0.0
        self.timeout_s = min(first_s, ceiling_s)

    def measured(self, round_trip_s: float) -> None:
        if self._smoothed_s:
            gap = abs(self._smoothed_s - round_trip_s)
            self._deviation_s += (gap - self._deviation_s) / 4
            self._smoothed_s += (round_trip_s - self._smoothed_s) / 8
        else:
            self._smoothed_s = round_trip_s
            self._deviation_s = round_trip_s / 2
        wanted = self._smoothed_s + 4 * self._deviation_s
        self.timeout_s = min(max(wanted, self._floor_s), self._ceiling_s)

    def back_off(self) -> None:
        self.timeout_s = min(self.timeout_s * 2, self._ceiling_s)


class Transfer:
    """A file on its way to one client.

    `deadline` is when `on_timer` wants to be called, in the seconds of `now`; infinite when over.
    `retransmits` counts datagrams sent again. `size_bytes` is what the blocks hold in total, or
    None until `found_size` tells (netascii).

    A negotiated `timeout` (RFC 2349) is a ceiling for every timer, not the first one: U-Boot asks
    for 5 s by default, and a lost block should not cost it 5 s where the wire answers in 1 ms;
    a client that asks for 1 s is never kept waiting longer.
    """

    def __init__(
        self, terms: Terms, size_bytes: int | None, *, retry_timeout_s: float, give_up_s: float
    ) -> None:
        self.terms = terms
        self.deadline = math.inf
        self.retransmits = 0
        self.size_bytes: int | None = None
        self._last_block: float = math.inf
        self._give_up_s = give_up_s
        self._give_up_at = math.inf
        self._timer = RetryTimer(retry_timeout_s, min(MAX_TIMEOUT_S, terms.timeout_s or math.inf))
        self._start = -1 if terms.options else 0
        self._base = self._sent = self._start
        self._sent_at = 0.0
        self._is_ambiguous = False  # a copy of what is awaited was sent before: Karn
        self._tries = 0  # retransmissions by the timer or a repeated request, at this base
        self._has_gone_back = False
        if size_bytes is not None:
            self.found_size(size_bytes)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the client has shown, by an ACK, that it is there."""
        return self._base > self._start

    @property
    def acknowledged_bytes(self) -> int:
        """How much of the file the client has acknowledged."""
        reached = max(self._base, 0) * self.terms.blksize
        return reached if self.size_bytes is None else min(reached, self.size_bytes)

    def found_size(self, size_bytes: int) -> None:
        """Say how many bytes the blocks hold in total, once that is known."""
        self.size_bytes = size_bytes
        # A block shorter than blksize ends the file, an empty one if need be: RFC 1350 section 6.
        self._last_block = size_bytes // self.terms.blksize + 1
        self._sent = int(min(self._sent, self._last_block))

    def start(self, now: float) -> Action:
        """Return the first datagram: the OACK, or DATA 1 when no option was granted."""
        self._give_up_at = now + self._give_up_s
        return self._transmit(now)

    def on(self, packet: Packet, now: float) -> Action | None:
        """Take a packet that came from the client."""
        if self.deadline == math.inf:
            return None
        match packet:
            case Ack(block=block):
                return self._on_ack(block, now)
            case Error(code=code, text=text):
                return self._on_error(code, text)
        return None  # nothing else has a meaning here, and no answer

    def on_repeated_request(self, now: float) -> Action | None:
        """Take a copy of the request that came before any ACK: the answer was lost, or is late.

        iPXE repeats it after 0.25 s. It counts as a try, or a flood of copies would be amplified.
        """
        if self.is_acknowledged or self._tries >= MAX_TRIES_UNACKNOWLEDGED:
            return None
        return self._try_again(now)

    def on_timer(self, now: float) -> Action | None:
        """Send again or give up, if `deadline` has passed."""
        if now < self.deadline:
            return None
        if self._sent == self._last_block and now >= self._give_up_at:
            return self._finish("timeout", "the last block was never acknowledged")
        if now >= self._give_up_at:
            return self._finish("timeout", "no acknowledgement")
        if not self.is_acknowledged and self._tries >= MAX_TRIES_UNACKNOWLEDGED:
            return self._finish("timeout", "the first datagram was never acknowledged")
        return self._try_again(now)

    def _on_ack(self, block: int, now: float) -> Action | None:
        step = (block - self._base) & 0xFFFF  # the wire wraps from 65535 to 0
        if step == 0:
            return self._on_duplicate_ack(now)
        if step > self._sent - self._base:
            return None  # never sent, or old: GRUB acknowledges old blocks again
        if not self._is_ambiguous:
            self._timer.measured(now - self._sent_at)
        self._base += step
        self._tries = 0
        self._has_gone_back = False
        self._give_up_at = now + self._give_up_s
        if self._base == self._last_block:
            return self._finish("done")
        return self._transmit(now)

    def _on_duplicate_ack(self, now: float) -> Action | None:
        """Go back to the first block of the window, once a base.

        Never in lockstep: that doubles every block to the end (RFC 1123 section 4.2.3.1). Only
        once in a window, since EDK2 repeats its ACK for each block that comes after a gap.
        """
        if self.terms.windowsize == 1 or self._base < 0 or self._has_gone_back:
            return None
        self._has_gone_back = True
        return self._transmit(now)

    def _on_error(self, code: int, text: str) -> Done:
        wanted_size_only = code in (TftpError.UNDEFINED, TftpError.OPTION_NEGOTIATION)
        if self._base < 0 and wanted_size_only:
            return self._finish("probe")  # EDK2 asks for tsize before every download
        return self._finish("client-error", f"ERROR {code}: {text}" if text else f"ERROR {code}")

    def _try_again(self, now: float) -> Action:
        self._tries += 1
        self._timer.back_off()
        return self._transmit(now)

    def _transmit(self, now: float) -> Action:
        """Send everything after `base`: a whole window, for EDK2 counts it from its last ACK."""
        in_flight = self._sent - self._base
        self.retransmits += in_flight
        self._is_ambiguous = in_flight > 0
        self._sent_at = now
        self.deadline = min(now + self._timer.timeout_s, self._give_up_at)
        if self._base < 0:
            self._sent = 0
            return Send(bytes(self.terms.oack))
        self._sent = int(min(self._base + self.terms.windowsize, self._last_block))
        return SendBlocks(self._base + 1, self._sent - self._base)

    def _finish(self, outcome: Outcome, error: str = "") -> Done:
        self.deadline = math.inf
        return Done(outcome, error)
