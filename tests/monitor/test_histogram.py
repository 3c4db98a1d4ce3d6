"""Percentiles out of buckets."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.monitor.histogram import describe, merged, percentile


@pytest.mark.parametrize(("percent", "top"), [(50, 10), (75, 20), (76, 40), (100, 40)])
def test_a_percentile_is_the_top_of_its_bucket(percent: float, top: int) -> None:
    assert percentile([(10, 2), (20, 1), (40, 1)], percent) == top


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 99) == 0


def test_histograms_add_up() -> None:
    assert merged([[(10, 1)], [(5, 2), (10, 3)], []]) == [(5, 2), (10, 4)]


def test_the_figures_are_in_microseconds() -> None:
    assert describe([(21_000, 99), (900_000, 1)]) == (
        "p50 21 us, p99 21 us, p99.9 900 us, max 900 us"
    )


@given(st.lists(st.integers(1, 100), min_size=1), st.floats(0, 100))
def test_at_least_so_many_percent_are_not_above(values: list[int], percent: float) -> None:
    histogram = sorted(Counter(values).items())
    at = percentile(histogram, percent)
    assert sum(v <= at for v in values) >= percent / 100 * len(values) - 1e-6
