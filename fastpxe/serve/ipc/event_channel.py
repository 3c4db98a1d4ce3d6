"""From a worker to its parent: decisions on a ring, events through a pipe.

A worker never waits for its parent: what doesn't fit is counted as lost.
"""

import mmap
import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address

import msgspec

from fastpxe.backend import Answers
from fastpxe.dhcp.identity import format_mac
from fastpxe.events import (
    Answered,
    Decision,
    Event,
    Fault,
    HttpServed,
    Ignored,
    Notice,
    Progress,
    Sender,
    TransferDone,
    TransferRefused,
    Unsent,
)
from fastpxe.net.sockets import enlarge
from fastpxe.serve.ipc._event_ring import EventRing

LOST_EVERY_S = 1

_PIPE_BUFFER = 16 << 20  # some 40,000 events, which wait while a storm is on
_LARGEST = 1 << 16

Sent = TransferDone | TransferRefused | HttpServed | Progress | Notice | Fault

_encoder = msgspec.msgpack.Encoder(enc_hook=str)


def _decode_hook(kind: type, value: object) -> object:
    if kind is IPv4Address and isinstance(value, str):
        return IPv4Address(value)
    raise TypeError(kind)


_decoder = msgspec.msgpack.Decoder(Sent, dec_hook=_decode_hook)
_COUNT = struct.Struct("=Q")
_COUNTS = struct.Struct("=QQQ")


class EventPipe:
    """A pair of sockets: the worker sends events, the parent receives them.

    `lost` counts the events that found no room, and is the same in every process.
    """

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._reader, self._writer = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
            )
            stack.callback(self._writer.close)
            stack.callback(self._reader.close)
            enlarge(self._writer, _PIPE_BUFFER)
            self._counts = mmap.mmap(-1, _COUNTS.size)
            self._stack = stack.pop_all()

    @property
    def lost(self) -> int:
        return self._counted(0)

    def told_lost(self, place: int) -> int:
        """How many that were lost have been told of: decisions (1) or events (2)."""
        return self._counted(place)

    def tell_lost(self, place: int, count: int) -> None:
        """Take note that so many have been told of by now."""
        _COUNT.pack_into(self._counts, place * _COUNT.size, count)

    def _counted(self, place: int) -> int:
        (count,) = _COUNT.unpack_from(self._counts, place * _COUNT.size)
        return int(count)

    def send(self, event: Event) -> None:
        """Tell the parent, unless it is too far behind; DHCP's events go over the ring."""
        try:
            self._writer.send(_encoder.encode(event))
        except OSError:
            _COUNT.pack_into(self._counts, 0, self.lost + 1)

    def receive(self) -> Sent | None:
        """The next event, or None when none waits."""
        try:
            datagram = self._reader.recv(_LARGEST)
        except BlockingIOError:
            return None
        event: Sent = _decoder.decode(datagram)
        return event

    def close(self) -> None:
        self._stack.close()


class Teller:
    """Reads what one worker tells, and calls `saw` with an Event for each thing.

    wants_details: whether further lines for the log would be written now.
    """

    def __init__(
        self,
        ring: EventRing,
        pipe: EventPipe,
        interfaces: dict[int, str],
        answers: Answers,
        saw: Callable[[Event], None],
        *,
        wants_details: Callable[[], bool],
    ) -> None:
        self._ring = ring
        self._pipe = pipe
        self._interfaces = interfaces
        self._answers = answers
        self._saw = saw
        self._wants_details = wants_details
        self._lost_told_at = 0.0

    @property
    def pushed(self) -> int:
        """Decisions of the worker so far, told or not, or lost."""
        return self._ring.pushed + self._ring.lost

    def tell(self, most: int) -> int:
        """Tell up to `most` decisions, and as many events; how many there were."""
        decisions = self._ring.take(most)
        told = 0
        while told < most and (event := self._pipe.receive()) is not None:
            told += 1
            self._saw(event)
        for decision in decisions:
            self._saw(self._event(decision))
        self._tell_lost()
        return told + len(decisions)

    def _tell_lost(self) -> None:
        """Tell how many were lost, each once, whichever process tells."""
        now = time.monotonic()
        if now <= self._lost_told_at + LOST_EVERY_S:
            return
        lost = ((self._ring.lost, "answers"), (self._pipe.lost, "events of files"))
        for place, (total, what) in enumerate(lost, start=1):
            count = total - self._pipe.told_lost(place)
            if count:
                self._pipe.tell_lost(place, total)
                self._lost_told_at = now
                self._saw(Notice(interface="", text=f"{count} {what} were too many to log"))

    def _event(self, decision: Decision) -> Answered | Unsent | Ignored:
        interface = self._interfaces[decision.interface]
        sender = Sender(
            mac=format_mac(decision.htype, decision.chaddr),
            xid=decision.xid,
            port=decision.port,
            message_type=decision.message_type,
            arch=None if decision.arch < 0 else decision.arch,
            ipxe=decision.ipxe,
            uuid=decision.identity,
        )
        told = self._answers.describe(decision, interface, wants_details=self._wants_details())
        at = decision.at_ns / 1e9
        if decision.reason:
            return Ignored(
                interface=interface,
                at=at,
                sender=sender,
                details=told.details,
                reason=told.reason,
                requested=IPv4Address(decision.requested) if decision.requested else None,
            )
        answered = Answered(
            interface=interface,
            at=at,
            sender=sender,
            details=told.details,
            rule=told.rule,
            file=told.file,
            server=IPv4Address(decision.siaddr),
            to=(IPv4Address(decision.to), decision.to_port),
            next_step=told.next_step,
        )
        if decision.error:
            return Unsent(**msgspec.structs.asdict(answered), why=os.strerror(decision.error))
        return answered
