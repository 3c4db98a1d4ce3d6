"""A log that nobody reads: its pipe is full, or its terminal is held."""

import fcntl
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_rig import get, wait_until
from netns import Namespace, Process, start
from started import SERVE
from wire_rig import LIMIT_S, ONE, Wire

from fastpxe.cli.log_handler import WAIT_S

pytestmark = pytest.mark.netns

ANSWERED = ("fastpxe_dhcp_datagrams_total", "answered")
LOST = "lines of the log were lost: nobody took them"


class Talker(Process):
    """A program inside a namespace that writes to an open file."""

    def __init__(self, namespace: Namespace, *command: str | Path, output: int) -> None:
        self.popen = start(namespace, *command, output=output)


class Reader:
    """The other end of a log, which reads when it is told to."""

    def __init__(self, wire: Wire, process: Process, fd: int) -> None:
        self.wire, self.process, self.fd = wire, process, fd
        self.text = ""
        os.set_blocking(fd, False)

    def read(self) -> bool:
        """Take what is there; whether there was anything."""
        try:
            read = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        self.text += read.decode()
        return bool(read)

    def wait_for(self, words: str) -> None:
        def is_read() -> bool:
            self.read()
            return words in self.text

        self.wire.wait_until(is_read)


def small_socketpair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return ours, theirs


@pytest.fixture(params=["fifo", "pipe of another user", "terminal", "socket"])
def reader(request: pytest.FixtureRequest, wire: Wire) -> Iterator[Reader]:
    """Of a server that has just said that it is ready."""
    command: tuple[str | Path, ...] = SERVE
    if request.param == "terminal":
        ours, theirs = os.openpty()
    elif request.param == "socket":
        ours, theirs = (end.detach() for end in small_socketpair())
    else:
        ours, theirs = os.pipe()
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    if request.param == "pipe of another user":
        os.fchown(theirs, 1, 1)
        os.fchmod(theirs, 0)
        command = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", *SERVE)
    wire.write(ONE)
    process = Talker(wire.server, *command, "-c", wire.config, output=theirs)
    wire.processes.append(process)
    reader = Reader(wire, process, ours)
    reader.wait_for("ready")
    yield reader
    process.kill()
    os.close(ours)
    os.close(theirs)


def fill(wire: Wire, reader: Reader) -> None:
    """Have more told than there is room for, for longer than a line waits."""
    for xid in range(100):
        assert wire.ask(xid).file == "one.efi"
    wait_until(wire.server, lambda found: found[ANSWERED] == 100)
    assert get(wire.server, "/")[0] == 200
    assert LOST not in reader.text


def test_a_log_that_nobody_reads_keeps_nobody_from_anything(wire: Wire, reader: Reader) -> None:
    fill(wire, reader)
    assert reader.process.stop(signal.SIGTERM) == 0


def test_what_was_lost_is_told_when_somebody_reads_again(wire: Wire, reader: Reader) -> None:
    fill(wire, reader)
    time.sleep(WAIT_S)  # what waits for room now is given up
    while reader.read():
        pass
    wire.ask(12345)
    reader.wait_for("xid=00003039")
    reader.process.popen.send_signal(signal.SIGTERM)
    reader.wait_for("stopped: answered 101")
    assert reader.process.popen.wait(LIMIT_S) == 0
    reader.read()
    assert len(re.findall(rf"WARNING \d+ {LOST}", reader.text)) == 1
