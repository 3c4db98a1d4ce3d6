"""What dnsmasq would answer: facts about a request, a decision on them, and the bytes.

    message   = read(datagram)
    facts     = engine.signature(message, arrival)    everything that the decision depends on
    decision  = engine.decide(facts)                  made once for equal facts
    datagram  = engine.render(decision, message)      the decision's template, filled in

Sources: dnsmasq 2.90, its manual and its behaviour in proxy mode.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import PXE_PORT
from fastpxe.dnsmasq.engine import decide as deciding
from fastpxe.dnsmasq.engine.decision import Decision, Reply, To
from fastpxe.dnsmasq.engine.facts import Facts, Tests
from fastpxe.dnsmasq.engine.message import NO_ADDRESS, Message, read
from fastpxe.dnsmasq.engine.ranges import Place, Ranges
from fastpxe.dnsmasq.engine.render import fill, lay_out
from fastpxe.dnsmasq.engine.tags import TagList
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.errors import MalformedPacket

BROADCAST = IPv4Address("255.255.255.255")
REMEMBERED = 1024  # decisions

# Reasons for silence of which dnsmasq leaves a line in its log, even without log-dhcp.
LOGGED = frozenset({"no-address", "no-range", "bridge", "bis", "ignored", "no-destination"})


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """How a datagram came: the interface it came in by, our port, and both addresses."""

    interface: str
    port: int
    source: IPv4Address
    source_port: int
    destination: IPv4Address = BROADCAST


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A reply and where to send it.

    `own` is the address to send from, if one can choose. `hardware` is not empty when the client
    can't be asked for its hardware address (ARP) yet. The reply is due after `delay_s` seconds.
    """

    data: bytes
    to: IPv4Address
    to_port: int
    own: IPv4Address
    hardware: bytes
    delay_s: int
    message: Message
    decision: Decision
    reply: Reply

    @property
    def tags(self) -> TagList:
        return self.decision.tags

    @property
    def steps(self) -> tuple[str, ...]:
        return self.decision.steps


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """No reply: a reason word, the reason in a sentence, and whether dnsmasq would log it.

    There is no decision on what can't be read.
    """

    reason: str
    why: str
    is_logged: bool = False
    message: Message | None = None
    decision: Decision | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        return (f"no answer: {self.why}",) if self.decision is None else self.decision.steps


class Engine:
    """A configuration on a machine's interfaces, in the kernel's order (with lo)."""

    def __init__(self, config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses]) -> None:
        self.config = config
        self.ranges = Ranges(config, interfaces)
        self.tests = Tests(config)
        self.decide = lru_cache(REMEMBERED)(self.decide_anew)
        self.layout = lru_cache(REMEMBERED)(lay_out)

    def answer(self, datagram: bytes, arrival: Arrival) -> Answer | Silence:
        """What dnsmasq would send. Never raises for what a datagram holds."""
        try:
            message = read(datagram)
        except MalformedPacket as error:
            return Silence(reason=error.reason, why=str(error))
        decision = self.decide(self.signature(message, arrival))
        if decision.reason or decision.reply is None:
            return Silence(
                reason=decision.reason,
                why=decision.why,
                is_logged=decision.reason in LOGGED,
                message=message,
                decision=decision,
            )
        to, to_port = self.destination(decision.reply.to, message, arrival)
        return Answer(
            data=self.render(decision, message),
            to=to,
            to_port=to_port,
            own=decision.reply.own,
            hardware=message.hardware if decision.reply.to is To.HARDWARE else b"",
            delay_s=decision.delay_s,
            message=message,
            decision=decision,
            reply=decision.reply,
        )

    def signature(self, message: Message, arrival: Arrival) -> Facts:
        """Everything that the decision depends on. Hashable."""
        return self.tests.facts(
            message,
            self.place(message, arrival),
            is_pxe_port=arrival.port == PXE_PORT,
            source=arrival.source.packed,
        )

    def place(self, message: Message, arrival: Arrival) -> Place:
        """The ranges for a message, or why nothing is served where it came in."""
        if arrival.port not in (self.config.network.server_port, PXE_PORT):
            why = f"dnsmasq would not listen on port {arrival.port}"
            return Place(arrival.interface, refused="port", why=why)
        if arrival.port == PXE_PORT and not self.config.is_pxe_enabled:
            why = "without pxe-prompt and pxe-service port 4011 is not open"
            return Place(arrival.interface, refused="not-enabled", why=why)
        return self.ranges.find(
            arrival.interface,
            subnet=message.subnet,
            giaddr=message.giaddr,
            ciaddr=message.ciaddr,
        )

    def decide_anew(self, facts: Facts) -> Decision:
        return deciding.decide(self.config, facts)

    def render(self, decision: Decision, message: Message) -> bytes:
        """The reply that was decided on; empty for silence."""
        if decision.reply is None:
            return b""
        return fill(self.layout(decision.reply).template, message)

    def destination(self, to: To, message: Message, arrival: Arrival) -> tuple[IPv4Address, int]:
        """The address and port behind a kind of destination."""
        network = self.config.network
        match to:
            case To.RELAY:
                return message.giaddr, network.server_port
            case To.BROADCAST:
                return BROADCAST, network.client_port
            case To.HARDWARE:  # yiaddr is what the client said in ciaddr
                return message.ciaddr, network.client_port
            case To.CIADDR:
                return message.ciaddr, arrival.source_port
            case To.SOURCE:
                return arrival.source, arrival.source_port
            case To.NOWHERE:
                return NO_ADDRESS, arrival.source_port
