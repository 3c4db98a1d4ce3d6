"""Counts of what happened."""

from ipaddress import IPv4Address
from typing import Any

from fastpxe.events import HttpServed, TransferDone, TransferRefused
from fastpxe.monitor.counters import CHART_S, KINDS_MAX, AnswerRate, Counters

CLIENT = (IPv4Address("10.0.0.100"), 2000)


def done(outcome: Any = "done", **options: int) -> TransferDone:
    return TransferDone(
        interface="eth0", client=CLIENT, file="f", options=options, size_bytes=100,
        duration_s=1, retransmits=2, outcome=outcome,
    )  # fmt: skip


def test_transfers_are_counted_by_outcome_and_size() -> None:
    counters = Counters()
    for event in (done(), done(blksize=1468, windowsize=4), done("timeout"), done("probe")):
        counters.on_event(event)
    assert counters.transfers == {"done": 2, "timeout": 1, "probe": 1}
    assert counters.sizes == {"512 1": 1, "1468 4": 1}
    assert (counters.tftp_bytes, counters.retransmits) == (400, 8)


def test_refusals_and_requests_are_counted_by_code() -> None:
    counters = Counters()
    counters.on_event(TransferRefused(interface="e", client=CLIENT, file="f", code=1, why="none"))
    for method, status in (("GET", 200), ("HEAD", 200), ("BREW", 405)):
        counters.on_event(
            HttpServed(
                interface="e", client=CLIENT, file="f", method=method, status=status,
                size_bytes=10, duration_s=1,
            )
        )  # fmt: skip
    assert counters.refused == {"1": 1}
    assert counters.requests == {"GET 200": 1, "HEAD 200": 1, "other 405": 1}
    assert counters.http_bytes == 30


def test_what_clients_choose_can_t_make_it_grow() -> None:
    counters = Counters()
    for blksize in range(8, 8 + 3 * KINDS_MAX):
        counters.on_event(done(blksize=blksize))
    assert len(counters.sizes) == KINDS_MAX + 1
    assert counters.sizes["other"] == 2 * KINDS_MAX


def test_answers_are_told_of_each_second_that_is_over() -> None:
    rate = AnswerRate()
    for total, now in ((10, 100.0), (14, 100.9), (15, 101.0), (18, 101.5)):
        rate.update(total, now)
    assert rate.per_s == [5]
    rate.update(18, 102.5)
    assert rate.per_s == [5, 3]


def test_a_look_that_comes_late_leaves_no_gap() -> None:
    """A look comes every 1.03 s, so that now and then there is none within a second."""
    rate = AnswerRate()
    for look in range(101):
        rate.update(round(1030 * look), 100 + 1.03 * look)
    assert len(rate.per_s) == 103
    assert set(rate.per_s) <= {999, 1000, 1001}


def test_what_came_between_two_looks_is_spread_over_the_seconds() -> None:
    rate = AnswerRate()
    rate.update(0, 100.5)
    rate.update(10, 105.5)
    rate.update(10, 107)
    assert rate.per_s == [1, 2, 2, 2, 2, 1, 0]


def test_a_count_that_begins_anew_takes_nothing_away() -> None:
    rate = AnswerRate()
    for total, now in ((10, 100.0), (20, 101.5), (3, 102.5), (5, 103.0)):
        rate.update(total, now)
    assert min(rate.per_s) >= 0
    assert sum(rate.per_s) == 12


def test_a_clock_that_jumps_is_no_storm_and_no_loop() -> None:
    rate = AnswerRate()
    rate.update(5, 100)
    rate.update(6, 101)
    rate.update(8, 1e9)
    assert rate.per_s == []
    rate.update(9, 1e9 + 1)
    assert rate.per_s == [1]
    rate.update(11, 50)
    rate.update(12, 51)
    assert rate.per_s[-1] == 1


def test_no_more_is_remembered_than_the_chart_shows() -> None:
    rate = AnswerRate()
    for second in range(CHART_S + 50):
        rate.update(second, 100 + second)
    assert len(rate.per_s) == CHART_S
