"""The log of events, limited to a number of lines a second; the rest is counted.

In a storm nobody can read a line for each answer, and writing them takes longer than the storm.
Every datagram is in the counts, and every machine's boot in the journal.
"""

import logging
from collections import Counter

from fastpxe.events import Event

LINES_PER_S = 200
WARNINGS_FACTOR = 10  # warnings and errors are left out above ten times as many lines

log = logging.getLogger("fastpxe")


class RateLimitedLog:
    """Writes lines, each with the time of its event. `per_s`: the most lines in a second."""

    def __init__(self, per_s: int = LINES_PER_S) -> None:
        self._per_s = per_s
        self._second = 0
        self._written = 0
        self._left_out: Counter[str] = Counter()

    def has_room(self) -> bool:
        """Whether a line below a warning would be written now."""
        return self._written < self._per_s and log.isEnabledFor(logging.INFO)

    def emit(self, level: int, text: str, event: Event) -> None:
        """Write a line, or count it when there were too many in this second."""
        if not log.isEnabledFor(level):
            return
        limit = self._per_s if level < logging.WARNING else WARNINGS_FACTOR * self._per_s
        if self._written >= limit:
            self._left_out[_kind(text)] += 1
            return
        self._written += 1
        self.emit_unlimited(level, text, event)

    def emit_unlimited(self, level: int, text: str, event: Event) -> None:
        """Write a line that the caller limits, and that other lines must not push out."""
        if not log.isEnabledFor(level):
            return
        record = log.makeRecord(log.name, level, "", 0, text, (), None, extra={"event": event})
        if event.at:
            record.created = event.at
            record.msecs = event.at % 1 * 1000
        log.handle(record)

    def poll(self, now: float) -> None:
        """Start a new second if it is time, and log what was left out of the one before."""
        if int(now) == self._second:
            return
        self._second, self._written = int(now), 0
        if self._left_out:
            counts = ", ".join(f"{kind} {count}" for kind, count in self._left_out.items())
            log.info("too many lines, left out: %s", counts)
            self._left_out.clear()


def _kind(text: str) -> str:
    """The line's first word, unless that is a client's number: dnsmasq's lines start with xid."""
    word = text.partition(" ")[0]
    return "other" if word.isdecimal() else word
