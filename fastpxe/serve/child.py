"""A process that the supervisor wants to be there: forked, and forked again when it has ended."""

import logging
import os
import time
from collections.abc import Callable

EARLY_S = 1.0
"""How soon after its start a process may be started again: one that always ends is no fork bomb."""

log = logging.getLogger("fastpxe")


class Child:
    """One such process. `fork` starts it and returns its process id; OSError when it can't be.

    pid: 0 while there is none. due_at: when another is to be started, by time.monotonic; None while
    there is one, or none is wanted.
    """

    def __init__(self, name: str, fork: Callable[[], int]) -> None:
        self.name = name
        self.pid = 0
        self.due_at: float | None = None
        self._fork = fork
        self._started_at = 0.0

    def start(self) -> None:
        """Start it. Raises OSError; then it is due again in a while."""
        self._started_at = time.monotonic()
        self.due_at = self._started_at + EARLY_S
        self.pid = self._fork()
        self.due_at = None

    def start_if_due(self) -> None:
        """Start it in place of one that has ended, if it is time to."""
        if self.due_at is None or self.due_at > time.monotonic():
            return
        try:
            self.start()
        except OSError as error:
            log.error("%s can't be started, and is tried again: %s", self.name, error.strerror)  # noqa: TRY400 - the text says all

    def ended(self, status: int) -> None:
        """Take note that it has ended, with a status as of waitpid(2): another takes its place."""
        log.error("%s (pid %d) ended %s; another takes its place", self.name, self.pid, how(status))
        self.pid = 0
        self.due_at = self._started_at + EARLY_S


def how(status: int) -> str:
    """How a process has ended, in words: "by signal 9", or "with status 1"."""
    code = os.waitstatus_to_exitcode(status)
    return f"by signal {-code}" if code < 0 else f"with status {code}"
