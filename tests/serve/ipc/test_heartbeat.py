"""Signs of life cross processes."""

import asyncio
import contextlib
import os

from fastpxe.serve.ipc.heartbeat import Pulse


def test_a_beat_is_seen_once() -> None:
    pulse = Pulse("worker 0")
    assert not pulse.has_beaten()
    pulse.beat()
    assert pulse.has_beaten()
    assert not pulse.has_beaten()


def test_a_beat_of_a_child_is_seen() -> None:
    pulse = Pulse("worker 0")
    pid = os.fork()
    if not pid:
        pulse.beat()
        os._exit(0)
    os.waitpid(pid, 0)
    assert pulse.has_beaten()


def test_a_child_says_when_it_lets_go() -> None:
    pulse = Pulse("worker 0")
    pulse.beat()
    assert not pulse.has_let_go
    pid = os.fork()
    if not pid:
        pulse.let_go()
        os._exit(0)
    os.waitpid(pid, 0)
    assert pulse.has_let_go
    assert pulse.has_beaten()


def test_it_goes_on_with_the_loop() -> None:
    pulse = Pulse("worker 0", 0.001)

    async def see(times: int) -> None:
        seen = 0
        while seen < times:
            await asyncio.sleep(0.001)
            seen += pulse.has_beaten()

    async def both() -> None:
        going = asyncio.ensure_future(pulse.go_on())
        await asyncio.wait_for(see(3), 10)
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going

    asyncio.run(both())
