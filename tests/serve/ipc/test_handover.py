"""What one process leaves to the next."""

import os
import signal

from fastpxe.serve.ipc.handover import HandoverBuffer


def test_what_was_written_last_is_read_by_another_process() -> None:
    buffer = HandoverBuffer()
    assert buffer.read() == b""
    writer = os.fork()
    if not writer:
        buffer.hold()
        buffer.write(b"long " * 100)
        buffer.write(b"short")
        os._exit(0)
    os.waitpid(writer, 0)
    buffer.hold()
    assert buffer.read() == b"short"


def test_the_next_waits_until_the_one_before_has_ended_however_it_ends() -> None:
    buffer = HandoverBuffer()
    reader, writer = os.pipe()
    first = os.fork()
    if not first:
        buffer.hold()
        buffer.write(b"first")
        os.write(writer, b"held")
        signal.pause()
    assert os.read(reader, 4) == b"held"
    second = os.fork()
    if not second:
        buffer.hold()
        os._exit(0 if buffer.read() == b"first" else 1)
    assert os.waitpid(second, os.WNOHANG) == (0, 0)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    assert os.waitpid(second, 0)[1] == 0
