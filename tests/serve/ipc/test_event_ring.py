"""The ring of decisions that a worker shares: nothing is waited for, mixed up, or torn."""

import os
import socket
from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe._codec import REASONS
from fastpxe.dnsmasq.engine._answer_cache import AnswerCache
from fastpxe.dnsmasq.engine.cached_reply import CachedReply
from fastpxe.serve.dhcp._port import DhcpPort
from fastpxe.serve.ipc._event_ring import EventRing

ROOM = 4096


def silent() -> AnswerCache:
    """What logs every datagram, however malformed."""
    reply = CachedReply(reason=REASONS.index("no_rule"))
    return AnswerCache(
        lambda *_: reply, on_error=lambda _: None, blanked=[], macs=[], identities=[],
        known_macs=[], networks=[], keeps_mac=True, keeps_ciaddr=True, seed=1,
    )  # fmt: skip


class Pushed:
    """A worker's end of a ring: what is sent to its port is pushed."""

    def __init__(self, ring: EventRing) -> None:
        self.ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.ours.bind(("127.0.0.1", 0))
        self.theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.theirs.connect(self.ours.getsockname())
        self.port = DhcpPort(self.ours.fileno(), 1, 0x7F000001, 0, 67, silent(), ring)

    def push(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.theirs.send(datagram)
        self.port.drain()

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def ring() -> EventRing:
    return EventRing(1, ROOM)


@pytest.fixture
def worker(ring: EventRing) -> Iterator[Pushed]:
    worker = Pushed(ring)
    yield worker
    worker.close()


STEPS = st.lists(
    st.one_of(st.lists(st.integers(0, 1900), min_size=1, max_size=6), st.integers(1, 5)),
    max_size=40,
)


@given(STEPS)
def test_what_is_taken_is_what_was_pushed_in_its_order(steps: list[list[int] | int]) -> None:
    """Whatever the sizes, wherever the memory ends: what is not kept is counted."""
    ring = EventRing(1, ROOM)
    worker = Pushed(ring)
    waiting: deque[bytes] = deque()
    number = 0
    for step in steps:
        if isinstance(step, int):
            taken = [decision.request for decision in ring.take(step)]
            assert taken == [waiting.popleft() for _ in range(min(step, len(waiting)))]
            continue
        for size in step:
            number += 1
            datagram = number.to_bytes(4) + bytes([number & 255]) * size
            lost = ring.lost
            worker.push(datagram)
            if ring.lost == lost:
                waiting.append(datagram)
            else:
                assert sum(map(len, waiting)) + len(datagram) > ROOM // 4
        assert len(ring) == len(waiting)
        assert ring.pushed + ring.lost == number
    assert [decision.request for decision in ring.take(999)] == list(waiting)
    worker.close()


def test_a_full_ring_keeps_the_oldest(ring: EventRing, worker: Pushed) -> None:
    worker.push(*[bytes([number]) * 500 for number in range(20)])
    kept = [decision.request[0] for decision in ring.take(99)]
    assert kept == list(range(len(kept)))
    assert 5 <= len(kept) < 9
    assert ring.lost == 20 - len(kept)
    worker.push(b"again")
    assert [decision.request for decision in ring.take(9)] == [b"again"]


def test_a_child_s_decisions_are_read_by_its_parent(ring: EventRing, worker: Pushed) -> None:
    pid = os.fork()
    if pid == 0:
        worker.push(b"short", b"other")
        os._exit(0)
    os.waitpid(pid, 0)
    assert ring.counts(0)["no_rule"] == 2
    assert [decision.request for decision in ring.take(9)] == [b"short", b"other"]
    assert len(ring) == 0


def test_an_empty_ring_has_nothing_to_take(ring: EventRing) -> None:
    assert ring.take(10) == []


def test_a_ring_is_made_once(ring: EventRing) -> None:
    with pytest.raises(TypeError):
        ring.__init__()  # type: ignore[misc] - the point is that a second call is refused


def test_a_ring_has_only_the_ports_it_was_made_for() -> None:
    with pytest.raises(IndexError):
        EventRing(2).counts(2)
    with pytest.raises(IndexError):
        EventRing(2).latency(2)
