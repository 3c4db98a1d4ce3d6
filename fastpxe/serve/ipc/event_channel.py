"""From a worker to the recorder: DHCP decisions on a ring, other events through a socket pair.

A worker never waits for the recorder: events that find no room are counted as lost.
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

_BUFFER = 16 << 20  # bytes: some 40,000 events, which wait during a storm
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


class EventChannel:
    """A pair of sockets, and counts of lost events in memory that the processes share."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._reader, self._writer = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
            )
            stack.callback(self._writer.close)
            stack.callback(self._reader.close)
            enlarge(self._writer, _BUFFER)
            self._counts = mmap.mmap(-1, _COUNTS.size)
            self._stack = stack.pop_all()

    @property
    def lost(self) -> int:
        """The number of events that found no room."""
        return self._count(0)

    def reported_lost(self, place: int) -> int:
        """The number of lost decisions (place 1) or events (place 2) that were reported so far."""
        return self._count(place)

    def set_reported_lost(self, place: int, count: int) -> None:
        """Set the number of lost decisions or events that were reported."""
        _COUNT.pack_into(self._counts, place * _COUNT.size, count)

    def _count(self, place: int) -> int:
        (count,) = _COUNT.unpack_from(self._counts, place * _COUNT.size)
        return int(count)

    def send(self, event: Event) -> None:
        """Send an event, or count it as lost if the buffer is full. DHCP's events use the ring."""
        try:
            self._writer.send(_encoder.encode(event))
        except OSError:
            _COUNT.pack_into(self._counts, 0, self.lost + 1)

    def receive(self) -> Sent | None:
        """Return the next event, None if there is none."""
        try:
            datagram = self._reader.recv(_LARGEST)
        except BlockingIOError:
            return None
        event: Sent = _decoder.decode(datagram)
        return event

    def close(self) -> None:
        self._stack.close()


class EventReader:
    """Reads the decisions and events of one worker, and calls `on_event` for each.

    wants_details: whether further lines for the log would be written now.
    """

    def __init__(
        self,
        ring: EventRing,
        channel: EventChannel,
        interfaces: dict[int, str],
        answers: Answers,
        on_event: Callable[[Event], None],
        *,
        wants_details: Callable[[], bool],
    ) -> None:
        self._ring = ring
        self._channel = channel
        self._interfaces = interfaces
        self._answers = answers
        self._on_event = on_event
        self._wants_details = wants_details
        self._lost_reported_at = 0.0

    @property
    def pushed(self) -> int:
        """The number of the worker's decisions so far, with those that were lost."""
        return self._ring.pushed + self._ring.lost

    def read(self, most: int) -> int:
        """Handle up to `most` decisions and as many events; returns how many there were."""
        decisions = self._ring.take(most)
        events = 0
        while events < most and (event := self._channel.receive()) is not None:
            events += 1
            self._on_event(event)
        for decision in decisions:
            self._on_event(self._event(decision))
        self._report_lost()
        return events + len(decisions)

    def _report_lost(self) -> None:
        """Report the numbers of lost decisions and events, each once for all recorders."""
        now = time.monotonic()
        if now <= self._lost_reported_at + LOST_EVERY_S:
            return
        lost = ((self._ring.lost, "answers"), (self._channel.lost, "events of files"))
        for place, (total, what) in enumerate(lost, start=1):
            count = total - self._channel.reported_lost(place)
            if count:
                self._channel.set_reported_lost(place, total)
                self._lost_reported_at = now
                self._on_event(Notice(interface="", text=f"{count} {what} were too many to log"))

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
        description = self._answers.describe(
            decision, interface, wants_details=self._wants_details()
        )
        at = decision.at_ns / 1e9
        if decision.reason:
            return Ignored(
                interface=interface,
                at=at,
                sender=sender,
                details=description.details,
                reason=description.reason,
                requested=IPv4Address(decision.requested) if decision.requested else None,
            )
        answered = Answered(
            interface=interface,
            at=at,
            sender=sender,
            details=description.details,
            rule=description.rule,
            file=description.file,
            server=IPv4Address(decision.siaddr),
            to=(IPv4Address(decision.to), decision.to_port),
            next_step=description.next_step,
        )
        if decision.error:
            return Unsent(**msgspec.structs.asdict(answered), why=os.strerror(decision.error))
        return answered
