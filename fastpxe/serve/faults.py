"""Errors of fastpxe itself, in a worker: what is in the log of them, and how often."""

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from fastpxe.events import Fault

EVERY_S = 60.0
LINES_MAX = 30  # of a traceback
LINE_MAX = 300


class FaultReporter:
    """Emits a Fault for the first error at a place, then one a minute with the number of errors."""

    def __init__(
        self, emit: Callable[[Fault], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._emit = emit
        self._now = now
        self._counts: dict[str, int] = {}
        self._emitted_at: dict[str, float] = {}

    def report(self, place: str, error: BaseException) -> None:
        """Take an error in."""
        count = self._counts[place] = self._counts.get(place, 0) + 1
        now = self._now()
        if now - self._emitted_at.get(place, -EVERY_S) < EVERY_S:
            return
        self._emitted_at[place] = now
        self._counts[place] = 0
        lines = "".join(traceback.format_exception(error)).splitlines()[-LINES_MAX:]
        self._emit(
            Fault(
                interface="",
                at=time.time(),
                place=place,
                text=repr(error)[:LINE_MAX],
                traceback=tuple(line[:LINE_MAX] for line in lines),
                count=count,
            )
        )

    def handle(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """What a loop calls when a callback fails: see asyncio's set_exception_handler."""
        del loop
        error = context.get("exception") or RuntimeError(context.get("message", "unknown"))
        self.report("a callback", error)
