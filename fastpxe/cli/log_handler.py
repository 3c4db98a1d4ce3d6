"""Where the log goes: lines wait a moment for whoever takes them, and then they are lost.

The reader of a pipe may sleep, and a terminal may be held. Whoever wrote to them as usual would
stop too: the parent, which then obeys no signal, and the process that makes the web page.

Sources: pipe(7), write(2), send(2), proc(5): what is below /proc/self/fd opens anew.
"""

import logging
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

WAIT_S = 1.0


class Outlet(logging.Handler):
    """Writes lines to a stream that has a descriptor.

    When it takes nothing for WAIT_S, what comes is lost until it does; then their number is told.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._encoding = stream.encoding
        self._write = _writer(stream.fileno())
        self._room = select.poll()
        self._room.register(stream.fileno(), select.POLLOUT)
        self._is_stuck = False
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """What this process has begun or lost; it is for the parent to tell of what it has."""
        self._rest = b""
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it."""
        try:
            records = [_lost(self._lost), record] if self._lost else [record]
            text = "".join(f"{self.format(one)}\n" for one in records)
        except Exception:  # noqa: BLE001 - a line that can't be made stops nobody
            self.handleError(record)
            return
        is_begun = self._put(text.encode(self._encoding, "backslashreplace"))
        self._lost = 0 if is_begun else self._lost + 1

    def _put(self, content: bytes) -> bool:
        """Write what is left of lines before, then these; whether there was room to begin."""
        waiting = self._rest + content
        end = time.monotonic() + (0 if self._is_stuck else WAIT_S)
        written = 0
        while written < len(waiting) and (count := self._write_some(waiting[written:], end)):
            written += count
        self._is_stuck = written < len(waiting)
        is_begun = written > len(self._rest)
        self._rest = waiting[written:] if is_begun else self._rest[written:]
        return is_begun

    def _write_some(self, content: bytes, end: float) -> int:
        """Write what there is room for by then; how many bytes."""
        while True:
            try:
                return self._write(content)
            except BlockingIOError:
                left_s = end - time.monotonic()
                if left_s <= 0 or not self._room.poll(left_s * 1000):
                    return 0
            except OSError:  # a full disk, or nobody at the other end: there is nobody to tell
                return 0


def _lost(count: int) -> logging.LogRecord:
    text = "%d lines of the log were lost: nobody took them"
    return logging.LogRecord("fastpxe", logging.WARNING, "", 0, text, (count,), None)


def _writer(fd: int) -> Callable[[bytes], int]:
    """What writes as much as there is room for, and raises BlockingIOError when there is none.

    The open file is others' too, a shell's for one: it is not made non-blocking for all of them.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        sock = socket.socket(fileno=os.dup(fd))
        return lambda content: sock.send(content, socket.MSG_DONTWAIT)
    if stat.S_ISFIFO(mode) or os.isatty(fd):
        with suppress(OSError):  # it may be another user's
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            own = os.open(f"/proc/self/fd/{fd}", flags)
            return lambda content: os.write(own, content)
        return lambda content: _write_if_there_is_room(fd, content)
    return lambda content: os.write(fd, content)


def _write_if_there_is_room(fd: int, content: bytes) -> int:
    """Write no more than a pipe takes whole once it takes anything."""
    room = select.poll()
    room.register(fd, select.POLLOUT)
    if not room.poll(0):
        raise BlockingIOError
    return os.write(fd, content[: select.PIPE_BUF])
