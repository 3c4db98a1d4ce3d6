"""The process that tells people what the workers do, whenever nobody else wants to run.

It is a process of its own because a line takes longer to write than an answer, and a web page
longer still. On a busy core the workers push it aside (SCHED_IDLE); yet some kernels only do so at
the next tick, so in a storm it reads nothing, and afterwards what the boards still hold. What they
couldn't hold is counted. SIGTERM: tell what still waits, then end.

There is one at a time: the next waits for it, and goes on from what it kept.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple

from fastpxe.serve.ipc.event_channel import Teller
from fastpxe.serve.ipc.handover import Notebook
from fastpxe.serve.recorder.observer import Observer
from fastpxe.serve.system.fork import fork, take_signals

AT_ONCE = 100
LOOK_S = 0.05
KEEP_S = 5.0
STORM_PER_S = 2000  # decisions; above that rate a storm is on, and its lines wait until it is over

Beside = Callable[[Observer, AsyncExitStack], Awaitable[None]]
"""Starts something that runs beside, in the same process, until the stack is closed."""


class Recording(NamedTuple):
    """What a recorder works with.

    counts: those of the whole server. beside: what runs in the same process. flush: for the end.
    """

    observer: Observer
    tellers: Sequence[Teller]
    notebook: Notebook
    counts: Callable[[], Counter[str]]
    beside: Sequence[Beside]
    flush: Callable[[], None]


def start(recording: Recording) -> int:
    """Fork a recorder; its process id."""

    def record() -> None:
        # At full speed: one that the next overtakes here waits until that one is replaced.
        recording.notebook.hold()
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        recording.observer.take_over(recording.notebook.read())
        asyncio.run(_record(recording))
        recording.flush()

    return fork("fastpxe-log", record)


async def _record(recording: Recording) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    if signal.SIGTERM in signal.sigpending():  # it was replaced while it waited for the one before
        stopped.set()
    take_signals()
    observer, tellers = recording.observer, recording.tellers

    def tell() -> int:
        told = sum(teller.tell(AT_ONCE) for teller in tellers)
        observer.see()
        return told

    def answered() -> int:
        return recording.counts()["answered"]

    try:
        await _go_on(recording, stopped, tell, answered)
    finally:  # whatever became of that: what the workers did last is told and kept
        while tell():
            pass
        observer.look(time.time(), answered)
        recording.notebook.write(observer.keep())


async def _go_on(
    recording: Recording,
    stopped: asyncio.Event,
    tell: Callable[[], int],
    answered: Callable[[], int],
) -> None:
    """Tell of what happens, and do what runs beside, until stopped."""
    observer, tellers = recording.observer, recording.tellers
    before, kept_at = 0, time.monotonic()
    async with AsyncExitStack() as stack:
        for begin in () if stopped.is_set() else recording.beside:
            await begin(observer, stack)
        while not stopped.is_set():
            observer.look(time.time(), answered)
            now = sum(teller.pushed for teller in tellers)
            if now - before <= STORM_PER_S * LOOK_S:
                end = time.monotonic() + LOOK_S
                # Nothing is waited for in here: the web page gets its turn.
                while not stopped.is_set() and tell() and not _is_enough(tellers, now, end):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            before = now
            if time.monotonic() - kept_at > KEEP_S:
                recording.notebook.write(observer.keep())
                kept_at = time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), LOOK_S)


def _is_enough(tellers: Sequence[Teller], before: int, end: float) -> bool:
    """Whether a storm began while events were told, or it is time to look."""
    is_storm = sum(teller.pushed for teller in tellers) - before > STORM_PER_S * LOOK_S
    return is_storm or time.monotonic() >= end
