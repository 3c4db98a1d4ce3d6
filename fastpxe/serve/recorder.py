"""The process that writes the log of one generation of workers, whenever nobody else wants to run.

It is a process of its own because a line takes longer to write than an answer. On a busy core the
workers push it aside (SCHED_IDLE); yet some kernels only do so at the next tick, so in a storm it
writes nothing, and afterwards what the boards still hold. What they couldn't hold is counted.
SIGTERM: write what still waits, then end. SIGUSR1: its workers retire, another looks around.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence

from fastpxe.serve.processes import fork
from fastpxe.serve.telling import Teller

AT_ONCE = 100
LOOK_S = 0.05
STORM_PER_S = 2000  # decisions; above that rate a storm is on, and its lines wait until it is over


def start(tellers: Sequence[Teller], look: Callable[[], None], flush: Callable[[], None]) -> int:
    """Fork a recorder of what the tellers tell; its process id.

    `look` is called now and then, until its workers retire, and `flush` at its end.
    """

    def record() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        _record(tellers, look)
        flush()

    return fork("fastpxe-log", record)


def _record(tellers: Sequence[Teller], look: Callable[[], None]) -> None:
    stopped = retired = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    def retire(*_: object) -> None:
        nonlocal retired
        retired = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, retire)
    before = 0
    while not stopped:
        if not retired:
            look()
        time.sleep(LOOK_S)
        now = sum(teller.pushed for teller in tellers)
        if now - before <= STORM_PER_S * LOOK_S:
            while _round(tellers) and not stopped and not _is_storm(tellers, now):
                pass
        before = now
    while _round(tellers):
        pass


def _is_storm(tellers: Sequence[Teller], before: int) -> bool:
    """Whether one began while lines were written."""
    return sum(teller.pushed for teller in tellers) - before > STORM_PER_S * LOOK_S


def _round(tellers: Sequence[Teller]) -> int:
    return sum(teller.tell(AT_ONCE) for teller in tellers)
