"""What dnsmasq would answer, for the server: an Engine behind an AnswerCache for each interface."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe._codec import REASONS
from fastpxe.backend import Description
from fastpxe.dhcp._responder import Responder
from fastpxe.dhcp.constants import DHCP_SERVER_PORT
from fastpxe.dnsmasq.engine._answer_cache import AnswerCache, Target
from fastpxe.dnsmasq.engine.cache_key import cache_rules
from fastpxe.dnsmasq.engine.cached_reply import CachedReply
from fastpxe.dnsmasq.engine.decision import To
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine, Silence
from fastpxe.dnsmasq.engine.log_labels import QUIET, LabelTable, label_of, reason_of
from fastpxe.dnsmasq.engine.log_lines import lines
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.events import Decision
from fastpxe.firmware.requests import Client

_TARGETS = {
    To.RELAY: Target.TO_GIADDR,
    To.HARDWARE: Target.TO_CIADDR,
    To.CIADDR: Target.TO_CIADDR,
    To.SOURCE: Target.TO_SOURCE,
}


class DnsmasqAnswers:
    """A dnsmasq configuration on the interfaces of this machine.

    `seed` is random, and known to nobody outside.
    """

    def __init__(
        self, config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses], *, seed: int
    ) -> None:
        self.config = config
        self.engine = Engine(config, interfaces)
        self.labels = LabelTable()
        self._report: Callable[[Exception], None] = _ignore
        self._seed = seed
        self._caches: dict[str, AnswerCache] = {}

    def responder(self, interface: str) -> Responder:
        if interface not in self._caches:
            rules = cache_rules(self.engine)
            miss = CacheMiss(self, interface)
            self._caches[interface] = AnswerCache(
                miss, on_error=self.on_error, seed=self._seed, **rules
            )
        return self._caches[interface]

    def on_error(self, error: Exception) -> None:
        """What a cache calls when a decision fails."""
        self._report(error)

    def report_errors_to(self, report: Callable[[Exception], None]) -> None:
        self._report = report

    def decide(self, client: Client, interface: str) -> tuple[str, str]:  # noqa: ARG002 - there is no such thing as a boot of one's own
        return "", ""

    def describe(self, decision: Decision, interface: str, *, wants_details: bool) -> Description:
        """Decide again, in the process that logs: numbers mean the same in no two processes."""
        verdict = self.responder(interface).decide(
            decision.request,
            port=decision.port,
            source=decision.source,
            source_port=decision.source_port,
            address=decision.address,
        )
        label = self.labels[max(verdict.rule, 0)]
        is_logged = wants_details and self.config.log_dhcp and label.word not in QUIET
        return Description(
            rule=label.rule,
            file=label.file,
            next_step=label.next_step,
            reason=REASONS[decision.reason],
            details=self._lines(decision, interface) if is_logged else (),
        )

    def _lines(self, decision: Decision, interface: str) -> tuple[str, ...]:
        """The lines that dnsmasq would log of this client."""
        arrival = self.arrival(
            interface, decision.port, decision.source, decision.source_port, decision.address
        )
        answer = self.engine.answer(decision.request, arrival)
        if answer.message is None or answer.decision is None:
            return ()
        return tuple(lines(self.config, answer.message, answer.decision))

    def arrival(
        self, interface: str, role: int, source: int, source_port: int, address: int
    ) -> Arrival:
        """How a datagram came in; `role` is the port's, 67 or 4011, whatever its number."""
        return Arrival(
            interface=interface,
            port=self.config.network.server_port if role == DHCP_SERVER_PORT else role,
            source=IPv4Address(source),
            source_port=source_port,
            destination=IPv4Address(address),
        )


class CacheMiss:
    """What an interface's cache calls when it remembers no answer."""

    def __init__(self, answers: DnsmasqAnswers, interface: str) -> None:
        self._answers = answers
        self._interface = interface

    def __call__(
        self, datagram: bytes, port: int, source: int, source_port: int, address: int
    ) -> CachedReply:
        """Decide."""
        answers = self._answers
        arrival = answers.arrival(self._interface, port, source, source_port, address)
        answer = answers.engine.answer(datagram, arrival)
        message = answer.message
        silent = CachedReply(
            reason=reason_of(answer),
            label=answers.labels.number_of(label_of(answer)),
            arch=-1 if message is None or message.arch is None else message.arch,
            message_type=0 if message is None else message.message_type,
            is_ipxe=message is not None and message.is_ipxe,
        )
        if isinstance(answer, Silence):
            return silent
        return msgspec.structs.replace(
            silent,
            reply=answer.data,
            template=answers.engine.layout(answer.reply).template,
            to=int(answer.to),
            to_port=answer.to_port,
            target=target_of(answer),
            siaddr=int.from_bytes(answer.data[20:24]),
            delay_ms=answer.delay_s * 1000,
        )


def _ignore(error: Exception) -> None:
    """Do nothing: outside a worker nobody is told."""


def target_of(answer: Answer) -> Target:
    """Which address of a request its reply goes to."""
    is_believed = int(answer.to) != 0  # a ciaddr that isn't counts as zero
    return _TARGETS.get(answer.reply.to, Target.TO_FIXED) if is_believed else Target.TO_FIXED
