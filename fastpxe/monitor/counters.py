"""Counters for the metrics and the web page: made from events, kept in memory."""

import msgspec

from fastpxe.events import Event, HttpServed, TransferDone, TransferRefused

CHART_S = 600  # seconds of history
KINDS_MAX = 64  # keys of a counter, the rest is "other": clients choose the sizes


class Counters(msgspec.Struct, kw_only=True):
    """Counts since the server was started.

    transfers: TFTP transfers by outcome. sizes: by "blksize windowsize" as negotiated. refused: by
    TFTP error code. requests: HTTP by "method status". Sizes in bytes.
    """

    transfers: dict[str, int] = {}
    tftp_bytes: int = 0
    retransmits: int = 0
    sizes: dict[str, int] = {}
    refused: dict[str, int] = {}
    requests: dict[str, int] = {}
    http_bytes: int = 0

    def on_event(self, event: Event) -> None:
        """Count an event."""
        match event:
            case TransferDone():
                _add(self.transfers, event.outcome)
                self.tftp_bytes += event.size_bytes
                self.retransmits += event.retransmits
                if event.outcome == "done":
                    options = event.options
                    _add(
                        self.sizes,
                        f"{options.get('blksize', 512)} {options.get('windowsize', 1)}",
                    )
            case TransferRefused():
                _add(self.refused, str(event.code))
            case HttpServed():
                _add(
                    self.requests,
                    f"{event.method if event.status != 405 else 'other'} {event.status}",
                )
                self.http_bytes += event.size_bytes


def _add(counts: dict[str, int], key: str) -> None:
    if key not in counts and len(counts) >= KINDS_MAX:
        key = "other"
    counts[key] = counts.get(key, 0) + 1


class AnswerRate(msgspec.Struct, kw_only=True):
    """The number of DHCP answers in each of the last complete seconds, oldest first.

    total: all answers at the last update, which was at `updated_at`. running: those of the second
    that is not complete.
    """

    per_s: list[int] = []
    total: int = 0
    updated_at: float = 0
    running: int = 0

    def update(self, total: int, now: float) -> None:
        """Set the number of all answers so far.

        Answers since the last update are spread over the time between: in a storm updates are
        late, and a second without one is not a second without answers.
        """
        if not self.updated_at or now < self.updated_at:  # at the start, or the clock was set back
            self.running = 0
        elif now > self.updated_at + CHART_S:  # the clock was set forward
            self.per_s, self.running = [], 0
        else:
            self._spread(max(0, total - self.total), now)
        self.total, self.updated_at = total, now

    def _spread(self, new: int, now: float) -> None:
        given = 0
        for end in range(int(self.updated_at) + 1, int(now) + 1):
            by_then = int(new * (end - self.updated_at) / (now - self.updated_at))
            self.per_s.append(self.running + by_then - given)
            self.running, given = 0, by_then
        self.running += new - given
        del self.per_s[:-CHART_S]
