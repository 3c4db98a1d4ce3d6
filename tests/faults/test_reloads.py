"""One reload after the other in the middle of a storm, every second one refused."""

import os
import signal
from collections import Counter

import pytest
from fault_rig import wait_until
from wire_rig import Storm, Wire, fastpxe_of, workers_of

pytestmark = pytest.mark.netns

GOOD = '[[boot]]\narch = "uefi-x64"\nfile = "one.efi"\n'
BAD = '[[boot]]\nfiel = "x"\n'
STEP = 300


def test_good_and_bad_reloads_in_turn_lose_and_double_no_answer(wire: Wire) -> None:
    wire.write(GOOD)
    process = wire.start("-c", str(wire.config), "--workers", "2")
    with Storm(wire) as storm:
        for turn in range(10):
            storm.send(range(turn * STEP, turn * STEP + STEP))
            wire.write(BAD if turn % 2 else GOOD)
            os.kill(fastpxe_of(process), signal.SIGHUP)
            words = "reload refused" if turn % 2 else "reloaded:"
            storm.send(range(10_000 + turn * STEP, 10_000 + turn * STEP + STEP))
            wire.wait_for(process, words, count=turn // 2 + 1)
        storm.hear(20 * STEP)
        storm.hear_what_is_left()
    assert storm.heard == Counter([*range(10 * STEP), *range(10_000, 10_000 + 10 * STEP)])
    assert len(workers_of(process)) == 2
    answered = ("fastpxe_dhcp_datagrams_total", "answered")
    # For a moment the recorder before the last one answers, which knows less.
    found = wait_until(wire.server, lambda found: found[answered] == 20 * STEP)
    assert found["fastpxe_workers", "alive"] == 2
    assert process.stop(signal.SIGTERM) == 0
    assert f"stopped: answered {20 * STEP}\n" in process.output()
