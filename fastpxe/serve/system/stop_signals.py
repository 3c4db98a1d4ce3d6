"""SIGTERM and SIGUSR1 of a child process, under asyncio.

SIGTERM: stop. SIGUSR1: retire, which is to accept no new request, finish what was begun, and end.
"""

import asyncio
import signal
from collections.abc import Callable

from fastpxe.serve.system.fork import unblock_signals

RETIRE_LIMIT_S = 120  # for downloads and held replies of a process that was replaced
RETIRE_POLL_S = 0.1


class StopSignals:
    """Handles both signals from now on; made where the event loop runs."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._stopped, self._any = asyncio.Event(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGUSR1, self._any.set)
        if signal.SIGTERM in signal.sigpending():  # sent before the handler was installed
            self._stop()
        unblock_signals()

    @property
    def is_stopped(self) -> bool:
        """Whether SIGTERM has come."""
        return self._stopped.is_set()

    async def wait(self) -> None:
        """Wait for either signal."""
        await self._any.wait()

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond SIGTERM."""
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return

    async def finish(self, is_busy: Callable[[], bool]) -> None:
        """Wait until a retired process is idle: at most RETIRE_LIMIT_S, or until SIGTERM."""
        loop = asyncio.get_running_loop()
        end = loop.time() + RETIRE_LIMIT_S
        while is_busy() and not self.is_stopped and loop.time() < end:
            await self.sleep(RETIRE_POLL_S)

    def _stop(self) -> None:
        self._stopped.set()
        self._any.set()
