"""What dnsmasq would answer, for the server: an Engine behind an AnswerCache for each interface."""

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

import msgspec

from fastpxe._codec import REASONS
from fastpxe._reply import Responder
from fastpxe.after_offer import NextStep, next_step
from fastpxe.clients import Client
from fastpxe.decode import decode
from fastpxe.dnsmasq._cache import TARGETS, AnswerCache
from fastpxe.dnsmasq.cache_rules import cache_rules
from fastpxe.dnsmasq.decision import Decision as Decided
from fastpxe.dnsmasq.decision import To
from fastpxe.dnsmasq.engine import Answer, Arrival, Engine, Silence
from fastpxe.dnsmasq.logged import Shown, lines, mac_text, value_text
from fastpxe.dnsmasq.message import Message, read
from fastpxe.dnsmasq.model import DnsmasqConfig, Interface
from fastpxe.dnsmasq.render import UUID_SIZE, Template
from fastpxe.errors import MalformedPacket
from fastpxe.events import Decision, Labelled
from fastpxe.wire import DHCP_SERVER_PORT, MessageType, Option

LABELS_MAX = 16_384  # of some 2 KB; beyond, new kinds of decisions are told without lines
_UNTOLD = frozenset({"bootp", "not-pxe", "message-type", "for_other_server"})  # without lines

# In a label's lines, for what differs between clients.
XID, MAC, CIADDR, UUID, RELAY = "\0x", "\0m", "\0c", "\0u", "\0r"
_MARK = re.compile("\0.")

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


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What a log needs of a decision.

    `lines` are dnsmasq's, with marks for what the board tells of each client; its classes and the
    host name that it gives are in them as they are.
    """

    rule: str = ""
    file: str = ""
    next_step: NextStep = "fetch"
    reason: str = ""
    lines: tuple[str, ...] = ()


class DnsmasqNames:
    """The labels of one worker's decisions, by number."""

    def __init__(self) -> None:
        self._labels: dict[int, Labelled] = {}

    def learn(self, label: Labelled) -> None:
        self._labels[label.number] = label

    def rule_of(self, decision: Decision) -> str:
        label = self._labels.get(decision.rule)
        return "" if label is None else label.rule

    def file_of(self, decision: Decision) -> str:
        label = self._labels.get(decision.rule)
        return "" if label is None else label.file

    def next_step(self, decision: Decision) -> NextStep:
        label = self._labels.get(decision.rule)
        return "fetch" if label is None else label.next_step

    def reason_of(self, decision: Decision) -> str:
        label = self._labels.get(decision.rule)
        return REASONS[decision.reason] if label is None or not label.reason else label.reason

    def details(self, decision: Decision) -> Iterable[str]:
        """The lines that dnsmasq would log of this client."""
        label = self._labels.get(decision.rule)
        own = {
            XID: str(decision.xid),
            MAC: mac_text(decision.chaddr),
            CIADDR: str(IPv4Address(decision.ciaddr)),
            UUID: decision.identity[:UUID_SIZE].hex(":"),
            RELAY: value_text(Option.RELAY_AGENT, decision.relay),
        }
        for line in () if label is None else label.lines:
            yield _MARK.sub(lambda mark: own.get(mark[0], ""), line)


class DnsmasqAnswers:
    """A dnsmasq configuration on the interfaces of this machine.

    `seed` is random, and known to nobody outside.
    """

    def __init__(
        self, config: DnsmasqConfig, interfaces: Sequence[Interface], *, seed: int
    ) -> None:
        self.config = config
        self.engine = Engine(config, interfaces)
        self._seed = seed
        self._numbers: dict[Label, int] = {}
        self._announce: Callable[[Labelled], None] = _to_nobody
        self._caches: dict[str, AnswerCache] = {}

    def responder(self, interface: str) -> Responder:
        if interface not in self._caches:
            question = Question(self, interface)
            rules = cache_rules(self.engine)
            self._caches[interface] = AnswerCache(question, seed=self._seed, **rules)
        return self._caches[interface]

    def announce_to(self, send: Callable[[Labelled], None], known: Iterable[Labelled] = ()) -> None:
        self._announce = send
        for one in known:
            label = Label(
                rule=one.rule,
                file=one.file,
                next_step=one.next_step,
                reason=one.reason,
                lines=one.lines,
            )
            self._numbers[label] = one.number

    def decide(self, client: Client, interface: str) -> tuple[str, str]:  # noqa: ARG002 - there is no such thing as a boot of one's own
        return "", ""

    def names(self) -> DnsmasqNames:
        return DnsmasqNames()

    def number_of(self, label: Label) -> int:
        """The number under which a label is known; there are as many as kinds of decisions.

        Clients can think of kinds without end, and no label is forgotten, since decisions wait that
        have its number. So beyond so many, a new kind has no lines; beyond twice as many, no file
        either: rules are as many as the configuration has lines.
        """
        short = msgspec.structs.replace(label, lines=())
        for most, one in (LABELS_MAX, label), (2 * LABELS_MAX, short):
            if one in self._numbers or len(self._numbers) < most:
                return self._numbered(one)
        return self._numbered(msgspec.structs.replace(short, file=""))

    def _numbered(self, label: Label) -> int:
        number = self._numbers.get(label)
        if number is None:
            number = self._numbers[label] = len(self._numbers) + 1
            self._announce(
                Labelled(
                    number=number,
                    rule=label.rule,
                    file=label.file,
                    next_step=label.next_step,
                    reason=label.reason,
                    lines=label.lines,
                )
            )
        return number


def _to_nobody(label: Labelled) -> None:
    """Announce to nobody: there is no parent to be told."""


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
        number = self._answers.number_of(label_of(config, answer, message))
        asked = Remembered(
            reason=reason_of(answer),
            rule=number,
            reply_index=number,
            arch=-1 if message is None or message.arch is None else message.arch,
            message_type=0 if message is None else message.message_type,
            is_ipxe=message is not None and _is_ipxe(message),
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


def label_of(config: DnsmasqConfig, answer: Answer | Silence, message: Message | None) -> Label:
    """What the log says of an answer."""
    reason = answer.reason if isinstance(answer, Silence) else ""
    decision = answer.decision
    if decision is None or message is None:
        return Label(reason=reason)
    is_logged = config.log_dhcp and reason not in _UNTOLD
    return Label(
        rule=rule_of(decision),
        file="" if decision.reply is None else decision.reply.file.decode("latin-1"),
        next_step="fetch" if isinstance(answer, Silence) else next_step_of(answer, message),
        reason=reason,
        lines=nameless(config, message, decision) if is_logged else (),
    )


def next_step_of(answer: Answer, message: Message) -> NextStep:
    """What a client does that takes this answer."""
    is_pxe = (message.option(Option.VENDOR_CLASS) or b"").startswith(b"PXEClient")
    if not is_pxe or message.message_type != MessageType.DISCOVER:
        return "fetch"
    offer = decode(answer.data)
    names_file = offer.has_server and bool(offer.file)
    return next_step(message.arch, offer.vendor, ipxe=_is_ipxe(message), names_file=names_file)


def rule_of(decision: Decided) -> str:
    """The line that gave the file, as "file:line"."""
    if decision.item is not None:
        return str(decision.item.where)
    if decision.services is not None and decision.services.single is not None:
        return str(decision.services.single.where)
    if decision.boot is not None and decision.boot.winner is not None:
        return str(decision.boot.winner.where)
    return ""


def nameless(config: DnsmasqConfig, message: Message, decision: Decided) -> tuple[str, ...]:
    """What dnsmasq would log, with marks in the place of what names the client.

    The board has no options that stand in file or sname.
    """
    ciaddr = CIADDR if int(message.ciaddr) else str(message.ciaddr)
    marks = Shown(xid=XID, mac=MAC, ciaddr=ciaddr, uuid=UUID, relay=RELAY)
    if message.option(Option.OVERLOAD) is not None:
        marks = msgspec.structs.replace(marks, uuid=None, relay=None)
    return tuple(lines(config, message, decision, marks))


def _is_ipxe(message: Message) -> bool:
    return b"iPXE" in (message.user_class or b"")


def _read(datagram: bytes) -> Message | None:
    try:
        return read(datagram)
    except MalformedPacket:
        return None
