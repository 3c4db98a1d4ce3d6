"""A child process that the supervisor keeps running: forked, and forked again when it has ended."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable

RESTART_INTERVAL_S = 1.0
"""From one start of a child to the next: a child that always ends at once is no fork bomb."""

STOP_LIMIT_S = 5  # from SIGTERM to SIGKILL

log = logging.getLogger("fastpxe")


class Child:
    """A child process. `fork` starts it and returns its process id, or raises OSError.

    pid: 0 while it doesn't run. due_at: when it is to be started, by time.monotonic; None while it
    runs, or isn't wanted.
    """

    def __init__(self, name: str, fork: Callable[[], int]) -> None:
        self.name = name
        self.pid = 0
        self.due_at: float | None = None
        self._fork = fork
        self._started_at = 0.0

    def start(self) -> None:
        """Start it. Raises OSError; it is then due again after RESTART_INTERVAL_S."""
        self._started_at = time.monotonic()
        self.due_at = self._started_at + RESTART_INTERVAL_S
        self.pid = self._fork()
        self.due_at = None

    def start_if_due(self) -> None:
        """Start it if it has ended and the restart interval is over."""
        if self.due_at is None or self.due_at > time.monotonic():
            return
        try:
            self.start()
        except OSError as error:
            log.error("%s can't be started, retrying: %s", self.name, error.strerror)  # noqa: TRY400 - the text says all

    def restart(self) -> int:
        """Start another process now, beside the one that runs; returns the pid of that, or 0."""
        before, self.pid, self.due_at = self.pid, 0, 0.0
        self.start_if_due()
        return before

    def on_exit(self, status: int) -> None:
        """Schedule a replacement of a process that ended with a status of waitpid(2)."""
        log.error(
            "%s (pid %d) ended %s; starting a replacement", self.name, self.pid, exit_text(status)
        )
        self.pid = 0
        self.due_at = self._started_at + RESTART_INTERVAL_S

    def on_retired_exit(self, status: int) -> None:
        """Record that a retired process has ended, which is only logged if it failed."""
        if status:
            log.error("%s (pid %d), retired, ended %s", self.name, self.pid, exit_text(status))
        self.pid = 0


def exit_text(status: int) -> str:
    """How a process ended, for the log: "by signal 9", or "with status 1"."""
    code = os.waitstatus_to_exitcode(status)
    return f"by signal {-code}" if code < 0 else f"with status {code}"


def terminate(pids: Iterable[int]) -> None:
    """Send SIGTERM to child processes and wait for them; SIGKILL after STOP_LIMIT_S."""
    waiting = {pid for pid in pids if pid}
    for pid in waiting:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_LIMIT_S
    while waiting:
        for pid in list(waiting):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                waiting.remove(pid)
        time.sleep(0.005)
