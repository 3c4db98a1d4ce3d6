"""Signs of life that a child gives and its parent reads: a count in memory that both have."""

import asyncio
import mmap
import struct

INTERVAL_S = 1.0

_COUNT = struct.Struct("=Q")
_LET_GO = struct.Struct("=B")


class Pulse:
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

    def let_go(self) -> None:
        """Say that this child takes nothing new any more."""
        _LET_GO.pack_into(self._memory, _COUNT.size, 1)

    @property
    def has_let_go(self) -> bool:
        (is_so,) = _LET_GO.unpack_from(self._memory, _COUNT.size)
        return bool(is_so)

    async def go_on(self) -> None:
        """Beat for ever: as long as the loop of this process goes round."""
        while True:
            self.beat()
            await asyncio.sleep(self.interval_s)
