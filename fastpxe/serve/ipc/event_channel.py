"""From a worker to its parent: decisions on a board, events and labels through a pipe.

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

from fastpxe.backend import Names
from fastpxe.dhcp.identity import format_mac
from fastpxe.events import (
    Answered,
    Decision,
    Event,
    HttpServed,
    Ignored,
    Labelled,
    Notice,
    Progress,
    Sender,
    TransferDone,
    TransferRefused,
    Unsent,
)
from fastpxe.net.sockets import enlarge
from fastpxe.serve.dhcp._port import Board

LOST_EVERY_S = 1

_PIPE_BUFFER = 16 << 20  # some 40,000 events, which wait while a storm is on
_LARGEST = 1 << 16

Sent = TransferDone | TransferRefused | HttpServed | Progress | Notice

_encoder = msgspec.msgpack.Encoder(enc_hook=str)


def _decode_hook(kind: type, value: object) -> object:
    if kind is IPv4Address and isinstance(value, str):
        return IPv4Address(value)
    raise TypeError(kind)


_decoder = msgspec.msgpack.Decoder(Sent, dec_hook=_decode_hook)
_label_decoder = msgspec.msgpack.Decoder(Labelled)
_COUNT = struct.Struct("=Q")
_COUNTS = struct.Struct("=QQQ")


class EventPipe:
    """A pair of sockets: the worker sends events, the parent receives them.

    Labels are kept beside, for whoever receives next to know them too. `lost` counts the events
    that found no room, and is the same in every process.
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
            self._labels = os.memfd_create("labels")
            stack.callback(os.close, self._labels)
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
        """Tell the parent, unless it is too far behind; DHCP's events go over the board."""
        try:
            self._writer.send(_encoder.encode(event))
        except OSError:
            _COUNT.pack_into(self._counts, 0, self.lost + 1)

    def label(self, label: Labelled) -> None:
        """Say what a number means, before the first decision that has it."""
        content, end = _encoder.encode(label), self._end_of_labels()
        os.pwrite(self._labels, _COUNT.pack(len(content)) + content, end)
        # Whole before the end says so: this process may be killed in between.
        os.pwrite(self._labels, _COUNT.pack(end + _COUNT.size + len(content)), 0)

    def labels(self, start: int = 0) -> tuple[list[Labelled], int]:
        """What was said of numbers from `start` on, 0 for all of it; and where to go on."""
        found, at, end = [], start or _COUNT.size, self._end_of_labels()
        while at < end:
            (size,) = _COUNT.unpack(os.pread(self._labels, _COUNT.size, at))
            found.append(_label_decoder.decode(os.pread(self._labels, size, at + _COUNT.size)))
            at += _COUNT.size + size
        return found, at

    def _end_of_labels(self) -> int:
        head = os.pread(self._labels, _COUNT.size, 0)
        return _COUNT.unpack(head)[0] if head else _COUNT.size

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
    """Reads what one worker tells, and calls `saw` with an Event for each thing."""

    def __init__(
        self,
        board: Board,
        pipe: EventPipe,
        interfaces: dict[int, str],
        names: Names,
        saw: Callable[[Event], None],
    ) -> None:
        self._board = board
        self._pipe = pipe
        self._interfaces = interfaces
        self._names = names
        self._saw = saw
        self._labels_end = 0
        self._lost_told_at = 0.0

    @property
    def pushed(self) -> int:
        """Decisions of the worker so far, told or not, or lost."""
        return self._board.pushed + self._board.lost

    def tell(self, most: int) -> int:
        """Tell up to `most` decisions, and as many events; how many there were."""
        decisions = self._board.take(most)
        # Labels come before the decisions that refer to them.
        labels, self._labels_end = self._pipe.labels(self._labels_end)
        for label in labels:
            self._names.learn(label)
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
        lost = ((self._board.lost, "answers"), (self._pipe.lost, "events of files"))
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
        details = tuple(self._names.details(decision))
        at = decision.at_ns / 1e9
        if decision.reason:
            return Ignored(
                interface=interface,
                at=at,
                sender=sender,
                details=details,
                reason=self._names.reason_of(decision),
                requested=IPv4Address(decision.requested) if decision.requested else None,
            )
        answered = Answered(
            interface=interface,
            at=at,
            sender=sender,
            details=details,
            rule=self._names.rule_of(decision),
            file=self._names.file_of(decision),
            server=IPv4Address(decision.siaddr),
            to=(IPv4Address(decision.to), decision.to_port),
            next_step=self._names.next_step(decision),
        )
        if decision.error:
            return Unsent(**msgspec.structs.asdict(answered), why=os.strerror(decision.error))
        return answered
