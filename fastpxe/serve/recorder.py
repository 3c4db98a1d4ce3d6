"""The process that writes the log of one generation of workers, whenever nobody else wants to run.

It is a process of its own because a line takes longer to write than an answer: on a busy core the
workers push it aside (SCHED_IDLE), and what it can't keep up with is counted as not logged.
SIGTERM: write what still waits, then end.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence

from fastpxe.serve.processes import begin
from fastpxe.serve.telling import Teller

AT_ONCE = 100
LOOK_S = 0.1  # how often quiet workers are asked what they did
LOOK_BUSY_S = 0.01


def start(tellers: Sequence[Teller], flush: Callable[[], None]) -> int:
    """Fork a recorder of what the tellers tell; its process id. `flush` is called at its end."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        begin("fastpxe-log", parent)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        _record(tellers)
        flush()
        status = 0
    finally:
        os._exit(status)  # not sys.exit: the parent's handlers and buffers are not ours


def _record(tellers: Sequence[Teller]) -> None:
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    while not stopped:
        time.sleep(LOOK_BUSY_S if _round(tellers) else LOOK_S)
    while _round(tellers):
        pass


def _round(tellers: Sequence[Teller]) -> int:
    return sum(teller.tell(AT_ONCE) for teller in tellers)
