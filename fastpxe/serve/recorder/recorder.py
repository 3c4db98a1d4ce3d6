"""The recorder: the process that logs and counts what the workers do, when no worker needs the CPU.

It is a separate process because a log line takes longer to write than an answer, and a web page
longer still. On a busy core the workers preempt it (SCHED_IDLE). Some kernels do so at the next
tick only, so during a storm it reads nothing, and afterwards what the rings still hold; what they
had no room for is counted. At SIGTERM it handles the events that wait, then ends.

There is one at a time: the next waits until it has ended, and restores its state.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from fastpxe.serve.ipc.event_channel import EventReader
from fastpxe.serve.ipc.handover import HandoverBuffer
from fastpxe.serve.recorder.observer import Observer
from fastpxe.serve.system.fork import fork
from fastpxe.serve.system.stop_signals import StopSignals

BATCH = 100  # decisions, and events, of each worker
POLL_S = 0.05
SAVE_S = 5.0
STORM_PER_S = 2000  # decisions; above that rate a storm is on, and its lines wait until it is over

BackgroundTask = Callable[[Observer, AsyncExitStack], Awaitable[None]]
"""Starts something that runs in the recorder's process until the stack is closed."""


class RecorderContext(NamedTuple):
    """What a recorder works with.

    counts: the number of datagrams by outcome, of the whole server. tasks: what else runs in the
    process. flush: called at the end.
    """

    observer: Observer
    readers: Sequence[EventReader]
    handover: HandoverBuffer
    counts: Callable[[], Counter[str]]
    tasks: Sequence[BackgroundTask]
    flush: Callable[[], None]


def start(context: RecorderContext) -> int:
    """Fork a recorder and return its process id. Raises OSError."""

    def record() -> None:
        # Before SCHED_IDLE: a recorder that the next one overtakes here waits until that one ends.
        context.handover.hold()
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        context.observer.restore(context.handover.read())
        asyncio.run(_record(context))
        context.flush()

    return fork("fastpxe-log", record)


async def _record(context: RecorderContext) -> None:
    await Recorder(context).run()


class Recorder:
    """Reads the events of all workers and passes them to the observer; made in an event loop."""

    def __init__(self, context: RecorderContext) -> None:
        self._context = context
        self._observer = context.observer
        self._signals = StopSignals()
        self._saved_at = time.monotonic()

    async def run(self) -> None:
        """Record until SIGTERM; at the end, also by an error, handle the last events and save."""
        try:
            async with AsyncExitStack() as stack:
                for start_task in () if self._signals.is_stopped else self._context.tasks:
                    await start_task(self._observer, stack)
                await self._record()
        finally:
            while self._handle_batch():
                pass
            self._poll()
            self._save()

    async def _record(self) -> None:
        before = 0
        while not self._signals.is_stopped:
            self._poll()
            pushed = self._pushed()
            if not _is_storm(pushed - before):
                await self._handle_waiting(pushed)
            before = pushed
            if time.monotonic() - self._saved_at > SAVE_S:
                self._save()
            await self._signals.sleep(POLL_S)

    async def _handle_waiting(self, pushed: int) -> None:
        """Handle what waits, until a storm begins or the next poll is due."""
        end = time.monotonic() + POLL_S
        while not self._signals.is_stopped and self._handle_batch():
            if _is_storm(self._pushed() - pushed) or time.monotonic() >= end:
                return
            await asyncio.sleep(0)  # the web page gets its turn

    def _handle_batch(self) -> int:
        """Handle up to BATCH events of each worker; returns how many there were."""
        count = sum(reader.read(BATCH) for reader in self._context.readers)
        self._observer.flush()
        return count

    def _pushed(self) -> int:
        """The number of decisions of all workers so far."""
        return sum(reader.pushed for reader in self._context.readers)

    def _poll(self) -> None:
        self._observer.poll(time.time(), lambda: self._context.counts()["answered"])

    def _save(self) -> None:
        self._context.handover.write(self._observer.save())
        self._saved_at = time.monotonic()


def _is_storm(decisions: int) -> bool:
    """Whether so many decisions within POLL_S are a storm."""
    return decisions > STORM_PER_S * POLL_S
