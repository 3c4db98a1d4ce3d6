"""Percentiles of a histogram of times, as boards keep it: (nanoseconds up to which, count).

The top of a bucket stands for all that is in it, so a figure is at most a sixteenth too high.
"""

from collections import Counter
from collections.abc import Iterable

Histogram = list[tuple[int, int]]


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of several."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(dict(histogram))
    return sorted(total.items())


def percentile(histogram: Histogram, percent: float) -> int:
    """The nanoseconds that so many percent did not take longer than; 0 of nothing."""
    rank = percent / 100 * sum(count for _, count in histogram)
    seen = 0
    for top, count in histogram:
        seen += count
        if seen >= rank:
            return top
    return 0


def describe(histogram: Histogram) -> str:
    """The figures that people look at, in microseconds."""
    points = {"p50": 50, "p99": 99, "p99.9": 99.9, "max": 100}
    return ", ".join(
        f"{name} {percentile(histogram, percent) / 1000:.0f} us" for name, percent in points.items()
    )
