"""The log of events: so many lines a second, and a count of the rest.

In a storm a line for each answer would tell nobody anything, and take longer to write than the
storm. What is left out is in the counts, and each machine's boot in the journal.
"""

import logging
from collections import Counter

from fastpxe.events import Event

LINES_PER_S = 200

log = logging.getLogger("fastpxe")


class Lines:
    """Writes lines with the time at which their event happened.

    `per_s` is how many in a second of this machine's clock; warnings and errors beside them count,
    but are left out only above ten times as many.
    """

    def __init__(self, per_s: int = LINES_PER_S) -> None:
        self._per_s = per_s
        self._second = 0
        self._written = 0
        self._left_out: Counter[str] = Counter()

    def has_room(self) -> bool:
        """Whether a line that is no warning would be written now."""
        return self._written < self._per_s and log.isEnabledFor(logging.INFO)

    def tell(self, level: int, text: str, event: Event) -> None:
        """Write a line, unless there were too many."""
        if not log.isEnabledFor(level):
            return
        limit = self._per_s if level < logging.WARNING else 10 * self._per_s
        if self._written >= limit:
            self._left_out[_kind(text)] += 1
            return
        self._written += 1
        self.tell_anyway(level, text, event)

    def tell_anyway(self, level: int, text: str, event: Event) -> None:
        """Write a line of a kind that is limited already, and that others must not push aside."""
        if not log.isEnabledFor(level):
            return
        record = log.makeRecord(log.name, level, "", 0, text, (), None, extra={"event": event})
        if event.at:
            record.created = event.at
            record.msecs = event.at % 1 * 1000
        log.handle(record)

    def look(self, now: float) -> None:
        """Begin a second, and say what was left out of the one before."""
        if int(now) == self._second:
            return
        self._second, self._written = int(now), 0
        if self._left_out:
            counted = ", ".join(f"{what} {count}" for what, count in self._left_out.items())
            log.info("too many lines, left out: %s", counted)
            self._left_out.clear()


def _kind(text: str) -> str:
    """Its first word, unless that is a client's number: dnsmasq's lines begin with the xid."""
    word = text.partition(" ")[0]
    return "other" if word.isdecimal() else word
