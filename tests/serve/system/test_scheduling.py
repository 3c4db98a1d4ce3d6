"""The recorder runs when a core is idle, until the server stops: then root gives it its share."""

import os
import signal

import pytest
from fault_rig import child_of
from wire_rig import LIMIT_S, ONE, Wire, fastpxe_of

pytestmark = pytest.mark.netns


def test_at_the_end_the_recorder_no_longer_waits_for_an_idle_core(wire: Wire) -> None:
    process = wire.serve(ONE)
    recorder = child_of(process, "fastpxe-log")
    wire.wait_until(lambda: os.sched_getscheduler(recorder.pid) == os.SCHED_IDLE)
    wire.ask()
    recorder.suspend()
    os.kill(fastpxe_of(process), signal.SIGTERM)
    wire.wait_until(lambda: os.sched_getscheduler(recorder.pid) == os.SCHED_OTHER)
    recorder.resume()
    assert process.popen.wait(LIMIT_S) == 0
    assert " offer " in process.output()
