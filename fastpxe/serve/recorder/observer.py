"""What becomes of events: lines of the log, the journal, counts, and hosts that have started."""

import logging
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address

import msgspec

from fastpxe.events import (
    Answered,
    DhcpEvent,
    Event,
    Fault,
    HttpServed,
    Notice,
    Progress,
    TransferDone,
    TransferRefused,
)
from fastpxe.monitor.counters import Answers, Tally
from fastpxe.monitor.journal import Boot, Journal
from fastpxe.monitor.log_lines import Repeats, describe
from fastpxe.serve.files.resolve import hardware_address
from fastpxe.serve.recorder.host_boots import HostKeeper
from fastpxe.serve.recorder.log_writer import Lines
from fastpxe.service import Front
from fastpxe.text import printable

LOOK_S = 1.0
STUCK_ONE_BY_ONE = 20  # a problem's machines in a second; when a DHCP server dies, all are stuck
NEIGHBOURS_MAX = 50_000
NEIGHBOUR_S = 30.0  # how long a neighbour's hardware address is taken for true

log = logging.getLogger("fastpxe")

Download = TransferDone | TransferRefused | HttpServed | Progress


class Kept(msgspec.Struct, kw_only=True):
    """What one observer leaves to the next."""

    boots: list[Boot]
    history: list[Boot]
    hits: dict[str, int]
    problems: dict[str, int]
    tally: Tally
    answers: Answers


class Observer:
    """Sees each event once, whichever worker it came from.

    `lines` writes the log. `front` is the configuration in force.
    """

    def __init__(self, front: Front, lines: Lines) -> None:
        self.front = front
        self.journal = Journal(front.own)
        self.tally = Tally()
        self.answers = Answers()
        self._lines = lines
        self._repeats = Repeats()
        self._hosts = HostKeeper(front.hosts, front.rules, front.own) if front.hosts else None
        self._neighbours: dict[tuple[IPv4Address, str], tuple[str, float]] = {}
        self._looked_at = 0.0
        self._heard: list[Event] = []

    def look(self, now: float, answered: Callable[[], int]) -> None:
        """Do what time asks for; `answered` says how many DHCP answers there were so far."""
        if self._hosts:
            self._hosts.look()
        self._lines.look(now)
        if now - self._looked_at < LOOK_S and now >= self._looked_at:
            return
        self._looked_at = now
        self.answers.count(answered(), now)
        told: Counter[str] = Counter()
        for boot, problem in self.journal.look(now):
            told[problem.name] += 1
            if told[problem.name] > STUCK_ONE_BY_ONE:
                continue
            text = (
                f"stuck mac={boot.mac} problem={problem.name} interface={boot.interface}: "
                f"{printable(problem.text.encode())}; {problem.advice}"
            )
            self._lines.tell_anyway(
                logging.WARNING, text, Notice(interface=boot.interface, at=now, text=text)
            )
        for name, count in told.items():
            if count > STUCK_ONE_BY_ONE:
                text = (
                    f"stuck {count - STUCK_ONE_BY_ONE} more machines, problem={name}: "
                    "`fastpxe watch --stage stuck` shows them"
                )
                notice = Notice(interface="", at=now, text=text)
                self._lines.tell_anyway(logging.WARNING, text, notice)

    def hear(self, event: Event) -> None:
        """Take note of an event, until `see`."""
        self._heard.append(event)

    def see(self) -> None:
        """Take in what was heard, by the time at which it happened: each worker tells its own."""
        heard, self._heard = self._heard, []
        for event in sorted(heard, key=lambda event: event.at):
            self.saw(event)

    def saw(self, event: Event) -> None:
        """Take in an event."""
        mac = self._mac_of(event) if isinstance(event, Download) else ""
        self.journal.saw(event, mac)
        self.tally.saw(event)
        if self._hosts:
            self._hosts.saw(event, mac)
        if self._is_told(event):
            self._tell(event)

    def keep(self) -> bytes:
        """What the next observer is to know."""
        kept = Kept(
            boots=list(self.journal.boots()),
            history=list(self.journal.history),
            hits=self.journal.hits,
            problems=self.journal.problems,
            tally=self.tally,
            answers=self.answers,
        )
        return msgspec.msgpack.encode(kept)

    def take_over(self, kept: bytes) -> None:
        """Go on from what another observer kept; b"" for nothing."""
        if not kept:
            return
        found = msgspec.msgpack.decode(kept, type=Kept)
        self.journal.put_back(found.boots)
        self.journal.history.extend(found.history)
        self.journal.hits.update(found.hits)
        self.journal.problems.update(found.problems)
        self.tally, self.answers = found.tally, found.answers

    def _is_told(self, event: Event) -> bool:
        if isinstance(event, Answered):
            return self.front.tells_answers
        if isinstance(event, TransferRefused):
            return self.front.tells_refusals
        return not isinstance(event, Progress)

    def _tell(self, event: Event) -> None:
        level, text = describe(event)
        if not self._repeats.is_new(event):
            level = logging.DEBUG
        self._lines.tell(level, text, event)
        for detail in event.details if isinstance(event, DhcpEvent) else ():
            self._lines.tell(logging.INFO, detail, event)
        for line in event.traceback if isinstance(event, Fault) else ():
            self._lines.tell(logging.ERROR, line, event)

    def _mac_of(self, event: Download) -> str:
        """The hardware address of a client of files: its neighbour entry, else what DHCP told.

        That is asked each time: the address may have gone to another machine just now.
        """
        address, key = event.client[0], (event.client[0], event.interface)
        mac, until = self._neighbours.get(key, ("", 0.0))
        if not until - NEIGHBOUR_S <= event.at < until:  # the clock may have been set back
            mac = _neighbour(address, event.interface) or ""
            if len(self._neighbours) > NEIGHBOURS_MAX:
                self._neighbours.clear()
            self._neighbours[key] = (mac, event.at + NEIGHBOUR_S)
        return mac or self.journal.mac_of(address)


def _neighbour(address: IPv4Address, interface: str) -> str | None:
    try:
        return hardware_address(str(address), interface)
    except OSError:  # no descriptor left: too many look at the web page
        return None
