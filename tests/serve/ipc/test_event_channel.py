"""What a worker tells its parent: all of it while there is room, and how much was lost."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from fastpxe.backend import NativeAnswers
from fastpxe.events import Event, Notice, TransferDone, TransferRefused
from fastpxe.policy import compiler, config
from fastpxe.serve.ipc._event_ring import EventRing
from fastpxe.serve.ipc.event_channel import EventPipe, Teller

DONE = TransferDone(
    interface="eth0",
    client=(IPv4Address("10.0.0.9"), 2070),
    file="a.efi",
    options={"blksize": 1468},
    size_bytes=9,
    duration_s=0.5,
    retransmits=0,
    outcome="done",
)
REFUSED = TransferRefused(
    interface="eth0", client=(IPv4Address("10.0.0.9"), 2070), file="a", code=1, why="no such file"
)
NOTICE = Notice(interface="eth0", text="look")


@pytest.fixture
def pipe() -> Iterator[EventPipe]:
    pipe = EventPipe()
    yield pipe
    pipe.close()


@pytest.mark.parametrize("event", [DONE, REFUSED, NOTICE], ids=lambda e: type(e).__name__)
def test_an_event_arrives_as_it_was_sent(pipe: EventPipe, event: Event) -> None:
    pipe.send(event)
    assert pipe.receive() == event
    assert pipe.receive() is None


def test_a_worker_never_waits_for_a_parent_that_is_behind(pipe: EventPipe) -> None:
    for _ in range(100_000):
        pipe.send(DONE)
    assert pipe.lost > 0
    assert pipe.receive() == DONE


def test_what_a_worker_lost_is_counted_and_told_by_its_parent(pipe: EventPipe) -> None:
    if not os.fork():
        for _ in range(100_000):
            pipe.send(DONE)
        os._exit(0)
    os.wait()
    told: list[Event] = []
    teller_of(pipe, told).tell(100_000)
    lost = told.pop()
    assert lost == Notice(interface="", text=f"{pipe.lost} events of files were too many to log")
    assert len(told) + pipe.lost == 100_000


def test_what_was_lost_is_told_once_though_another_tells_on(pipe: EventPipe) -> None:
    for _ in range(100_000):
        pipe.send(DONE)
    lost = pipe.lost
    told: list[Event] = []
    for _ in range(2):
        teller_of(pipe, told).tell(1)
    assert [one.text for one in told if isinstance(one, Notice)] == [
        f"{lost} events of files were too many to log"
    ]


def teller_of(pipe: EventPipe, told: list[Event]) -> Teller:
    answers = NativeAnswers(compiler.build(config.parse("", "test"), []), {})
    return Teller(EventRing(), pipe, {1: "eth0"}, answers, told.append, wants_details=lambda: True)


def test_events_are_told_so_many_at_a_time(pipe: EventPipe) -> None:
    told: list[Event] = []
    teller = teller_of(pipe, told)
    for event in (DONE, NOTICE, REFUSED):
        pipe.send(event)
    assert teller.tell(2) == 2
    assert told == [DONE, NOTICE]
    assert teller.tell(2) == 1
    assert teller.tell(2) == 0
