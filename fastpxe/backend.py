"""What a front end gives the server: something that answers on each interface, and names for logs.

Two make it: a fastpxe.toml (NativeAnswers) and dnsmasq's syntax (fastpxe.dnsmasq.engine.backend).
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Protocol

from fastpxe._codec import REASONS
from fastpxe.dhcp.constants import MessageType
from fastpxe.events import Decision, Labelled
from fastpxe.firmware.next_step import NextStep, next_step
from fastpxe.firmware.offers import Offer, firmware_of
from fastpxe.firmware.requests import Client
from fastpxe.policy._respond import Responder
from fastpxe.policy.compiler import HTTP, Compiled


class Names(Protocol):
    """What the numbers in one worker's decisions mean, as its parent knows it."""

    def learn(self, label: Labelled) -> None:
        """Take in what the worker said of its numbers."""

    def rule_of(self, decision: Decision) -> str:
        """The rule or line that an answer came from."""

    def file_of(self, decision: Decision) -> str:
        """The boot file of an answer."""

    def next_step(self, decision: Decision) -> NextStep:
        """What firmware does that takes an offer."""

    def reason_of(self, decision: Decision) -> str:
        """A word why there was no answer."""

    def details(self, decision: Decision) -> Iterable[str]:
        """Further lines for the log."""


class Answers(Protocol):
    """A configuration, compiled: what a worker answers by."""

    def responder(self, interface: str) -> Responder:
        """What answers on that interface."""

    def announce_to(self, send: Callable[[Labelled], None], known: Iterable[Labelled] = ()) -> None:
        """From now on, say what new numbers in decisions mean; those `known` are said already."""

    def decide(self, client: Client, interface: str) -> tuple[str, str]:
        """The boot of a client's own, and the rule that it is answered by; "" for none."""

    def names(self) -> Names:
        """Names for the decisions of one worker; each worker has numbers of its own."""


class NativeAnswers:
    """A compiled fastpxe.toml, and its own Names: the same on every interface but for URLs.

    `addresses` has ours on each interface.
    """

    def __init__(self, compiled: Compiled, addresses: Mapping[str, IPv4Address]) -> None:
        self.compiled = compiled
        self._addresses = addresses

    def responder(self, interface: str) -> Responder:
        return self.compiled.native_for(self._addresses[interface])

    def announce_to(self, send: Callable[[Labelled], None], known: Iterable[Labelled] = ()) -> None:
        """Nothing is to say: numbers of rules and replies mean the same in every worker."""

    def decide(self, client: Client, interface: str) -> tuple[str, str]:
        compiled, ours = self.compiled, self._addresses[interface]
        found = compiled.native_for(ours).find(client.discover(), address=int(ours))
        number = compiled.hosts.find(client.mac, client.uuid)
        boot = next((name for name, one in compiled.boots.items() if one == number), "")
        return boot, compiled.rules[found].name if found >= 0 else ""

    def names(self) -> Names:
        return self

    def learn(self, label: Labelled) -> None:
        """There is nothing to learn."""

    def rule_of(self, decision: Decision) -> str:
        return self.compiled.rules[decision.rule].name

    def file_of(self, decision: Decision) -> str:
        reply = self.compiled.replies[decision.reply]
        name = (reply.file or reply.bootfile.rstrip(b"\0")).decode("ascii")
        return name.replace("{server}", str(IPv4Address(decision.siaddr)))

    def next_step(self, decision: Decision) -> NextStep:
        reply = self.compiled.replies[decision.reply]
        if reply.family == HTTP or decision.message_type != MessageType.DISCOVER:
            return "fetch"
        offer = Offer(
            vendor_class="PXEClient",
            siaddr=IPv4Address(decision.siaddr),
            file=self.file_of(decision),
            vendor=reply.offer_vendor,
        )
        arch = None if decision.arch < 0 else decision.arch
        return next_step(firmware_of(arch, is_ipxe=decision.ipxe), offer)

    def reason_of(self, decision: Decision) -> str:
        return REASONS[decision.reason]

    def details(self, decision: Decision) -> Iterable[str]:  # noqa: ARG002 - the line says it all
        return ()
