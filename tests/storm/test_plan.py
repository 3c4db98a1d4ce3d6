"""The plan of a storm: who asks, when, and that each asks what its firmware would."""

from functools import partial
from ipaddress import IPv4Address

import dpkt
import pytest

from fastpxe.dhcp._request import Request
from fastpxe.storm import plan as storm
from fastpxe.storm.plan import BadPlan, Kind, Plan, Via, Wave, kind_of_each, parse_mix

OWN, SERVER = IPv4Address("10.0.0.5"), IPv4Address("10.0.0.1")
OWN_MAC, SERVER_MAC = bytes.fromhex("52540000aaaa"), bytes.fromhex("52540000bbbb")
MIX = parse_mix("uefi-x64:70,bios:20,bios+ipxe:10")


def plan(via: Via = "broadcast", kinds: tuple[Kind, ...] = MIX, **more: object) -> Plan:
    server = None if via == "broadcast" else SERVER
    fields = {"clients": 100, "server": server} | more
    return Plan(kinds=kinds, via=via, **fields)  # type: ignore[arg-type]  # names are Plan's


def test_a_mix_names_clients_and_weights() -> None:
    assert [(kind.name, kind.arch, kind.ipxe, kind.weight) for kind in MIX] == [
        ("uefi-x64", 7, False, 70), ("bios", 0, False, 20), ("bios+ipxe", 0, True, 10)
    ]  # fmt: skip
    assert parse_mix("uefi-arm64")[0].weight == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [("nix:1", "no client 'nix'; known, each also with \\+ipxe: bios, "),
     ("bios+gpxe", "no client"), ("", "no client"), ("bios:0", "a weight is 1 to 1000"),
     ("bios:1001", "a weight"), ("bios:x", "a weight"), ("bios:", "a weight"),
     ("bios,bios:2", "names a client twice"),
     (",".join(list(storm.ARCH_NAMES)[:17]), "at most 16")],
)  # fmt: skip
def test_a_mix_that_is_none_is_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        parse_mix(text)


@pytest.mark.parametrize("clients", [1, 7, 100, 12345])
def test_every_run_of_clients_has_the_shares_of_the_mix(clients: int) -> None:
    kinds = kind_of_each(plan(clients=clients))
    assert len(kinds) == clients
    for end in range(1, min(clients, 300) + 1):
        for number, kind in enumerate(MIX):
            share = kinds[:end].count(number)
            assert abs(share - end * kind.weight / 100) < 1


@pytest.mark.parametrize("via", ["broadcast", "relay", "4011"])
@pytest.mark.parametrize("kind", MIX, ids=[kind.name for kind in MIX])
def test_a_template_with_its_holes_filled_is_what_the_client_sends(kind: Kind, via: Via) -> None:
    make = partial(storm.message, kind, plan(via), OWN)
    template = storm.template(make)
    for number in (0, 1, 0x010203, storm.MAX_CLIENTS - 1, 0xFFFFFF):
        filled = bytearray(template.message)
        for hole in template.holes:
            filled[hole : hole + 3] = number.to_bytes(3)
        assert bytes(filled) == make(number)


def test_clients_have_macs_and_uuids_of_their_own() -> None:
    first, second = (Request(storm.message(MIX[0], plan(), OWN, n)) for n in (1, 2))
    assert first.chaddr[:6].hex(":") == "02:fa:57:00:00:01"
    assert first.chaddr != second.chaddr
    assert first.uuid != second.uuid


def test_behind_a_relay_giaddr_is_ours_and_on_4011_ciaddr_is() -> None:
    relayed = Request(storm.message(MIX[0], plan("relay"), OWN, 1))
    assert (relayed.message_type, relayed.giaddr, relayed.ciaddr) == (1, int(OWN), 0)
    second = Request(storm.message(MIX[0], plan("4011"), OWN, 1))
    assert (second.message_type, second.giaddr, second.ciaddr) == (3, 0, int(OWN))


def test_asked_once_there_is_one_wave_of_all() -> None:
    assert storm.waves(plan()) == (Wave(0, 0b111, 0),)


def test_repeats_come_when_each_firmware_sends_them() -> None:
    second = 1_000_000_000
    assert storm.waves(plan(retries=True)) == (
        Wave(0, 0b111, 0), Wave(second, 0b100, 1), Wave(3 * second, 0b100, 3),
        Wave(4 * second, 0b011, 4), Wave(7 * second, 0b100, 7), Wave(12 * second, 0b011, 12),
        Wave(28 * second, 0b011, 28),
    )  # fmt: skip
    offsets = [wave.offset_ns / second for wave in storm.waves(plan("4011", retries=True))]
    assert offsets == [0, 0.23, 0.78, 1, 1.82, 3, 6]


@pytest.mark.parametrize(
    ("via", "source", "destination", "ports", "mac"),
    [("broadcast", "0.0.0.0", "255.255.255.255", (68, 67), b"\xff" * 6),
     ("relay", str(OWN), str(SERVER), (67, 67), SERVER_MAC),
     ("4011", str(OWN), str(SERVER), (4011, 4011), SERVER_MAC)],
)  # fmt: skip
def test_a_frame_goes_from_our_mac_with_a_right_checksum(
    via: Via, source: str, destination: str, ports: tuple[int, int], mac: bytes
) -> None:
    message = storm.message(MIX[0], plan(via), OWN, 1)
    header = storm.headers(plan(via), len(message), own=OWN, own_mac=OWN_MAC, server_mac=mac)
    frame = dpkt.ethernet.Ethernet(header + message)
    ip, udp = frame.data, frame.data.data
    assert (frame.src, frame.dst) == (OWN_MAC, mac)
    assert (str(IPv4Address(ip.src)), str(IPv4Address(ip.dst))) == (source, destination)
    assert (udp.sport, udp.dport) == ports
    assert udp.data == message
    assert (ip.len, udp.ulen) == (len(message) + 28, len(message) + 8)
    ip.sum = 0
    assert bytes(ip)[10:12] == header[24:26]  # dpkt works a checksum out that is 0


@pytest.mark.parametrize(
    ("more", "error"),
    [({"clients": 0}, "--clients is 1 to 100,000"), ({"clients": 100_001}, "--clients"),
     ({"rate": 0.5}, "--rate is 1 to"), ({"rate": float("nan")}, "--rate"),
     ({"clients": 601, "rate": 1}, "longer than 600 s"),
     ({"server": SERVER}, "--server needs --via relay or 4011"),
     ({"via": "relay", "server": None}, "--via relay needs --server"),
     ({"via": "4011", "kinds": parse_mix("uefi-x64-http")}, "never ask port 4011")],
)  # fmt: skip
def test_what_is_no_plan_is_refused(more: dict[str, object], error: str) -> None:
    with pytest.raises(BadPlan, match=error):
        plan(**more)  # type: ignore[arg-type]  # names are Plan's


def test_a_plan_is_told_in_words() -> None:
    assert ", ".join(storm.describe(plan("4011", rate=2000, retries=True), "eth0")) == (
        "100 clients on eth0: REQUESTs to 10.0.0.1 port 4011, 2,000 a second, "
        "repeated as firmware does"
    )
    assert ", ".join(storm.describe(plan(), "eth0")) == (
        "100 clients on eth0: broadcast DISCOVERs, all at once, asked once"
    )
