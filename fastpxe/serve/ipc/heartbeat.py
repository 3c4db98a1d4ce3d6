"""Heartbeats: a child counts up in shared memory, and its parent sees whether the count moves."""

import asyncio
import mmap
import struct
import time
from collections.abc import Sequence

INTERVAL_S = 1.0
POLL_S = 1.0
SILENT_S = 5.0  # a child without a heartbeat for so long counts as silent

_COUNT = struct.Struct("=Q")
_FLAG = struct.Struct("=B")


class Heartbeat:
    """The heartbeat of one child, and whether it has stopped accepting work.

    name: the child's, for logs. The memory outlives the process: its replacement beats on.
    """

    def __init__(self, name: str, interval_s: float = INTERVAL_S) -> None:
        self.name = name
        self.interval_s = interval_s
        self._memory = mmap.mmap(-1, _COUNT.size + _FLAG.size)
        self._last_count = 0

    def beat(self) -> None:
        (count,) = _COUNT.unpack_from(self._memory)
        _COUNT.pack_into(self._memory, 0, count + 1)

    def has_beaten(self) -> bool:
        """Whether there was a beat since the last call."""
        before = self._last_count
        (self._last_count,) = _COUNT.unpack_from(self._memory)
        return self._last_count != before

    def mark_stopped_accepting(self) -> None:
        """Set by a child that is retired, once it reads no new request."""
        _FLAG.pack_into(self._memory, _COUNT.size, 1)

    @property
    def has_stopped_accepting(self) -> bool:
        (flag,) = _FLAG.unpack_from(self._memory, _COUNT.size)
        return bool(flag)

    async def run(self) -> None:
        """Beat until cancelled: the event loop of this process turns."""
        while True:
            self.beat()
            await asyncio.sleep(self.interval_s)


class HeartbeatMonitor:
    """When each child last beat, if polled every POLL_S; a new child counts as having beaten."""

    def __init__(self, heartbeats: Sequence[Heartbeat]) -> None:
        self._heartbeats = heartbeats
        self._last_beat_at = [time.monotonic()] * len(heartbeats)

    def poll(self) -> None:
        """Record which children have beaten since the last poll."""
        now = time.monotonic()
        for i, heartbeat in enumerate(self._heartbeats):
            if heartbeat.has_beaten():
                self._last_beat_at[i] = now

    @property
    def workers(self) -> int:
        """How many children are monitored."""
        return len(self._heartbeats)

    @property
    def silent(self) -> list[str]:
        """The names of the children without a beat for SILENT_S."""
        now = time.monotonic()
        pairs = zip(self._heartbeats, self._last_beat_at, strict=True)
        return [heartbeat.name for heartbeat, at in pairs if now - at > SILENT_S]
