"""What the log says of a decision by dnsmasq's rules, but for what differs between machines."""

import msgspec

from fastpxe._codec import Reason
from fastpxe.dhcp.constants import MessageType, Option
from fastpxe.dnsmasq.engine.decision import Decision
from fastpxe.dnsmasq.engine.engine import Answer, Silence
from fastpxe.dnsmasq.engine.reasons import REASONS
from fastpxe.firmware.next_step import NextStep, next_step
from fastpxe.firmware.offers import firmware_of, read_offer

# Reasons of which dnsmasq logs nothing, not even with log-dhcp.
QUIET = frozenset({"bootp", "not-pxe", "message-type", "for-other-server", "chose-us"})


FILES_MAX = 16_384


class LogLabel(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of machines of one kind.

    rule: a line of the configuration. word: the engine's own for why it is silent.
    """

    rule: str = ""
    file: str = ""
    next_step: NextStep = "fetch"
    word: str = ""


class LabelTable:
    """The labels of one process, and the number of each. 0 is the label that says nothing."""

    def __init__(self) -> None:
        self._labels = [LogLabel()]
        self._numbers = {self._labels[0]: 0}

    def number_of(self, label: LogLabel) -> int:
        """The number under which a label is known from now on.

        Clients can think of files without end (the layer of 43.71 is in their names): beyond
        FILES_MAX labels a new one has none. Rules are as many as the configuration has lines.
        """
        if len(self._labels) >= FILES_MAX and label not in self._numbers:
            label = msgspec.structs.replace(label, file="")
        number = self._numbers.setdefault(label, len(self._labels))
        if number == len(self._labels):
            self._labels.append(label)
        return number

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, number: int) -> LogLabel:
        return self._labels[number]


def label_of(answer: Answer | Silence) -> LogLabel:
    """What the log says of an answer."""
    word = answer.reason if isinstance(answer, Silence) else ""
    decision = answer.decision
    if decision is None:
        return LogLabel(word=word)
    return LogLabel(
        rule=rule_of(decision),
        file="" if decision.reply is None else decision.reply.file.decode("latin-1"),
        next_step="fetch" if isinstance(answer, Silence) else next_step_of(answer),
        word=word,
    )


def reason_of(answer: Answer | Silence) -> Reason:
    """Why there is no answer, or that there is one."""
    return REASONS[answer.reason] if isinstance(answer, Silence) else Reason.ANSWERED


def next_step_of(answer: Answer) -> NextStep:
    """What a client does that takes this answer."""
    message = answer.message
    vendor_class = (message.option(Option.VENDOR_CLASS) or b"").decode("latin-1")
    is_pxe = vendor_class.startswith("PXEClient")
    if not is_pxe or message.message_type != MessageType.DISCOVER:
        return "fetch"
    return next_step(firmware_of(message.arch, is_ipxe=message.is_ipxe), read_offer(answer.data))


def rule_of(decision: Decision) -> str:
    """The line that gave the file, as "file:line"."""
    if decision.item is not None:
        return str(decision.item.where)
    if decision.services is not None and decision.services.single is not None:
        return str(decision.services.single.where)
    if decision.boot is not None and decision.boot.winner is not None:
        return str(decision.boot.winner.where)
    return ""
