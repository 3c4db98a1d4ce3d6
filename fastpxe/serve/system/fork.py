"""The child processes of the supervisor: how each begins and ends."""

import ctypes
import logging
import os
import signal
from collections.abc import Callable

from fastpxe.serve.system.privileges import give_up_all

log = logging.getLogger("fastpxe")

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_HANDLED = (signal.SIGTERM, signal.SIGUSR1)


def fork(name: str, work: Callable[[], object], *, opens_sockets: bool = False) -> int:
    """Have a child process do the work and end; its process id. `name` is for ps(1).

    It has no capability, unless it `opens_sockets`: then it is for `work` to give up the parent's.
    SIGTERM and SIGUSR1 wait until it calls take_signals: one that comes before it can handle it
    would end it on the spot, with what it has yet to tell. What `work` raises is logged.
    """
    parent = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    status = 1
    try:
        _begin(name, parent)
        if not opens_sockets:
            give_up_all()
        work()
        status = 0
    except Exception:  # whoever started us sees no more than that we ended
        log.exception("%s failed", name)
    finally:
        os._exit(status)  # not sys.exit: the parent's handlers and buffers are not ours


def _begin(name: str, parent: int) -> None:
    """Take a name, end when the parent does, and take signals as a child.

    `parent` is the process id that forked: it may have ended before this could be asked for.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, name.encode())
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent tells us
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, _HANDLED)


def take_signals() -> None:
    """Say, in a child, that SIGTERM and SIGUSR1 have their handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
