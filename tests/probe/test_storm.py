"""The storm: the generator against a socket of ours, then whole storms against real responders."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from packets import tlv
from storm_rig import CLIENTS, FAR_SERVER, SERVERS, Lan, freeze

from fastpxe.dhcp.constants import MessageType, Option
from fastpxe.errors import StartError
from fastpxe.firmware.requests import Client
from fastpxe.probe._storm import Generator
from fastpxe.storm.plan import Kind, Plan, parse_mix

XID = 0xFFFFFFFE  # the third client's is 0
SECOND_NS = 1_000_000_000
PXE = tlv(Option.VENDOR_CLASS, b"PXEClient")
MIX = parse_mix("uefi-x64:2,bios:1")


class Bench:
    """A generator, and the server that it asks, on the loopback interface."""

    def __init__(self, waves: tuple[tuple[int, int, int], ...] = ((0, 1, 0),)) -> None:
        self.server = self.bound()
        self.client = self.bound()
        self.generator = Generator(
            self.client.fileno(),
            self.client.fileno(),
            (int(IPv4Address("127.0.0.1")), self.server.getsockname()[1]),
            [(Client(mac=bytes(6)).discover(), 0, (31,))],
            bytes(3),
            waves,
            answer_type=MessageType.OFFER,
            xid=XID,
            rate=0,
        )

    def bound(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        return sock

    def requests(self, count: int) -> list[bytes]:
        self.generator.run(1)
        return [self.server.recv(2048) for _ in range(count)]

    def answer(self, *answers: bytes) -> None:
        for answer in answers:
            self.server.sendto(answer, self.client.getsockname())
        self.generator.run(1)

    def close(self) -> None:
        self.server.close()
        self.client.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def offer_to(request: bytes, kind: int = MessageType.OFFER, options: bytes = PXE) -> bytes:
    return b"\2" + request[1:240] + tlv(Option.MESSAGE_TYPE, bytes([kind])) + options + b"\xff"


def test_each_client_has_its_own_xid_and_number(bench: Bench) -> None:
    requests = bench.requests(3)
    assert [request[4:8].hex() for request in requests] == ["fffffffe", "ffffffff", "00000000"]
    assert [request[31:34] for request in requests] == [b"\0\0\0", b"\0\0\1", b"\0\0\2"]


def test_an_answer_is_matched_to_its_client_with_a_latency(bench: Bench) -> None:
    requests = bench.requests(3)
    bench.answer(offer_to(requests[2]))
    generator = bench.generator
    assert (generator.sent, generator.answered, generator.duplicates) == (3, 1, 0)
    first, second, third = generator.latencies()
    assert (first, second) == (-1, -1)
    assert third > 0
    assert generator.servers() == {int(IPv4Address("127.0.0.1")): 1}
    assert generator.answers() == [offer_to(requests[2])]
    assert generator.is_sent


def test_a_second_answer_is_a_duplicate(bench: Bench) -> None:
    request, *_ = bench.requests(3)
    bench.answer(offer_to(request), offer_to(request))
    assert (bench.generator.answered, bench.generator.duplicates) == (1, 1)


@pytest.mark.parametrize(
    "options",
    [b"", tlv(Option.VENDOR_CLASS, b"other PXEClient"), b"\x3c\x09PXE"],
    ids=["none", "other", "cut"],
)
def test_an_offer_without_the_class_of_pxe_is_an_ordinary_server_s(
    bench: Bench, options: bytes
) -> None:
    request, *_ = bench.requests(3)
    bench.answer(offer_to(request, options=options))
    assert (bench.generator.answered, bench.generator.plain) == (0, 1)


def test_padding_and_the_class_of_http_boot_are_read(bench: Bench) -> None:
    request, *_ = bench.requests(3)
    bench.answer(offer_to(request, options=b"\0\0" + tlv(Option.VENDOR_CLASS, b"HTTPClient")))
    assert bench.generator.answered == 1


def test_an_answer_of_another_type_is_none(bench: Bench) -> None:
    request, *_ = bench.requests(3)
    bench.answer(offer_to(request, MessageType.ACK))
    assert (bench.generator.answered, bench.generator.plain) == (0, 1)


def test_what_is_no_answer_to_a_client_of_ours_is_a_stray(bench: Bench) -> None:
    request, *_ = bench.requests(3)
    other_xid = request[:4] + b"\x01\x02\x03\x04" + request[8:]
    bench.answer(b"", b"\2" * 239, request, offer_to(other_xid), offer_to(request)[:236] + bytes(9))
    assert (bench.generator.answered, bench.generator.plain) == (0, 0)
    assert bench.generator.strays == 5


def test_who_was_answered_doesn_t_ask_again() -> None:
    bench = Bench(waves=((0, 1, 0), (SECOND_NS // 20, 1, 4)))
    first, *_ = bench.requests(3)
    bench.answer(offer_to(first))
    bench.generator.run(100)
    again = [bench.server.recv(2048) for _ in range(2)]
    assert [request[4:8].hex() for request in again] == ["ffffffff", "00000000"]
    assert [request[8:10] for request in again] == [b"\0\4", b"\0\4"]
    bench.answer(offer_to(again[0]), offer_to(again[0]))  # one for each of its two requests
    assert (bench.generator.answered, bench.generator.duplicates) == (2, 0)
    bench.close()


def test_a_wave_is_for_the_kinds_that_it_names() -> None:
    bench = Bench(waves=((0, 0b10, 0),))
    bench.generator.run(1)
    assert bench.generator.is_sent
    assert bench.generator.sent == 0
    bench.close()


@pytest.mark.parametrize(
    ("shapes", "kinds", "waves"),
    [
        ([(bytes(240), 0, ())], b"", ()),
        ([], b"\0", ()),
        ([(bytes(240), 0, ())], b"\1", ()),
        ([(bytes(239), 0, ())], b"\0", ()),
        ([(bytes(281), 42, ())], b"\0", ()),
        ([(bytes(1515), 0, ())], b"\0", ()),
        ([(bytes(240), 0, (238,))], b"\0", ()),
        ([(bytes(240), 0, (-1,))], b"\0", ()),
        ([(bytes(240), 0, (1, 2, 3, 4, 5))], b"\0", ()),
        ([(bytes(240), 0, ())], b"\0", ((0, 1, 0),) * 17),
    ],
)
def test_what_doesn_t_fit_is_refused(
    shapes: list[tuple[bytes, int, tuple[int, ...]]],
    kinds: bytes,
    waves: tuple[tuple[int, int, int], ...],
) -> None:
    with pytest.raises(ValueError, match=r"."):
        Generator(0, 0, None, shapes, kinds, waves, answer_type=2, xid=0, rate=0)


def test_an_interface_that_fails_ends_it() -> None:
    bench = Bench()
    generator = Generator(
        -1, bench.client.fileno(), None, [(bytes(240), 0, ())], b"\0", ((0, 1, 0),),
        answer_type=2, xid=0, rate=0,
    )  # fmt: skip
    with pytest.raises(OSError, match="Bad file descriptor"):
        generator.run(1)
    bench.close()


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


def plan(clients: int = 300, kinds: tuple[Kind, ...] = MIX, **more: object) -> Plan:
    return Plan(kinds=kinds, clients=clients, **more)  # type: ignore[arg-type]  # names are Plan's


@pytest.mark.netns
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"rate": 3000},
        {"via": "relay", "server": IPv4Address(SERVERS[0])},
        {"via": "relay", "server": IPv4Address(FAR_SERVER)},
        {"via": "4011", "server": IPv4Address(SERVERS[0])},
    ],
    ids=["broadcast", "paced", "relay", "behind a router", "4011"],
)
def test_every_client_is_answered_once(lan: Lan, more: dict[str, object]) -> None:
    lan.serve()
    result = lan.storm(plan(**more))
    assert result.is_clean
    assert (result.sent, result.answered, result.duplicates) == (300, 300, 0)
    assert set(result.servers.values()) == {300}
    assert [(kind.name, kind.clients, kind.answered) for kind in result.kinds] == [
        ("uefi-x64", 200, 200), ("bios", 100, 100)
    ]  # fmt: skip
    x64, bios = (kind.offer for kind in result.kinds)
    assert x64 is not None
    assert bios is not None
    assert (x64.file, bios.file) == ("ipxe.efi", "undionly.kpxe")
    assert sum(one.count for one in result.latency.histogram) == 300


@pytest.mark.netns
def test_clients_of_a_frozen_server_are_lost(lan: Lan) -> None:
    freeze(lan.serve())
    result = lan.storm(plan(wait_s=0.2))
    assert (result.sent, result.lost, result.is_clean) == (300, 300, False)
    assert result.latency.histogram == ()


@pytest.mark.netns
def test_without_a_server_firmware_repeats_until_it_gives_up(lan: Lan) -> None:
    more = {"via": "4011", "server": IPv4Address(SERVERS[0]), "retries": True, "wait_s": 0.2}
    result = lan.storm(plan(10, parse_mix("bios+ipxe"), **more))
    assert (result.sent, result.answered) == (40, 0)


@pytest.mark.netns
def test_two_responders_answer_twice(tmp_path: Path) -> None:
    with Lan(tmp_path, servers=2) as lan:
        lan.serve(0)
        lan.serve(1)
        result = lan.storm(plan())
    assert (result.answered, result.lost, result.duplicates) == (300, 0, 300)
    assert result.servers == dict.fromkeys(SERVERS, 300)
    assert not result.is_clean


@pytest.mark.netns
def test_a_neighbour_that_isn_t_there_is_said_to_be_missing(lan: Lan) -> None:
    with pytest.raises(StartError, match=r"10\.66\.9\.9 doesn't answer ARP on br0"):
        lan.storm(plan(via="relay", server=IPv4Address("10.66.9.9")))


@pytest.mark.netns
def test_a_port_in_use_is_refused_with_its_holder(lan: Lan) -> None:
    with lan.clients.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((CLIENTS, 67))
        with pytest.raises(StartError, match=r"UDP port 67 on br0 is held by"):
            lan.storm(plan(via="relay", server=IPv4Address(SERVERS[0])))
