"""Fork a child process of the supervisor."""

import ctypes
import logging
import os
import signal
from collections.abc import Callable

from fastpxe.serve.system.privileges import drop_capabilities

log = logging.getLogger("fastpxe")

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_HANDLED = (signal.SIGTERM, signal.SIGUSR1)


def fork(name: str, work: Callable[[], object], *, opens_sockets: bool = False) -> int:
    """Run `work` in a child process, then end it; returns its process id. `name` is for ps(1).

    The child has no capability. If it `opens_sockets`, it keeps the parent's until `work` drops
    them. SIGTERM and SIGUSR1 are blocked until it calls unblock_signals: before its handlers are
    installed, they would kill it with events unsent. An exception of `work` is logged.
    """
    parent = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    status = 1
    try:
        _initialize(name, parent)
        if not opens_sockets:
            drop_capabilities()
        work()
        status = 0
    except Exception:  # the parent sees an exit status only
        log.exception("%s failed", name)
    finally:
        os._exit(status)  # not sys.exit: the parent's handlers and buffers are not ours


def _initialize(name: str, parent: int) -> None:
    """Set the process name, the signals, and that the child ends with its parent.

    parent: the process that forked; it may have ended before the kernel was asked to watch it.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, name.encode())
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent forwards it
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, _HANDLED)


def unblock_signals() -> None:
    """Deliver SIGTERM and SIGUSR1, whose handlers are installed."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
