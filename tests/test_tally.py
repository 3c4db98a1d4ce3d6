"""Counts of what happened."""

from ipaddress import IPv4Address
from typing import Any

from fastpxe.events import HttpServed, TransferDone, TransferRefused
from fastpxe.tally import CHART_S, KINDS_MAX, Answers, Tally

CLIENT = (IPv4Address("10.0.0.100"), 2000)


def done(outcome: Any = "done", **options: int) -> TransferDone:
    return TransferDone(
        interface="eth0", client=CLIENT, file="f", options=options, size_bytes=100,
        duration_s=1, retransmits=2, outcome=outcome,
    )  # fmt: skip


def test_transfers_are_counted_by_outcome_and_size() -> None:
    tally = Tally()
    for event in (done(), done(blksize=1468, windowsize=4), done("timeout"), done("probe")):
        tally.saw(event)
    assert tally.transfers == {"done": 2, "timeout": 1, "probe": 1}
    assert tally.sizes == {"512 1": 1, "1468 4": 1}
    assert (tally.tftp_bytes, tally.retransmits) == (400, 8)


def test_refusals_and_requests_are_counted_by_code() -> None:
    tally = Tally()
    tally.saw(TransferRefused(interface="e", client=CLIENT, file="f", code=1, why="none"))
    for method, status in (("GET", 200), ("HEAD", 200), ("BREW", 405)):
        tally.saw(
            HttpServed(
                interface="e", client=CLIENT, file="f", method=method, status=status,
                size_bytes=10, duration_s=1,
            )
        )  # fmt: skip
    assert tally.refused == {"1": 1}
    assert tally.requests == {"GET 200": 1, "HEAD 200": 1, "other 405": 1}
    assert tally.http_bytes == 30


def test_what_clients_choose_can_t_make_it_grow() -> None:
    tally = Tally()
    for blksize in range(8, 8 + 3 * KINDS_MAX):
        tally.saw(done(blksize=blksize))
    assert len(tally.sizes) == KINDS_MAX + 1
    assert tally.sizes["other"] == 2 * KINDS_MAX


def test_answers_are_told_second_by_second() -> None:
    answers = Answers()
    for total, now in ((10, 100.0), (15, 101.2), (18, 101.9), (18, 102.0), (20, 105.5)):
        answers.count(total, now)
    assert answers.per_s == [8, 0, 0, 0, 2]


def test_a_clock_that_jumps_is_no_storm_and_no_loop() -> None:
    answers = Answers()
    answers.count(5, 100)
    answers.count(7, 1e9)
    assert answers.per_s[-1] == 2
    assert len(answers.per_s) <= CHART_S
    answers.count(9, 50)
    answers.count(10, 51)
    assert answers.per_s[-1] == 1
