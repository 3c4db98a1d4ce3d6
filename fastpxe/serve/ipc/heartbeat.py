"""Signs of life that a child gives and its parent reads: a count in memory that both have."""

import asyncio
import mmap
import struct
import time
from collections.abc import Sequence

INTERVAL_S = 1.0
LOOK_S = 1.0
SILENT_S = 5.0  # without a sign of life, a child counts as silent

_COUNT = struct.Struct("=Q")
_LET_GO = struct.Struct("=B")


class Heartbeat:
    """One child's, `name` for people. It survives the child, and serves the next in its place."""

    def __init__(self, name: str, interval_s: float = INTERVAL_S) -> None:
        self.name = name
        self.interval_s = interval_s
        self._memory = mmap.mmap(-1, _COUNT.size + _LET_GO.size)
        self._seen = 0

    def beat(self) -> None:
        (count,) = _COUNT.unpack_from(self._memory)
        _COUNT.pack_into(self._memory, 0, count + 1)

    def has_beaten(self) -> bool:
        """Whether it has since this was last asked."""
        before = self._seen
        (self._seen,) = _COUNT.unpack_from(self._memory)
        return self._seen != before

    def mark_stopped_accepting(self) -> None:
        """Say that this child takes nothing new any more."""
        _LET_GO.pack_into(self._memory, _COUNT.size, 1)

    @property
    def has_stopped_accepting(self) -> bool:
        (is_so,) = _LET_GO.unpack_from(self._memory, _COUNT.size)
        return bool(is_so)

    async def run(self) -> None:
        """Beat for ever: as long as the loop of this process goes round."""
        while True:
            self.beat()
            await asyncio.sleep(self.interval_s)


class HeartbeatMonitor:
    """Of each child, when it last gave a sign of life; new ones are given the time to begin."""

    def __init__(self, heartbeats: Sequence[Heartbeat]) -> None:
        self._heartbeats = heartbeats
        self._beat_at = [time.monotonic()] * len(heartbeats)

    def look(self) -> None:
        """Take note of who has given one since the last look."""
        now = time.monotonic()
        for i, heartbeat in enumerate(self._heartbeats):
            if heartbeat.has_beaten():
                self._beat_at[i] = now

    @property
    def workers(self) -> int:
        """How many are looked at."""
        return len(self._heartbeats)

    @property
    def silent(self) -> list[str]:
        """Those that have given none lately."""
        now = time.monotonic()
        both = zip(self._heartbeats, self._beat_at, strict=True)
        return [heartbeat.name for heartbeat, at in both if now - at > SILENT_S]
