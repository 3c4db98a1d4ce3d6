"""From a worker to its parent: decisions on a board, events and labels through a pipe.

A worker never waits for its parent: what doesn't fit is counted as lost.
"""

import mmap
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Self

import msgspec

from fastpxe.answers import Names
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
)
from fastpxe.identity import format_mac
from fastpxe.serve._mmsg import Board
from fastpxe.serve.sockets import enlarge

LOST_EVERY_S = 1

_PIPE_BUFFER = 16 << 20  # some 40,000 events, which wait while a storm is on
_LARGEST = 1 << 16

Sent = TransferDone | TransferRefused | HttpServed | Progress | Notice | Labelled

_encoder = msgspec.msgpack.Encoder(enc_hook=str)


def _decode_hook(kind: type, value: object) -> object:
    if kind is IPv4Address and isinstance(value, str):
        return IPv4Address(value)
    raise TypeError(kind)


_decoder = msgspec.msgpack.Decoder(Sent, dec_hook=_decode_hook)


_COUNT = struct.Struct("=Q")


class EventPipe:
    """A pair of sockets: the worker sends events, the parent receives them.

    `lost` counts those that found no room, and is the same in every process.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        )
        enlarge(self._writer, _PIPE_BUFFER)
        self._lost = mmap.mmap(-1, _COUNT.size)

    @property
    def lost(self) -> int:
        (count,) = _COUNT.unpack_from(self._lost)
        return int(count)

    def send(self, event: Event | Labelled) -> None:
        """Tell the parent, unless it is too far behind; DHCP's events go over the board."""
        try:
            self._writer.send(_encoder.encode(event))
        except OSError:
            _COUNT.pack_into(self._lost, 0, self.lost + 1)

    def receive(self) -> Sent | None:
        """The next event, or None when none waits."""
        try:
            datagram = self._reader.recv(_LARGEST)
        except BlockingIOError:
            return None
        event: Sent = _decoder.decode(datagram)
        return event

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
        self._lost_told: Counter[str] = Counter()
        self._lost_told_at = 0.0

    @property
    def pushed(self) -> int:
        """Decisions of the worker so far, told or not, or lost."""
        return self._board.pushed + self._board.lost

    def tell(self, most: int) -> int:
        """Tell up to `most` decisions and all events that wait; how many there were."""
        # Labels come through the pipe, and before the decisions that refer to them.
        told = 0
        decisions = self._board.take(most)
        while (event := self._pipe.receive()) is not None:
            told += 1
            if isinstance(event, Labelled):
                self._names.learn(event)
            else:
                self._saw(event)
        for decision in decisions:
            self._saw(self._event(decision))
        self._tell_lost()
        return told + len(decisions)

    def _tell_lost(self) -> None:
        now = time.monotonic()
        if now <= self._lost_told_at + LOST_EVERY_S:
            return
        for what, lost in (("answers", self._board.lost), ("events of files", self._pipe.lost)):
            count = lost - self._lost_told[what]
            if count:
                self._lost_told[what] += count
                self._lost_told_at = now
                self._saw(Notice(interface="", text=f"{count} {what} were too many to log"))

    def _event(self, decision: Decision) -> Answered | Ignored:
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
            reason = self._names.reason_of(decision)
            return Ignored(
                interface=interface, at=at, sender=sender, details=details, reason=reason
            )
        return Answered(
            interface=interface,
            at=at,
            sender=sender,
            details=details,
            rule=self._names.rule_of(decision),
            file=self._names.file_of(decision),
            server=IPv4Address(decision.siaddr),
            to=(IPv4Address(decision.to), decision.to_port),
        )
