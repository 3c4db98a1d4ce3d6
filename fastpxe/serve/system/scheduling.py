"""Run a process only when no other needs the CPU, until its end is due.

Source: sched(7) (SCHED_IDLE; to leave it takes CAP_SYS_NICE, or RLIMIT_NICE of 20).
"""

import os
from contextlib import suppress


def run_when_idle() -> None:
    """Run this process when no other needs the CPU, as far as the kernel can tell."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def run_normally(pid: int) -> None:
    """Run a child as any other process again, if permitted: root is."""
    with suppress(OSError):  # not permitted, or it has ended
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
