"""What a front end gives the server: something that answers on each interface, and names for logs.

Two make it: a fastpxe.toml (NativeAnswers) and dnsmasq's syntax (fastpxe.dnsmasq.answers).
"""

from collections.abc import Iterable
from typing import Protocol

from fastpxe._codec import REASONS
from fastpxe._reply import Responder
from fastpxe.events import Decision
from fastpxe.policy import Compiled


class Answers(Protocol):
    """Everything that a DHCP server asks of a configuration while it serves."""

    def responder(self, interface: str) -> Responder:
        """What answers on that interface."""

    def rule_of(self, decision: Decision) -> str:
        """The rule or line that an answer came from."""

    def file_of(self, decision: Decision) -> str:
        """The boot file of an answer."""

    def reason_of(self, decision: Decision) -> str:
        """A word why there was no answer."""

    def details(self, decision: Decision) -> Iterable[str]:
        """Further lines for the log."""


class NativeAnswers:
    """A compiled fastpxe.toml: the same on every interface."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled

    def responder(self, interface: str) -> Responder:  # noqa: ARG002 - rules know no interface
        return self.compiled.native

    def rule_of(self, decision: Decision) -> str:
        return self.compiled.rules[decision.rule].name

    def file_of(self, decision: Decision) -> str:
        reply = self.compiled.replies[decision.reply]
        return (reply.file or reply.bootfile.rstrip(b"\0")).decode("ascii")

    def reason_of(self, decision: Decision) -> str:
        return REASONS[decision.reason]

    def details(self, decision: Decision) -> Iterable[str]:  # noqa: ARG002 - the line says it all
        return ()
