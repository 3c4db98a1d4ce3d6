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
    """How many DHCP answers there were in each of the last seconds, the last one at the end."""

    per_s: list[int] = []
    total: int = 0
    at: int = 0

    def count(self, total: int, now: float) -> None:
        """Take note of all answers so far."""
        second = int(now)
        if not self.at or second < self.at:  # at the start, or the clock was set back
            self.at, self.total = second, total
        while self.at < second:
            self.at += 1
            self.per_s.append(0)
            if second - self.at > CHART_S:
                self.at = second
        del self.per_s[:-CHART_S]
        if self.per_s:
            self.per_s[-1] += max(0, total - self.total)
            self.total = total
