"""What is said of a storm: percentiles, the histogram, the report."""

import json
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storm_results import OFFER, downloads, result

from fastpxe.firmware.offers import BootFile
from fastpxe.storm import report as storm_report
from fastpxe.storm.report import Bin, Result, Spread, duration, spread

SERVER = IPv4Address("10.0.0.1")


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 1001)]
    assert storm_report.percentile(values, 50) == 500
    assert storm_report.percentile(values, 99) == 990
    assert storm_report.percentile(values, 99.9) == 999
    assert storm_report.percentile([7.0], 99.9) == 7
    assert storm_report.percentile([1.0, 2.0], 50) == 1


@given(st.lists(st.integers(0, 10**11), min_size=1))
def test_a_histogram_has_every_value_in_the_bin_that_holds_it(values_ns: list[int]) -> None:
    bins = spread(values_ns).histogram
    assert all(
        one.count == sum(one.low_us <= value / 1000 < one.high_us for value in values_ns)
        for one in bins
    )
    assert sum(one.count for one in bins) == len(values_ns)
    assert bins[0].count
    assert bins[-1].count
    assert [one.high_us for one in bins[:-1]] == [one.low_us for one in bins[1:]]


def test_without_values_there_is_no_histogram() -> None:
    assert spread([]) == Spread()


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0 us"), (1.5, "1.5 us"), (999, "999 us"), (1000, "1 ms"), (31_234, "31.2 ms"),
     (1_000_000, "1 s"), (12_340_000, "12.3 s")],
)  # fmt: skip
def test_a_duration_has_the_unit_that_suits_it(us: float, text: str) -> None:
    assert duration(us) == text


@pytest.mark.parametrize(
    ("storm", "is_clean"),
    [(result(), True), (result(answered=9), False), (result(duplicates=1), False),
     (result(downloads=downloads()), True), (result(downloads=downloads(completed=9)), False),
     (result(downloads=downloads(started=0, completed=0)), False)],
    ids=["all", "lost", "twice", "fetched", "not fetched", "nothing to fetch"],
)  # fmt: skip
def test_clean_is_answered_once_and_fetched(storm: Result, is_clean: bool) -> None:  # noqa: FBT001
    assert storm.is_clean is is_clean


def test_each_answered_client_fetches_its_file_or_the_one_that_was_named() -> None:
    assert storm_report.files_to_fetch(result()) == [OFFER] * 10
    named = BootFile(file="x", server="10.0.0.1")
    assert storm_report.files_to_fetch(result(), "x") == [named] * 10
    (kind,) = result().kinds
    silent = type(kind)(name="bios", clients=10, answered=2, offer=None)
    assert storm_report.files_to_fetch(result(kinds=(silent,))) == []
    assert storm_report.files_to_fetch(result(kinds=(silent,)), "x") == [named] * 2


def test_bars_are_as_long_as_their_share_and_never_nothing() -> None:
    few, many, none = storm_report.bars([Bin(0, 1, 1), Bin(1, 2, 4000), Bin(2, 3, 0)])
    assert "█" * 40 + " 4,000" in many
    assert "▏" in few
    assert not set(none) & set("█▏▎▍▌▋▊▉")


def test_the_report_says_what_came_of_it() -> None:
    lines = list(storm_report.text(result(sent=12, answered=9, plain=3, duplicates=1)))
    text = "\n".join(lines)
    for part in (
        "sent        12 requests in 1 ms (12,000/s)",
        "answered    9 of 10 clients (90 %), the last after 2 ms",
        "lost        1",
        "duplicates  1",
        "not PXE     3 answers",
        "from        10.0.0.1: 10 answers",
        "p50 80 us  p99 900 us  p99.9 900 us  max 900 us",
        "10 of 10 answered: ipxe.efi from 10.0.0.1",
        "100 us to 150 us",
    ):
        assert part in text


def test_a_storm_that_nobody_answered_is_told_too() -> None:
    (kind,) = result().kinds
    silent = type(kind)(name="bios", clients=10, answered=0, offer=None)
    nothing = result(
        sent=0, answered=0, sending_s=0.0, latency=Spread(), kinds=(silent,), servers={},
        was_interrupted=True, warnings=("small buffer",),
    )  # fmt: skip
    text = "\n".join(storm_report.text(nothing))
    assert "0 requests in 0 us, then interrupted" in text
    assert "0 of 10 answered: no answer" in text
    assert "note: small buffer" in text
    assert "latency" not in text


def test_downloads_are_told_with_why_some_failed() -> None:
    some = downloads(completed=8, failures={"ipxe.efi: no answer": 2})
    text = "\n".join(storm_report.text(result(downloads=some)))
    assert "downloads     8 of 10 completed in 2 s, 5.0 MB/s" in text
    assert "ipxe.efi: 1,000,000 bytes" in text
    assert "failed 2: ipxe.efi: no answer" in text
    assert "each        p50 500 ms  max 1 s" in text


def test_json_has_what_follows_from_the_counts() -> None:
    shown = json.loads(storm_report.json(result(answered=9)))
    assert (shown["lost"], shown["clean"], shown["answered"]) == (1, False, 9)
    assert shown["latency"]["max_us"] == 900
