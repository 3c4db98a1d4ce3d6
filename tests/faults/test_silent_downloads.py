"""Thousands ask for a file and never acknowledge a block, as whoever forges addresses does."""

import socket
from functools import partial

import pytest
from fault_rig import Metrics, fetch, inside, memory_of, wait_until
from wire_rig import CLIENT, ONE, SERVER, Wire

pytestmark = pytest.mark.netns

CONTENT = bytes(range(256)) * 40
ASKED, AT_ONCE = 5000, 500
GROWTH_MAX = 8 << 20  # bytes of a process
LIMITS = f"max_transfers = {AT_ONCE}\nmax_transfers_per_client = 100_000\ngive_up_s = 4\n"
TIMEOUT, REFUSED = ("fastpxe_tftp_transfers_total", "timeout"), ("fastpxe_tftp_refused_total", "0")


def ask(first: int, count: int) -> None:
    """Ask from as many ports, which are closed at once."""
    for port in range(first, first + count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((CLIENT, port))
            sock.sendto(b"\0\1boot.bin\0octet\0blksize\0001468\0", (SERVER, 69))


def is_over(count: int, found: Metrics) -> bool:
    return found.get(TIMEOUT, 0) + found.get(REFUSED, 0) >= count


def test_requests_that_nobody_stands_behind_end_and_leave_room(wire: Wire) -> None:
    (wire.folder / "boot.bin").write_bytes(CONTENT)
    wire.config.write_text(f'[tftp]\nroot = "{wire.folder}"\n{LIMITS}{ONE}')
    process = wire.start("-c", str(wire.config), "--workers", "1")
    inside(wire.client, partial(ask, 20_000, 1000))  # what is set up once doesn't count
    wait_until(wire.server, partial(is_over, 1000))
    before = memory_of(process)
    inside(wire.client, partial(ask, 30_000, ASKED))
    while fetch(wire, "boot.bin") != CONTENT:  # its first requests may find no room
        assert process.is_running()
    during = memory_of(process)
    found = wait_until(wire.server, partial(is_over, 1000 + ASKED))
    assert found[TIMEOUT] >= AT_ONCE
    assert found["fastpxe_events_lost_total",] == 0
    assert fetch(wire, "boot.bin") == CONTENT
    after = memory_of(process)
    assert {name: size for name, size in during.items() if size > before[name] + GROWTH_MAX} == {}
    assert {name: size for name, size in after.items() if size > before[name] + GROWTH_MAX} == {}
