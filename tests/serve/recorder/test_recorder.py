"""How a recorder ends when what runs beside it fails; else see test_supervisor and faults/."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from fastpxe.serve.ipc.handover import Notebook
from fastpxe.serve.recorder import recorder


class Watcher:
    """An observer that knows nothing, and keeps that."""

    def see(self) -> None:
        pass

    def take_over(self, kept: bytes) -> None:
        pass

    def look(self, now: float, answered: Callable[[], int]) -> None:
        pass

    def keep(self) -> bytes:
        return b"kept"


def end_beside(begin: recorder.Beside) -> tuple[int, bytes]:
    """The exit status of a recorder with that beside it, and what it has kept."""
    notebook = Notebook()
    pid = recorder.start(
        recorder.Recording(
            observer=Watcher(),  # type: ignore[arg-type] - as much of one as is asked here
            tellers=[],
            notebook=notebook,
            counts=Counter[str],
            beside=[begin],
            flush=lambda: None,
        )
    )
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), notebook.read()


def fail() -> None:
    raise ValueError("no such luck")


async def fail_at_the_end(_: object, stack: AsyncExitStack) -> None:
    stack.callback(fail)
    os.kill(os.getpid(), signal.SIGTERM)


async def fail_at_once(_: object, __: object) -> None:
    fail()


@pytest.mark.parametrize("begin", [fail_at_the_end, fail_at_once])
def test_what_fails_beside_costs_nothing_of_what_it_keeps(begin: recorder.Beside) -> None:
    assert end_beside(begin) == (1, b"kept")
