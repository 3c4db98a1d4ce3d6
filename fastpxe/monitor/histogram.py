"""Percentiles of a histogram of times: pairs of a bucket's upper bound in nanoseconds and a count.

A percentile is its bucket's upper bound, so it is at most a sixteenth too high.
"""

from collections import Counter
from collections.abc import Iterable

Histogram = list[tuple[int, int]]


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """The sum of several histograms."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(dict(histogram))
    return sorted(total.items())


def percentile(histogram: Histogram, percent: float) -> int:
    """The time in nanoseconds that `percent` of the times don't exceed; 0 if there are none."""
    rank = percent / 100 * sum(count for _, count in histogram)
    seen = 0
    for top, count in histogram:
        seen += count
        if seen >= rank:
            return top
    return 0


def describe(histogram: Histogram) -> str:
    """The usual percentiles, in microseconds, as text."""
    points = {"p50": 50, "p99": 99, "p99.9": 99.9, "max": 100}
    return ", ".join(
        f"{name} {percentile(histogram, percent) / 1000:.0f} us" for name, percent in points.items()
    )
