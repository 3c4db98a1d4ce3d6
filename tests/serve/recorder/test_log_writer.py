"""Lines of the log: with the time of their event, and not too many."""

import logging

import pytest

from fastpxe.events import Notice
from fastpxe.serve.recorder.log_writer import RateLimitedLog

EVENT = Notice(interface="", at=1_700_000_000.25, text="x")


@pytest.fixture(autouse=True)
def _informed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fastpxe")


def test_a_line_has_the_time_of_its_event(caplog: pytest.LogCaptureFixture) -> None:
    RateLimitedLog().emit(logging.INFO, "offer a", EVENT)
    (record,) = caplog.records
    assert (record.getMessage(), record.created, record.msecs) == ("offer a", EVENT.at, 250)


def test_of_too_many_lines_the_rest_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    lines = RateLimitedLog(per_s=3)
    lines.poll(100.0)
    for _ in range(5):
        lines.emit(logging.INFO, "offer a", EVENT)
    lines.emit(logging.INFO, "ack a", EVENT)
    lines.emit(logging.WARNING, "ignored b", EVENT)
    lines.poll(100.9)
    assert [record.getMessage() for record in caplog.records] == ["offer a"] * 3 + ["ignored b"]
    lines.poll(101.0)
    assert caplog.records[-1].getMessage() == "too many lines, left out: offer 2, ack 1"
    lines.emit(logging.INFO, "ack a", EVENT)
    assert caplog.records[-1].getMessage() == "ack a"


def test_what_is_limited_elsewhere_is_written_however_many_lines_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = RateLimitedLog(per_s=1)
    for _ in range(20):
        lines.emit(logging.WARNING, "tftp-refused a", EVENT)
    lines.emit_unlimited(logging.WARNING, "stuck b", EVENT)
    assert caplog.records[-1].getMessage() == "stuck b"
    assert caplog.records[-1].created == EVENT.at
    lines.poll(100.0)
    assert caplog.records[-1].getMessage() == "too many lines, left out: tftp-refused 10"
    lines.emit_unlimited(logging.WARNING, "stuck c", EVENT)
    lines.emit(logging.INFO, "offer a", EVENT)
    assert [record.getMessage() for record in caplog.records[-2:]] == ["stuck c", "offer a"]


def test_what_nobody_wants_to_read_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    lines = RateLimitedLog(per_s=1)
    for _ in range(3):
        lines.emit(logging.DEBUG, "ignored c", EVENT)
    lines.poll(200.0)
    assert not caplog.records


def test_a_clock_that_was_set_back_begins_another_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = RateLimitedLog(per_s=1)
    lines.poll(5000.0)
    for _ in range(2):
        lines.emit(logging.INFO, "offer a", EVENT)
    lines.poll(1000.0)
    lines.emit(logging.INFO, "offer b", EVENT)
    texts = [record.getMessage() for record in caplog.records]
    assert texts == ["offer a", "too many lines, left out: offer 1", "offer b"]


def test_what_begins_with_a_client_s_number_is_counted_as_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = RateLimitedLog(per_s=0)
    for xid in range(500):
        lines.emit(logging.INFO, f"{xid} available DHCP subnet: 10.0.0.0/24", EVENT)
    lines.poll(101.0)
    assert caplog.records[-1].getMessage() == "too many lines, left out: other 500"
