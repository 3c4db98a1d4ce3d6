"""Counts of what happened, for the metrics and the web page: made from events, kept in memory."""

import msgspec

from fastpxe.events import Event, HttpServed, TransferDone, TransferRefused

CHART_S = 600  # seconds that are remembered one by one
KINDS_MAX = 64  # different sizes that are told apart; clients choose them


class Tally(msgspec.Struct, kw_only=True):
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

    def saw(self, event: Event) -> None:
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


class Answers(msgspec.Struct, kw_only=True):
    """How many DHCP answers there were in each of the last seconds that are over, oldest first.

    total: all answers at the last look, which was at `looked_at`. running: those of the second that
    isn't over yet.
    """

    per_s: list[int] = []
    total: int = 0
    looked_at: float = 0
    running: int = 0

    def count(self, total: int, now: float) -> None:
        """Take note of all answers so far.

        What came since the last look is spread over the time between: looks come when they can,
        and a second without one is no second without answers.
        """
        if not self.looked_at or now < self.looked_at:  # at the start, or the clock was set back
            self.running = 0
        elif now > self.looked_at + CHART_S:  # the clock was set forward
            self.per_s, self.running = [], 0
        else:
            self._spread(max(0, total - self.total), now)
        self.total, self.looked_at = total, now

    def _spread(self, came: int, now: float) -> None:
        given = 0
        for end in range(int(self.looked_at) + 1, int(now) + 1):
            by_then = int(came * (end - self.looked_at) / (now - self.looked_at))
            self.per_s.append(self.running + by_then - given)
            self.running, given = 0, by_then
        self.running += came - given
        del self.per_s[:-CHART_S]
