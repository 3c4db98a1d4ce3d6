"""What a front end gives the server: something that answers on each interface, and names for logs.

Two make it: a fastpxe.toml (NativeAnswers) and dnsmasq's syntax (fastpxe.dnsmasq.engine.backend).
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import NamedTuple, Protocol

from fastpxe._codec import REASONS
from fastpxe.dhcp._responder import Responder
from fastpxe.dhcp.constants import MessageType
from fastpxe.events import Decision
from fastpxe.firmware.next_step import NextStep, next_step
from fastpxe.firmware.offers import Offer, firmware_of
from fastpxe.firmware.requests import Client
from fastpxe.policy.compiler import Compiled
from fastpxe.policy.replies import HTTP


class Description(NamedTuple):
    """What people are told of a decision.

    rule: the rule or line that an answer came from. next_step: what firmware does that takes an
    offer. reason: a word why there was no answer. details: further lines for the log.
    """

    rule: str
    file: str
    next_step: NextStep
    reason: str
    details: tuple[str, ...] = ()


class Answers(Protocol):
    """A configuration, compiled: what a worker answers by, and what its decisions mean."""

    def responder(self, interface: str) -> Responder:
        """What answers on that interface."""

    def report_errors_to(self, report: Callable[[Exception], None]) -> None:
        """Call this from now on with errors of ours in a decision, which then isn't answered."""

    def decide(self, client: Client, interface: str) -> tuple[str, str]:
        """The boot of a client's own, and the rule that it is answered by; "" for none."""

    def describe(self, decision: Decision, interface: str, *, wants_details: bool) -> Description:
        """What people are told of a worker's decision; the details only where they are wanted."""


class NativeAnswers:
    """A compiled fastpxe.toml: the same on every interface but for URLs.

    `addresses` has ours on each interface.
    """

    def __init__(self, compiled: Compiled, addresses: Mapping[str, IPv4Address]) -> None:
        self.compiled = compiled
        self._addresses = addresses

    def responder(self, interface: str) -> Responder:
        return self.compiled.native_for(self._addresses[interface])

    def report_errors_to(self, report: Callable[[Exception], None]) -> None:
        """There is nothing to report: no Python runs in a decision."""

    def decide(self, client: Client, interface: str) -> tuple[str, str]:
        compiled, ours = self.compiled, self._addresses[interface]
        found = compiled.native_for(ours).find(client.discover(), address=int(ours))
        number = compiled.hosts.find(client.mac, client.uuid)
        boot = next((name for name, one in compiled.boots.items() if one == number), "")
        return boot, compiled.rules[found].name if found >= 0 else ""

    def describe(self, decision: Decision, interface: str, *, wants_details: bool) -> Description:  # noqa: ARG002 - a line says it all, wherever the request came in
        answered = decision.reason == 0
        return Description(
            rule=self.compiled.rules[decision.rule].name if answered else "",
            file=self._file_of(decision) if answered else "",
            next_step=self._next_step(decision) if answered else "fetch",
            reason=REASONS[decision.reason],
        )

    def _file_of(self, decision: Decision) -> str:
        reply = self.compiled.replies[decision.reply]
        name = (reply.file or reply.bootfile.rstrip(b"\0")).decode("ascii")
        return name.replace("{server}", str(IPv4Address(decision.siaddr)))

    def _next_step(self, decision: Decision) -> NextStep:
        reply = self.compiled.replies[decision.reply]
        if reply.family == HTTP or decision.message_type != MessageType.DISCOVER:
            return "fetch"
        offer = Offer(
            vendor_class="PXEClient",
            siaddr=IPv4Address(decision.siaddr),
            file=self._file_of(decision),
            vendor=reply.offer_vendor,
        )
        arch = None if decision.arch < 0 else decision.arch
        return next_step(firmware_of(arch, is_ipxe=decision.ipxe), offer)
