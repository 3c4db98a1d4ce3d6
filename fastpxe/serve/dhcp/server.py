"""The proxyDHCP service of one worker: its sockets for 67 and 4011 on every interface.

Packets never pass through Python: the event loop says that a socket is readable, and
DhcpPort.drain answers what waits. What was decided stands on the ring afterwards.
"""

import asyncio
import socket
import struct
from ipaddress import IPv4Address
from typing import NamedTuple

from fastpxe.backend import Answers
from fastpxe.dhcp.constants import PXE_PORT
from fastpxe.events import Delayed
from fastpxe.net.interfaces import Interface
from fastpxe.net.sockets import IP_PKTINFO
from fastpxe.serve.dhcp._port import DhcpPort
from fastpxe.serve.ipc._event_ring import EventRing

HELD_MAX = 20_000  # replies that wait for their time


class DhcpSocket(NamedTuple):
    """A bound socket: `port` is its role, 67 or 4011, whatever its number."""

    interface: Interface
    port: int
    sock: socket.socket


class DhcpServer:
    """Answers PXE clients on the sockets given, which stay the caller's to close.

    Socket number i of the list is port i of the ring. `held` is how many replies wait for their
    time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: list[DhcpSocket],
        answers: Answers,
        ring: EventRing,
    ) -> None:
        self.held = 0
        self._loop = loop
        self._sockets: dict[DhcpPort, socket.socket] = {}
        served = sorted(enumerate(sockets), key=lambda pair: -pair[1].port)
        in_boot: dict[str, DhcpPort] = {}
        for index, one in served:
            # Overload: a client on 4011 has had our OFFER and is in the middle of its boot, so it
            # goes before those that may ask again, and may not be PXE clients at all.
            first = in_boot.get(one.interface.name)
            port = _port(one, answers, ring, index, first=(first,) if first else ())
            if one.port == PXE_PORT:
                in_boot[one.interface.name] = port
            self._sockets[port] = one.sock
            loop.add_reader(one.sock.fileno(), self._readable, port)

    def close(self) -> None:
        """Stop listening. What the kernel has queued stays for whoever reads next.

        Replies that are held are still sent, as long as the loop goes round.
        """
        for sock in self._sockets.values():
            self._loop.remove_reader(sock.fileno())

    def _readable(self, drained: DhcpPort) -> None:
        drained.drain()
        for port in (drained, *drained.first):
            while port.delayed:
                held = port.delayed.pop()
                if self.held >= HELD_MAX:  # a flood; each is a kilobyte
                    port.count_unsent()
                    continue
                self.held += 1
                self._loop.call_later(held.delay_s, self._send, port, held)

    def _send(self, port: DhcpPort, held: Delayed) -> None:
        """Send a reply whose time has come; one that can't be sent is counted."""
        self.held -= 1
        source = struct.pack("=I4s4s", 0, IPv4Address(held.source).packed, bytes(4))
        to = (str(IPv4Address(held.to)), held.to_port)
        try:
            self._sockets[port].sendmsg(
                [held.reply], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, to
            )
        except OSError:
            port.count_unsent()


def _port(
    one: DhcpSocket, answers: Answers, ring: EventRing, index: int, *, first: tuple[DhcpPort, ...]
) -> DhcpPort:
    network = one.interface.networks[0]
    return DhcpPort(
        one.sock.fileno(),
        one.interface.index,
        int(network.ip),
        int(network.netmask),
        one.port,
        answers.responder(one.interface.name),
        ring,
        index,
        first=first,
    )
