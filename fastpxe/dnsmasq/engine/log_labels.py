"""What the log says of a decision by dnsmasq's rules: told once for each kind, by a number.

A worker decides on thousands of machines of one kind, and another process tells of each. So what
they have in common is a label, and the board has its number and what is each machine's own.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

import msgspec

from fastpxe._codec import REASONS
from fastpxe.dhcp.constants import MessageType, Option
from fastpxe.dnsmasq.engine.decision import Decision as Decided
from fastpxe.dnsmasq.engine.engine import Answer, Silence
from fastpxe.dnsmasq.engine.log_lines import Shown, lines, mac_text, value_text
from fastpxe.dnsmasq.engine.message import Message
from fastpxe.dnsmasq.engine.render import UUID_SIZE
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.events import Decision, Label, Labelled
from fastpxe.firmware.next_step import NextStep, next_step
from fastpxe.firmware.offers import firmware_of, read_offer

LABELS_MAX = 16_384  # of some 2 KB; beyond, new kinds of decisions are told without lines

# In a label's lines, for what differs between clients.
XID, MAC, CIADDR, UUID, RELAY = "\0x", "\0m", "\0c", "\0u", "\0r"
_MARK = re.compile("\0.")

_UNTOLD = frozenset({"bootp", "not-pxe", "message-type", "for_other_server"})  # without lines
_UNKNOWN = Label()


class Labels:
    """One worker's labels, and the number of each."""

    def __init__(self) -> None:
        self._numbers: dict[Label, int] = {}
        self._announce: Callable[[Labelled], None] = _to_nobody

    def announce_to(self, send: Callable[[Labelled], None], known: Iterable[Labelled]) -> None:
        """From now on, say what new numbers mean; those `known` are said already."""
        self._announce = send
        self._numbers.update((one.label, one.number) for one in known)

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
            self._announce(Labelled(number=number, label=label))
        return number


def _to_nobody(label: Labelled) -> None:
    """Announce to nobody: there is no parent to be told."""


class DnsmasqNames:
    """The labels of one worker's decisions, by number."""

    def __init__(self) -> None:
        self._labels: dict[int, Label] = {}

    def learn(self, labelled: Labelled) -> None:
        self._labels[labelled.number] = labelled.label

    def rule_of(self, decision: Decision) -> str:
        return self._label_of(decision).rule

    def file_of(self, decision: Decision) -> str:
        return self._label_of(decision).file

    def next_step(self, decision: Decision) -> NextStep:
        return self._label_of(decision).next_step

    def reason_of(self, decision: Decision) -> str:
        return self._label_of(decision).reason or REASONS[decision.reason]

    def details(self, decision: Decision) -> Iterable[str]:
        """The lines that dnsmasq would log of this client."""
        own = {
            XID: str(decision.xid),
            MAC: mac_text(decision.chaddr),
            CIADDR: str(IPv4Address(decision.ciaddr)),
            UUID: decision.identity[:UUID_SIZE].hex(":"),
            RELAY: value_text(Option.RELAY_AGENT, decision.relay),
        }
        for line in self._label_of(decision).lines:
            yield _MARK.sub(lambda mark: own.get(mark[0], ""), line)

    def _label_of(self, decision: Decision) -> Label:
        return self._labels.get(decision.rule, _UNKNOWN)


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
    vendor_class = (message.option(Option.VENDOR_CLASS) or b"").decode("latin-1")
    is_pxe = vendor_class.startswith("PXEClient")
    if not is_pxe or message.message_type != MessageType.DISCOVER:
        return "fetch"
    return next_step(firmware_of(message.arch, is_ipxe=message.is_ipxe), read_offer(answer.data))


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
