"""What a worker sends the recorder: every event while there is room, and how many were lost."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from fastpxe.backend import NativeAnswers
from fastpxe.events import Event, Notice, TransferDone, TransferRefused
from fastpxe.policy import compiler, config
from fastpxe.serve.ipc._event_ring import EventRing
from fastpxe.serve.ipc.event_channel import EventChannel, EventReader

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
def channel() -> Iterator[EventChannel]:
    channel = EventChannel()
    yield channel
    channel.close()


@pytest.mark.parametrize("event", [DONE, REFUSED, NOTICE], ids=lambda e: type(e).__name__)
def test_an_event_arrives_as_it_was_sent(channel: EventChannel, event: Event) -> None:
    channel.send(event)
    assert channel.receive() == event
    assert channel.receive() is None


def test_a_worker_never_waits_for_a_parent_that_is_behind(channel: EventChannel) -> None:
    for _ in range(100_000):
        channel.send(DONE)
    assert channel.lost > 0
    assert channel.receive() == DONE


def test_what_a_worker_lost_is_counted_and_reported(channel: EventChannel) -> None:
    if not os.fork():
        for _ in range(100_000):
            channel.send(DONE)
        os._exit(0)
    os.wait()
    told: list[Event] = []
    reader_of(channel, told).read(100_000)
    lost = told.pop()
    assert lost == Notice(interface="", text=f"{channel.lost} events of files were too many to log")
    assert len(told) + channel.lost == 100_000


def test_what_was_lost_is_reported_once_though_another_reader_continues(
    channel: EventChannel,
) -> None:
    for _ in range(100_000):
        channel.send(DONE)
    lost = channel.lost
    told: list[Event] = []
    for _ in range(2):
        reader_of(channel, told).read(1)
    assert [one.text for one in told if isinstance(one, Notice)] == [
        f"{lost} events of files were too many to log"
    ]


def reader_of(channel: EventChannel, told: list[Event]) -> EventReader:
    answers = NativeAnswers(compiler.build(config.parse("", "test"), []), {})
    return EventReader(
        EventRing(), channel, {1: "eth0"}, answers, told.append, wants_details=lambda: True
    )


def test_events_are_read_so_many_at_a_time(channel: EventChannel) -> None:
    told: list[Event] = []
    reader = reader_of(channel, told)
    for event in (DONE, NOTICE, REFUSED):
        channel.send(event)
    assert reader.read(2) == 2
    assert told == [DONE, NOTICE]
    assert reader.read(2) == 1
    assert reader.read(2) == 0
