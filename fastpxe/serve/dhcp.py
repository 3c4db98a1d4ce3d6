"""The proxyDHCP service: sockets for 67 and 4011 on every interface, one policy for all.

Packets never pass through Python: the event loop says that a socket is readable, DhcpPort.drain
answers what waits. What was decided is told afterwards, a bounded number at a time, so that
telling never delays an answer.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

from fastpxe.answers import Answers
from fastpxe.events import Answered, Decision, Delayed, DhcpEvent, Event, Ignored, Notice, Sender
from fastpxe.identity import format_mac
from fastpxe.serve._mmsg import DhcpPort, Ring
from fastpxe.serve.interfaces import Interface
from fastpxe.serve.sockets import IP_PKTINFO

TELL_AFTER_S = 0.02  # a batch's news is gathered this long
TELL_AT_ONCE = 32  # then told in pieces of this many, with the sockets served in between


class DhcpSocket(NamedTuple):
    """A bound socket, and where it listens."""

    interface: Interface
    port: int
    sock: socket.socket


class DhcpServer:
    """Answer PXE clients on the sockets given.

    saw is called with an Event for each decision, in the event loop, after the reply was sent.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: list[DhcpSocket],
        answers: Answers,
        saw: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._saw = saw
        self._answers = answers
        self._ring = Ring()
        self._lost_told = 0
        self._telling: asyncio.TimerHandle | None = None
        self._names = {s.interface.index: s.interface.name for s in sockets}
        self._interfaces = [s.interface.name for s in sockets]
        self._sockets = [s.sock for s in sockets]
        self._ports = [self._port(s) for s in sockets]
        for one, port in zip(sockets, self._ports, strict=True):
            loop.add_reader(one.sock.fileno(), self._readable, port, one.sock)

    def reload(self, answers: Answers) -> None:
        """Answer by another policy from the next batch on."""
        self._tell(len(self._ring))  # what was decided by the old policy is named by it
        self._answers = answers
        for port, interface in zip(self._ports, self._interfaces, strict=True):
            port.policy = answers.responder(interface)

    def counts(self) -> Counter[str]:
        """How many datagrams ended how: "answered", a reason of _codec.REASONS, or "unsent"."""
        total: Counter[str] = Counter()
        for port in self._ports:
            total.update(port.counts())
            total["unsent"] += port.unsent
        return total

    def close(self) -> None:
        """Stop listening, and tell what is still untold. The sockets stay the caller's."""
        for sock in self._sockets:
            self._loop.remove_reader(sock.fileno())
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._tell(len(self._ring))

    def _port(self, one: DhcpSocket) -> DhcpPort:
        network = one.interface.networks[0]
        return DhcpPort(
            one.sock.fileno(),
            one.interface.index,
            int(network.ip),
            int(network.netmask),
            one.port,
            self._answers.responder(one.interface.name),
            self._ring,
        )

    def _readable(self, port: DhcpPort, sock: socket.socket) -> None:
        port.drain()
        while port.delayed:
            held = port.delayed.pop()
            self._loop.call_later(held.delay_s, _send, sock, held)
        if self._telling is None and len(self._ring):
            self._telling = self._loop.call_later(TELL_AFTER_S, self._tell_some)

    def _tell_some(self) -> None:
        self._tell(TELL_AT_ONCE)
        more = len(self._ring) > 0
        self._telling = self._loop.call_later(0, self._tell_some) if more else None

    def _tell(self, most: int) -> None:
        for decision in self._ring.take(most):
            self._saw(self._event(decision))
        if self._ring.lost > self._lost_told:
            count = self._ring.lost - self._lost_told
            self._lost_told = self._ring.lost
            self._saw(Notice(interface="", text=f"{count} answers were too many to log"))

    def _event(self, decision: Decision) -> DhcpEvent:
        interface = self._names[decision.interface]
        sender = Sender(
            mac=format_mac(decision.htype, decision.chaddr),
            xid=decision.xid,
            port=decision.port,
            message_type=decision.message_type,
            arch=None if decision.arch < 0 else decision.arch,
            ipxe=decision.ipxe,
            uuid=decision.identity,
        )
        details = tuple(self._answers.details(decision))
        if decision.reason:
            reason = self._answers.reason_of(decision)
            return Ignored(interface=interface, sender=sender, details=details, reason=reason)
        return Answered(
            interface=interface,
            sender=sender,
            details=details,
            rule=self._answers.rule_of(decision),
            file=self._answers.file_of(decision),
            server=IPv4Address(decision.siaddr),
            to=(IPv4Address(decision.to), decision.to_port),
        )


def _send(sock: socket.socket, held: Delayed) -> None:
    """Send a reply whose time has come, unless the socket was closed meanwhile."""
    source = struct.pack("=I4s4s", 0, IPv4Address(held.source).packed, bytes(4))
    to = (str(IPv4Address(held.to)), held.to_port)
    with contextlib.suppress(OSError):
        sock.sendmsg([held.reply], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, to)
