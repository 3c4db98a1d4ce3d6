"""Handles events: lines of the log, the journal of boots, counters, and hosts that have started."""

import logging
from collections import Counter
from collections.abc import Callable

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
from fastpxe.monitor.counters import AnswerRate, Counters
from fastpxe.monitor.journal import Boot, Journal
from fastpxe.monitor.log_lines import Repeats, describe
from fastpxe.monitor.problems import Problem
from fastpxe.net.neighbours import NeighbourCache
from fastpxe.serve.recorder.host_boots import HostBootManager
from fastpxe.serve.recorder.log_writer import RateLimitedLog
from fastpxe.service import Service
from fastpxe.text import printable

POLL_S = 1.0
STUCK_LINES_MAX = 20  # of a problem in a second: when a DHCP server dies, all machines are stuck

log = logging.getLogger("fastpxe")

FileEvent = TransferDone | TransferRefused | HttpServed | Progress


class ObserverState(msgspec.Struct, kw_only=True):
    """What one observer leaves to the next."""

    boots: list[Boot]
    history: list[Boot]
    hits: dict[str, int]
    problems: dict[str, int]
    counters: Counters
    answer_rate: AnswerRate


class Observer:
    """Handles the events of all workers, each once.

    service: the configuration in force. lines: writes the log.
    """

    def __init__(self, service: Service, lines: RateLimitedLog) -> None:
        self.service = service
        self.journal = Journal(service.own)
        self.counters = Counters()
        self.answer_rate = AnswerRate()
        self._lines = lines
        self._repeats = Repeats()
        self._hosts = (
            HostBootManager(service.hosts, service.rules, service.own) if service.hosts else None
        )
        self._macs = NeighbourCache()
        self._polled_at = 0.0
        self._queue: list[Event] = []

    def poll(self, now: float, answered: Callable[[], int]) -> None:
        """Do what depends on time; `answered` returns the number of DHCP answers so far."""
        if self._hosts:
            self._hosts.poll()
        self._lines.poll(now)
        if now - self._polled_at < POLL_S and now >= self._polled_at:
            return
        self._polled_at = now
        self.answer_rate.update(answered(), now)
        self._log_stuck(self.journal.poll(now), now)

    def enqueue(self, event: Event) -> None:
        """Keep an event until `flush`."""
        self._queue.append(event)

    def flush(self) -> None:
        """Handle the queue in the order of time: each worker's events are ordered by themselves."""
        events, self._queue = self._queue, []
        for event in sorted(events, key=lambda event: event.at):
            self.on_event(event)

    def on_event(self, event: Event) -> None:
        mac = self._mac_of(event) if isinstance(event, FileEvent) else ""
        self.journal.on_event(event, mac)
        self.counters.on_event(event)
        if self._hosts:
            self._hosts.on_event(event, mac)
        if self._is_logged(event):
            self._log(event)

    def save(self) -> bytes:
        """Return the state for the next observer."""
        state = ObserverState(
            boots=list(self.journal.boots()),
            history=list(self.journal.history),
            hits=self.journal.hits,
            problems=self.journal.problems,
            counters=self.counters,
            answer_rate=self.answer_rate,
        )
        return msgspec.msgpack.encode(state)

    def restore(self, saved: bytes) -> None:
        """Continue from a state that another observer saved; b"" for none."""
        if not saved:
            return
        state = msgspec.msgpack.decode(saved, type=ObserverState)
        self.journal.restore(state.boots)
        self.journal.history.extend(state.history)
        self.journal.hits.update(state.hits)
        self.journal.problems.update(state.problems)
        self.counters, self.answer_rate = state.counters, state.answer_rate

    # --- the log ----------------------------------------------------------------------------------

    def _is_logged(self, event: Event) -> bool:
        if isinstance(event, Answered):
            return self.service.logs_answers
        if isinstance(event, TransferRefused):
            return self.service.logs_refusals
        return not isinstance(event, Progress)

    def _log(self, event: Event) -> None:
        level, text = describe(event)
        if not self._repeats.is_new(event):
            level = logging.DEBUG
        self._lines.emit(level, text, event)
        for detail in event.details if isinstance(event, DhcpEvent) else ():
            self._lines.emit(logging.INFO, detail, event)
        for line in event.traceback if isinstance(event, Fault) else ():
            self._lines.emit(logging.ERROR, line, event)

    def _log_stuck(self, stuck: list[tuple[Boot, Problem]], now: float) -> None:
        """Warn of stuck machines: STUCK_LINES_MAX of each problem, and how many more there are."""
        counts: Counter[str] = Counter()
        for boot, problem in stuck:
            counts[problem.name] += 1
            if counts[problem.name] <= STUCK_LINES_MAX:
                text = (
                    f"stuck mac={boot.mac} problem={problem.name} interface={boot.interface}: "
                    f"{printable(problem.text.encode())}; {problem.advice}"
                )
                self._warn(text, now, boot.interface)
        for name, count in counts.items():
            if count > STUCK_LINES_MAX:
                text = (
                    f"stuck {count - STUCK_LINES_MAX} more machines, problem={name}: "
                    "`fastpxe watch --stage stuck` lists them"
                )
                self._warn(text, now)

    def _warn(self, text: str, now: float, interface: str = "") -> None:
        notice = Notice(interface=interface, at=now, text=text)
        self._lines.emit_unlimited(logging.WARNING, text, notice)

    # --- clients of files -------------------------------------------------------------------------

    def _mac_of(self, event: FileEvent) -> str:
        """The hardware address of a client: of its neighbour entry, else the last one by DHCP.

        DHCP's is not cached: the address may have gone to another machine just now.
        """
        address = event.client[0]
        return self._macs.find(address, event.interface, event.at) or self.journal.mac_of(address)
