"""What the web page shows of which boots."""

from collections import Counter

from fastpxe.monitor.counters import Counters
from fastpxe.monitor.journal import STUCK_S, Boot
from fastpxe.monitor.metrics import Figures
from fastpxe.monitor.page import ROWS_MAX, Reader, parts
from fastpxe.monitor.problems import problem

NOW = 1e9


def stuck(count: int, seen_at: float) -> list[Boot]:
    found = problem("no-dhcp")
    return [
        Boot(mac=f"m{n}", stage="stuck", problem=found, began_at=seen_at, seen_at=seen_at)
        for n in range(count)
    ]


def shown(*boots: Boot) -> dict[str, str]:
    figures = Figures(
        counts=Counter(), latency=[], hits={}, problems={}, counters=Counters(), boots=boots,
        workers=1, alive=1, started_at=0,
    )  # fmt: skip
    return parts(figures, [], [], [], Reader(NOW))


def test_a_machine_that_was_not_seen_for_long_counts_as_stuck_no_more() -> None:
    """It was moved, or switched off."""
    found = shown(*stuck(1, NOW - STUCK_S))
    assert "<b>1</b> stuck" in found["figures"]
    assert "<td>m0</td>" in found["problems"]
    found = shown(*stuck(1, NOW - STUCK_S - 1))
    assert "<b>0</b> stuck" in found["figures"]
    assert "nobody" in found["problems"]
    assert "<summary>m0</summary>" in found["history"]


def test_of_more_stuck_machines_than_are_listed_the_rest_is_counted() -> None:
    found = shown(*stuck(ROWS_MAX + 3, NOW))["problems"]
    assert found.count("<tr class") == ROWS_MAX
    assert "and 3 more" in found
    assert "more" not in shown(*stuck(ROWS_MAX, NOW))["problems"]
