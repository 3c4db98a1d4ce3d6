"""Notify the service manager of the server's state, if it asked for that.

Sources:
  sd_notify(3), sd_watchdog_enabled(3): datagrams of NAME=VALUE lines to the socket $NOTIFY_SOCKET.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence

from fastpxe.serve.ipc.heartbeat import Heartbeat

log = logging.getLogger("fastpxe")

SEND_LIMIT_S = 1
POLLS = 3  # in the time that the manager waits: two may be late


class ServiceManager:
    """The service manager that started this process, if any; without one nothing is sent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an abstract address, unix(7)
            self._address = "\0" + self._address[1:]
        self.watchdog_s = _watchdog_s(environment)

    def ready(self, status: str) -> None:
        self._notify("READY=1", _status(status))

    def reloading(self) -> None:
        """To be followed by `ready`."""
        now_us = time.monotonic_ns() // 1000
        self._notify("RELOADING=1", f"MONOTONIC_USEC={now_us}", _status("reloading"))

    def stopping(self) -> None:
        self._notify("STOPPING=1", _status("stopping"))

    def alive(self) -> None:
        self._notify("WATCHDOG=1")

    def _notify(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            # A manager that is gone must not keep clients from being answered.
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.settimeout(SEND_LIMIT_S)
            sock.sendto("\n".join(lines).encode(errors="surrogateescape"), self._address)


class Watchdog:
    """Notifies the manager regularly, as long as all heartbeats beat."""

    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager
        self._interval_s = manager.watchdog_s / POLLS if manager.watchdog_s else None
        self._due_at = 0.0

    def wait_s(self, now: float) -> float | None:
        """Seconds until the next poll, None for never."""
        return None if self._interval_s is None else max(0.0, self._due_at - now)

    def poll(self, heartbeats: Sequence[Heartbeat], now: float) -> None:
        """Check all heartbeats and notify the manager, if it is time to."""
        if self._interval_s is None or now < self._due_at:
            return
        self._due_at = now + self._interval_s
        silent = [heartbeat.name for heartbeat in heartbeats if not heartbeat.has_beaten()]
        for name in silent:
            log.error(
                "%s has no heartbeat: its event loop hangs; the service manager is not notified",
                name,
            )
        if not silent:
            self._manager.alive()


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """How long the manager waits for a notification; None if it doesn't."""
    period, pid = (environment.get(f"WATCHDOG_{name}", "") for name in ("USEC", "PID"))
    if not period.isdecimal() or int(period) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(period) / 1_000_000
