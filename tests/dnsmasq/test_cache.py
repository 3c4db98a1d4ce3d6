"""The cache against the engine: random configurations and requests, other machines' names."""

from ipaddress import IPv4Address
from random import Random

import pytest
from dnsmasq_live import INTERFACES, Datagram
from dnsmasq_random import RandomConfig, request

from fastpxe._codec import REASONS
from fastpxe.dnsmasq._cache import AnswerCache
from fastpxe.dnsmasq.answers import DnsmasqAnswers, Remembered
from fastpxe.dnsmasq.engine import Answer, Arrival, Engine
from fastpxe.dnsmasq.files import Disk
from fastpxe.dnsmasq.read import read_config
from fastpxe.wire import PXE_PORT

REPLY_MAX = 1472


def renamed(datagram: bytes, random: Random) -> bytes:
    """The request of a machine that differs in its names alone, or nearly."""
    other = bytearray(datagram)
    if len(other) < 240:
        return datagram
    other[4:10] = random.randbytes(6)
    other[28:34] = random.choice((other[28:34], bytes.fromhex("525400aa0001"), random.randbytes(6)))
    other[12:16] = random.choice((other[12:16], bytes(4), random.randbytes(4)))
    at = other.find(b"\x61\x11", 240)
    if 0 < at < len(other) - 19:
        other[at + 3 : at + 19] = random.choice((other[at + 3 : at + 19], random.randbytes(16)))
    return bytes(other)


def check(answers: DnsmasqAnswers, engine: Engine, interface: str, asked: Datagram) -> None:
    network = answers.config.network
    arrival = Arrival(
        interface=interface, port=asked.to_port, source=asked.source,
        source_port=asked.source_port, destination=asked.to,
    )  # fmt: skip
    if asked.to_port not in (network.server_port, PXE_PORT):
        return
    role = 67 if asked.to_port == network.server_port else PXE_PORT
    reason, reply, to, to_port, *_ = answers.responder(interface).decide(
        asked.data, port=role, source=int(asked.source), source_port=asked.source_port
    )
    expected = engine.answer(asked.data, arrival)
    if isinstance(expected, Answer) and len(expected.data) <= REPLY_MAX:
        assert REASONS[reason] == "answered"
        assert reply.hex() == expected.data.hex()
        assert (IPv4Address(to), to_port) == (expected.to, expected.to_port)
    else:
        assert reason != 0
        assert reply == b""


@pytest.mark.parametrize("seed", [*range(40), 208, 499])  # those two found faults
def test_the_cache_says_what_the_engine_says(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test case, not a secret
    config = RandomConfig(random)
    disk = Disk(lambda _: config.file.encode(), lambda _: None)
    read = read_config(["dnsmasq.conf"], arguments=["--no-hosts"], disk=disk)
    answers = DnsmasqAnswers(read, INTERFACES, seed=1)
    engine = Engine(read, INTERFACES)
    for xid in range(60):
        asked = request(random, xid, config.interface)
        for _ in range(4):
            check(answers, engine, config.interface, asked)
            asked = Datagram(
                asked.source, asked.source_port, asked.to, asked.to_port,
                renamed(asked.data, random),
            )  # fmt: skip


def broken(*_: object) -> Remembered:
    raise ValueError("a fault of ours")


def cache(**changes: object) -> AnswerCache:
    rules: dict[str, object] = {
        "blanked": (), "macs": (), "identities": (), "known_macs": (), "networks": (),
        "keeps_mac": False, "keeps_ciaddr": False, "seed": 1,
    }  # fmt: skip
    return AnswerCache(broken, **(rules | changes))  # type: ignore[arg-type] - of many types


def test_a_fault_of_the_engine_is_counted_and_nothing_is_answered() -> None:
    made = cache()
    reason, reply, *_ = made.decide(bytes(300))
    assert (reason != 0, reply, made.faults) == (True, b"", 1)


def test_a_cache_is_made_once() -> None:
    made = cache()
    with pytest.raises(TypeError):
        made.__init__(broken)  # type: ignore[misc,call-arg] - a second call is refused


@pytest.mark.parametrize(
    "changes",
    [{"networks": [(n, n) for n in range(65)]}, {"macs": [(-1, b"123", b"1")]},
     {"macs": [(-1, bytes(33), bytes(33))]}],
)  # fmt: skip
def test_what_the_cache_has_no_room_for_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"networks|mask"):
        cache(**changes)
