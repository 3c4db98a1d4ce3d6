"""Child processes: a signal that comes early is not lost, and kills nobody. How they end otherwise
is in test_supervisor.
"""

import logging
import os
import signal
import sys

import pytest

from fastpxe.serve.system.fork import fork, unblock_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_waits_for_its_handler(number: int) -> None:
    reader, writer = os.pipe()

    def work() -> None:
        os.read(reader, 1)  # the signal has been sent by then
        signal.signal(number, lambda *_: os._exit(7))
        unblock_signals()

    pid = fork("early", work, opens_sockets=True)
    os.kill(pid, number)
    os.write(writer, b".")
    _, status = os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
    assert os.waitstatus_to_exitcode(status) == 7


def test_work_that_fails_ends_with_1() -> None:
    pid = fork("failing", sys.exit, opens_sockets=True)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_work_that_raises_says_why() -> None:
    reader, writer = os.pipe()

    def work() -> None:
        logging.getLogger("fastpxe").addHandler(logging.StreamHandler(os.fdopen(writer, "w")))
        raise ValueError("no such luck")

    pid = fork("unlucky", work, opens_sockets=True)
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    with os.fdopen(reader) as said:
        text = said.read()
    assert "unlucky failed" in text
    assert "ValueError: no such luck" in text
