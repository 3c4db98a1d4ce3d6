"""How a recorder ends when a background task fails; else see test_supervisor and faults/."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from fastpxe.serve.ipc.handover import HandoverBuffer
from fastpxe.serve.recorder import recorder


class EmptyObserver:
    """An observer without events."""

    def flush(self) -> None:
        pass

    def restore(self, saved: bytes) -> None:
        pass

    def poll(self, now: float, answered: Callable[[], int]) -> None:
        pass

    def save(self) -> bytes:
        return b"saved"


def end_with(task: recorder.BackgroundTask) -> tuple[int, bytes]:
    """The exit status of a recorder with a task, and the state that it has saved."""
    handover = HandoverBuffer()
    pid = recorder.start(
        recorder.RecorderContext(
            observer=EmptyObserver(),  # type: ignore[arg-type] - as much of one as is asked here
            readers=[],
            handover=handover,
            counts=Counter[str],
            tasks=[task],
            flush=lambda: None,
        )
    )
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), handover.read()


def fail() -> None:
    raise ValueError("no such luck")


async def fail_at_the_end(_: object, stack: AsyncExitStack) -> None:
    stack.callback(fail)
    os.kill(os.getpid(), signal.SIGTERM)


async def fail_at_once(_: object, __: object) -> None:
    fail()


@pytest.mark.parametrize("task", [fail_at_the_end, fail_at_once])
def test_a_task_that_fails_keeps_no_state_from_being_saved(task: recorder.BackgroundTask) -> None:
    assert end_with(task) == (1, b"saved")
