"""Which children give signs of life, as somebody sees who looks every second."""

import time
from collections.abc import Sequence

from fastpxe.serve.ipc.heartbeat import Pulse

LOOK_S = 1.0
SILENT_S = 5.0  # without a sign of life, a child counts as silent


class Vitals:
    """Of each child, when it last gave a sign of life; new ones are given the time to begin."""

    def __init__(self, pulses: Sequence[Pulse]) -> None:
        self._pulses = pulses
        self._beat_at = [time.monotonic()] * len(pulses)

    def look(self) -> None:
        """Take note of who has given one since the last look."""
        now = time.monotonic()
        for i, pulse in enumerate(self._pulses):
            if pulse.has_beaten():
                self._beat_at[i] = now

    @property
    def workers(self) -> int:
        """How many are looked at."""
        return len(self._pulses)

    @property
    def silent(self) -> list[str]:
        """Those that have given none lately."""
        now = time.monotonic()
        both = zip(self._pulses, self._beat_at, strict=True)
        return [pulse.name for pulse, at in both if now - at > SILENT_S]
