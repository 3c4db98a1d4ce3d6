"""Signs of life cross processes."""

import asyncio
import contextlib
import os

from fastpxe.serve.ipc.heartbeat import Heartbeat


def test_a_beat_is_seen_once() -> None:
    heartbeat = Heartbeat("worker 0")
    assert not heartbeat.has_beaten()
    heartbeat.beat()
    assert heartbeat.has_beaten()
    assert not heartbeat.has_beaten()


def test_a_beat_of_a_child_is_seen() -> None:
    heartbeat = Heartbeat("worker 0")
    pid = os.fork()
    if not pid:
        heartbeat.beat()
        os._exit(0)
    os.waitpid(pid, 0)
    assert heartbeat.has_beaten()


def test_a_child_marks_that_it_stopped_accepting() -> None:
    heartbeat = Heartbeat("worker 0")
    heartbeat.beat()
    assert not heartbeat.has_stopped_accepting
    pid = os.fork()
    if not pid:
        heartbeat.mark_stopped_accepting()
        os._exit(0)
    os.waitpid(pid, 0)
    assert heartbeat.has_stopped_accepting
    assert heartbeat.has_beaten()


def test_it_goes_on_with_the_loop() -> None:
    heartbeat = Heartbeat("worker 0", 0.001)

    async def see(times: int) -> None:
        seen = 0
        while seen < times:
            await asyncio.sleep(0.001)
            seen += heartbeat.has_beaten()

    async def both() -> None:
        going = asyncio.ensure_future(heartbeat.run())
        await asyncio.wait_for(see(3), 10)
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going

    asyncio.run(both())
