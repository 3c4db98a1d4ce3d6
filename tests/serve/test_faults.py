"""An error of fastpxe itself is in the log: at once, with its traceback, and not without end."""

import asyncio
from typing import TYPE_CHECKING

from fastpxe.serve.faults import EVERY_S, LINES_MAX, FaultReporter

if TYPE_CHECKING:
    from fastpxe.events import Fault


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail() -> None:
    raise ValueError("odd")


def error() -> Exception:
    try:
        fail()
    except ValueError as raised:
        return raised
    raise AssertionError


def test_the_first_error_comes_at_once_with_its_traceback() -> None:
    emitted: list[Fault] = []
    FaultReporter(emitted.append, Clock()).report("the engine", error())
    (fault,) = emitted
    assert (fault.place, fault.text, fault.count) == ("the engine", "ValueError('odd')", 1)
    assert any("raise ValueError" in line for line in fault.traceback)


def test_of_many_errors_one_a_minute_comes_with_their_number() -> None:
    emitted: list[Fault] = []
    clock = Clock()
    reporter = FaultReporter(emitted.append, clock)
    for _ in range(5):
        reporter.report("the engine", error())
    reporter.report("a callback", error())
    assert [(fault.place, fault.count) for fault in emitted] == [
        ("the engine", 1),
        ("a callback", 1),
    ]
    clock.now += EVERY_S
    reporter.report("the engine", error())
    assert (emitted[-1].place, emitted[-1].count) == ("the engine", 5)


def test_however_long_an_error_is_it_finds_room_in_the_channel() -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise ValueError("x" * 100_000)
        deep(levels - 1)

    emitted: list[Fault] = []
    try:
        deep(500)
    except ValueError as raised:
        FaultReporter(emitted.append, Clock()).report("here", raised)
    (fault,) = emitted
    assert len(fault.traceback) <= LINES_MAX
    assert sum(map(len, (fault.text, *fault.traceback))) < 20_000


def test_an_error_in_a_callback_of_the_loop_is_reported() -> None:
    emitted: list[Fault] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(FaultReporter(emitted.append).handle)
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert [(fault.place, fault.text[:17]) for fault in emitted] == [
        ("a callback", "ZeroDivisionError")
    ]
