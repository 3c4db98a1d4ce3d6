"""Tell the service manager how the server is, where one asked to be told.

Sources:
  sd_notify(3), sd_watchdog_enabled(3): datagrams of NAME=VALUE lines to the socket $NOTIFY_SOCKET.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence

from fastpxe.serve.ipc.heartbeat import Pulse

log = logging.getLogger("fastpxe")

SEND_LIMIT_S = 1
LOOKS = 3  # in the time that the manager waits: two may be late


class Manager:
    """Who started this, as far as it listens; else nobody is told anything."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an abstract address, unix(7)
            self._address = "\0" + self._address[1:]
        self.watchdog_s = _watchdog_s(environment)

    def ready(self, status: str) -> None:
        self._tell("READY=1", _status(status))

    def reloading(self) -> None:
        """`ready` says that it is over."""
        now_us = time.monotonic_ns() // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now_us}", _status("reloading"))

    def stopping(self) -> None:
        self._tell("STOPPING=1", _status("stopping"))

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            # A manager that is gone is no reason to leave clients without an answer.
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.settimeout(SEND_LIMIT_S)
            sock.sendto("\n".join(lines).encode(errors="surrogateescape"), self._address)


class Watchdog:
    """Tells the manager at times that all is well, as long as every pulse beats."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._interval_s = manager.watchdog_s / LOOKS if manager.watchdog_s else None
        self._due_at = 0.0

    def wait_s(self, now: float) -> float | None:
        """How long to the next look; None for ever."""
        return None if self._interval_s is None else max(0.0, self._due_at - now)

    def look(self, pulses: Sequence[Pulse], now: float) -> None:
        """Look at every pulse, if it is time to."""
        if self._interval_s is None or now < self._due_at:
            return
        self._due_at = now + self._interval_s
        silent = [pulse.name for pulse in pulses if not pulse.has_beaten()]
        for name in silent:
            log.error("%s gives no sign of life; the service manager is told of none", name)
        if not silent:
            self._manager.alive()


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """How long the manager waits for a sign of life; None where it doesn't."""
    period, pid = (environment.get(f"WATCHDOG_{name}", "") for name in ("USEC", "PID"))
    if not period.isdecimal() or int(period) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(period) / 1_000_000
