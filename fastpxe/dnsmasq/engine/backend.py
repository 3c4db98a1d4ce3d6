"""What dnsmasq would answer, for the server: an Engine behind an AnswerCache for each interface."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from fastpxe._codec import REASONS
from fastpxe.dhcp.constants import DHCP_SERVER_PORT
from fastpxe.dnsmasq.engine._answer_cache import TARGETS, AnswerCache
from fastpxe.dnsmasq.engine.cache_key import cache_rules
from fastpxe.dnsmasq.engine.decision import To
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine, Silence
from fastpxe.dnsmasq.engine.log_labels import DnsmasqNames, Labels, label_of
from fastpxe.dnsmasq.engine.message import Message, read
from fastpxe.dnsmasq.engine.render import Template
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.errors import MalformedPacket
from fastpxe.events import Labelled
from fastpxe.firmware.requests import Client
from fastpxe.policy._respond import Responder

# dnsmasq's reasons for silence, as the counters name them.
_REASONS = {
    "short": "short", "op": "not_a_request", "hlen": "bad_hlen", "htype": "bad_hlen",
    "cookie": "bad_magic", "bootp": "not_pxe", "not-pxe": "not_pxe", "no-arch": "unknown_arch",
    "message-type": "wrong_type", "ignored": "denied", "item-ignored": "denied",
    "bis": "credentials", "unknown-item": "unserved_item", "item-range": "unserved_item",
    "no-destination": "no_destination", "for_other_server": "for_other_server",
}  # fmt: skip
_TARGETS = {To.RELAY: "giaddr", To.HARDWARE: "ciaddr", To.CIADDR: "ciaddr", To.SOURCE: "source"}
_NUMBERS = {word: number for number, word in enumerate(REASONS)}


class DnsmasqAnswers:
    """A dnsmasq configuration on the interfaces of this machine.

    `seed` is random, and known to nobody outside.
    """

    def __init__(
        self, config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses], *, seed: int
    ) -> None:
        self.config = config
        self.engine = Engine(config, interfaces)
        self._seed = seed
        self.labels = Labels()
        self._caches: dict[str, AnswerCache] = {}

    def responder(self, interface: str) -> Responder:
        if interface not in self._caches:
            question = Question(self, interface)
            rules = cache_rules(self.engine)
            self._caches[interface] = AnswerCache(question, seed=self._seed, **rules)
        return self._caches[interface]

    def announce_to(self, send: Callable[[Labelled], None], known: Iterable[Labelled] = ()) -> None:
        self.labels.announce_to(send, known)

    def decide(self, client: Client, interface: str) -> tuple[str, str]:  # noqa: ARG002 - there is no such thing as a boot of one's own
        return "", ""

    def names(self) -> DnsmasqNames:
        return DnsmasqNames()


class Remembered(NamedTuple):
    """An answer as AnswerCache wants it from what it asks; see there. It begins as silence."""

    reason: int
    reply: bytes = b""
    to: int = 0
    to_port: int = 0
    rule: int = 0
    reply_index: int = 0
    siaddr: int = 0
    arch: int = -1
    message_type: int = 0
    is_ipxe: bool = False
    delay_ms: int = 0
    target: int = 0
    identity_at: int = 0
    relay_at: int = 0


class Question:
    """What an interface's cache calls when it remembers no answer."""

    def __init__(self, answers: DnsmasqAnswers, interface: str) -> None:
        self._answers = answers
        self._interface = interface

    def __call__(
        self, datagram: bytes, port: int, source: int, source_port: int, address: int
    ) -> Remembered:
        """Decide; the answer in the terms of AnswerCache."""
        config, engine = self._answers.config, self._answers.engine
        arrival = Arrival(
            interface=self._interface,
            port=config.network.server_port if port == DHCP_SERVER_PORT else port,
            source=IPv4Address(source),
            source_port=source_port,
            destination=IPv4Address(address),
        )
        answer = engine.answer(datagram, arrival)
        message = _read(datagram)
        number = self._answers.labels.number_of(label_of(config, answer, message))
        asked = Remembered(
            reason=reason_of(answer),
            rule=number,
            reply_index=number,
            arch=-1 if message is None or message.arch is None else message.arch,
            message_type=0 if message is None else message.message_type,
            is_ipxe=message is not None and message.is_ipxe,
        )
        if isinstance(answer, Silence):
            return asked
        return with_reply(asked, answer, engine.template(answer.reply))


def reason_of(answer: Answer | Silence) -> int:
    """An index into REASONS, 0 for an answer."""
    return _NUMBERS[_REASONS.get(answer.reason, "no_rule")] if isinstance(answer, Silence) else 0


def with_reply(asked: Remembered, answer: Answer, layout: Template) -> Remembered:
    """Add a reply to what is known of a request."""
    return asked._replace(
        reply=answer.data,
        to=int(answer.to),
        to_port=answer.to_port,
        siaddr=int.from_bytes(answer.data[20:24]),
        delay_ms=answer.delay_s * 1000,
        target=TARGETS.index(target_of(answer)),
        identity_at=layout.uuid_at,
        relay_at=layout.relay_at + 2 if layout.relay_at else 0,
    )


def target_of(answer: Answer) -> str:
    """Which address of a request its reply goes to."""
    is_believed = int(answer.to) != 0  # a ciaddr that isn't counts as zero
    return _TARGETS.get(answer.reply.to, "fixed") if is_believed else "fixed"


def _read(datagram: bytes) -> Message | None:
    try:
        return read(datagram)
    except MalformedPacket:
        return None
