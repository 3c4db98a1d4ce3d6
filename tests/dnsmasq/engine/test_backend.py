"""The cache in front of the engine says of other machines what the engine says of them."""

from collections import defaultdict
from ipaddress import IPv4Address

import pytest
from dnsmasq_golden import DISK, Exchange, config, interfaces, recorded

from fastpxe._codec import REASONS
from fastpxe.backend import Description
from fastpxe.dhcp.constants import PXE_PORT, Option
from fastpxe.dnsmasq.engine.backend import DnsmasqAnswers
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine
from fastpxe.dnsmasq.engine.log_lines import lines
from fastpxe.dnsmasq.engine.message import read
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.events import Decision
from fastpxe.firmware.requests import Client

SEED = 1
EXCHANGES: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
for one in recorded():
    if not one.startup_failed:
        EXCHANGES[one.config, one.env].append(one)


def renamed(datagram: bytes, number: int) -> bytes:
    """The same request of another machine: xid, secs, MAC and the GUID's last bytes differ."""
    other = bytearray(datagram)
    other[4:10] = number.to_bytes(6)
    if len(other) >= 44 and other[2] == 6:
        other[30:34] = number.to_bytes(4)
    at = other.find(b"\x61\x11", 240)
    if at > 0 and at + 19 <= len(other):
        other[at + 15 : at + 19] = number.to_bytes(4)
    return bytes(other)


def compare(answers: DnsmasqAnswers, engine: Engine, datagram: bytes, arrival: Arrival) -> None:
    """The responder's decision against a fresh one of the engine."""
    network = answers.config.network
    role = 67 if arrival.port == network.server_port else arrival.port
    reason, reply, to, to_port, *_ = answers.responder(arrival.interface).decide(
        datagram, port=role, source=int(arrival.source), source_port=arrival.source_port,
        address=0x0A580001,
    )  # fmt: skip
    expected = engine.answer(datagram, arrival)
    if isinstance(expected, Answer):
        assert reason == 0
        assert reply.hex() == expected.data.hex()
        assert (IPv4Address(to), to_port) == (expected.to, expected.to_port)
    else:
        assert reason != 0
        assert reply == b""


@pytest.mark.parametrize("key", list(EXCHANGES), ids=" ".join)
def test_remembered_answers_are_those_of_the_engine(key: tuple[str, str]) -> None:
    path, env = key
    answers = DnsmasqAnswers(config(path), interfaces(env), seed=SEED)
    engine = Engine(config(path), interfaces(env))
    for exchange in EXCHANGES[key]:
        for number in range(3):
            datagram = exchange.datagram if number == 0 else renamed(exchange.datagram, number)
            if exchange.arrival.port in (engine.config.network.server_port, PXE_PORT):
                compare(answers, engine, datagram, exchange.arrival)


def fog(text: str = "") -> DnsmasqAnswers:
    written = f"port=0\nlog-dhcp\npxe-prompt=P,0\ndhcp-boot=b\ndhcp-range=10.88.0.1,proxy\n{text}"
    disk = type(DISK)(lambda _: written.encode(), lambda _: None)
    return DnsmasqAnswers(read_config(["fog.conf"], disk=disk), interfaces(), seed=SEED)


DISCOVER = next(e for e in EXCHANGES["configs/seed1.conf", ""] if e.name == "disc-arch0-seeduuid")


def hits(answers: DnsmasqAnswers, *datagrams: bytes) -> int:
    cache = answers.responder("dqs0")
    for datagram in datagrams:
        cache.decide(datagram, address=0x0A580001)
    found: int = cache.hits  # type: ignore[attr-defined] - an AnswerCache, which a Responder hides
    return found


def test_a_storm_of_like_machines_is_decided_once() -> None:
    storm = [renamed(DISCOVER.datagram, number) for number in range(100)]
    assert hits(fog(), *storm) == 99


@pytest.mark.parametrize(
    "line",
    ["dhcp-mac=set:x,52:54:00:*:*:*", "dhcp-match=set:x,97,00:44:45:*:4c", "dhcp-match=set:x,97"],
)
def test_tests_by_mask_need_no_answer_of_their_own_for_each_machine(line: str) -> None:
    storm = [renamed(DISCOVER.datagram, number) for number in range(100)]
    assert hits(fog(f"{line}\ndhcp-boot=tag:x,y\n"), *storm) >= 98


@pytest.mark.parametrize(
    "line", ["dhcp-host=52:54:00:00:00:01,set:x", "dhcp-match=set:x,97,1", "dhcp-host=id:a,set:x"]
)
def test_tests_by_name_tell_machines_apart(line: str) -> None:
    answers = fog(f"{line}\ndhcp-boot=tag:x,y\n")
    engine = Engine(answers.config, interfaces())
    for number in range(5):
        compare(answers, engine, renamed(DISCOVER.datagram, number), DISCOVER.arrival)


def test_an_answer_on_4011_goes_to_the_sender_though_one_was_its_own_relay() -> None:
    answers = fog("pxe-service=x86PC,A,a\n")
    engine = Engine(answers.config, interfaces())
    relay, client = IPv4Address("10.88.0.254"), IPv4Address("10.88.0.77")
    asked = bytearray(Client(arch=0).request(IPv4Address("10.88.0.1")))
    for giaddr, ciaddr in (relay, IPv4Address(0)), (relay, relay):
        asked[24:28], asked[12:16] = giaddr.packed, ciaddr.packed
        for source in (relay, client, relay):
            arrival = Arrival(interface="dqs0", port=PXE_PORT, source=source, source_port=4011)
            compare(answers, engine, bytes(asked), arrival)


STATIC_UUID = "dhcp-option-pxe=97,00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00\n"


@pytest.mark.parametrize("arch", [0, 7])
@pytest.mark.parametrize("has_uuid", [False, True])
def test_a_uuid_of_the_configuration_stays_as_it_is(arch: int, *, has_uuid: bool) -> None:
    answers = fog(STATIC_UUID)
    engine = Engine(answers.config, interfaces())
    for number in range(3):
        client = Client(arch=arch, uuid=bytes([number] * 16) if has_uuid else None)
        compare(answers, engine, client.discover(), DISCOVER.arrival)


def behind_a_relay(number: int, value: bytes = b"") -> bytes:
    """The request of a machine at a port of its own, which the relay names."""
    extra: dict[int, bytes | None] = {Option.RELAY_AGENT: b"\1\6" + number.to_bytes(6) + value}
    return Client(arch=0, giaddr=IPv4Address("10.88.0.254"), extra=extra).discover()


@pytest.mark.parametrize("value", [b"", b"\x0b\4\x0a\x58\0\1", b"z" * 50])
def test_the_port_that_a_relay_names_needs_no_answer_of_its_own(value: bytes) -> None:
    answers = fog()
    engine = Engine(answers.config, interfaces())
    for number in range(3):
        compare(answers, engine, behind_a_relay(number, value), DISCOVER.arrival)
    assert hits(fog(), *(behind_a_relay(number, value) for number in range(50))) == 49


@pytest.mark.parametrize("line", ["dhcp-circuitid=set:x,00:00:00:00:00:01", "dhcp-match=set:x,82"])
def test_ports_are_told_apart_where_a_line_reads_them(line: str) -> None:
    answers = fog(f"{line}\ndhcp-boot=tag:x,y\n")
    engine = Engine(answers.config, interfaces())
    for number in range(5):
        compare(answers, engine, behind_a_relay(number), DISCOVER.arrival)


def test_a_subnet_that_a_relay_names_is_told_apart() -> None:
    answers = fog("dhcp-range=10.88.5.0,proxy,255.255.255.0\n")
    engine = Engine(answers.config, interfaces())
    for link in "10.88.5.0", "10.88.6.0", "0.0.0.0", "10.88.5.0":
        value = b"\5\4" + IPv4Address(link).packed
        compare(answers, engine, behind_a_relay(1, value), DISCOVER.arrival)


def test_a_request_cut_short_is_decided_each_time() -> None:
    assert hits(fog(), *[DISCOVER.datagram[:250]] * 5) == 0


def test_more_answers_than_there_is_room_for_are_forgotten_together() -> None:
    answers = fog("dhcp-match=set:x,200\ndhcp-boot=tag:x,y\n")
    end = DISCOVER.datagram.rindex(b"\xff")
    each = [DISCOVER.datagram[:end] + b"\xc8\x02" + n.to_bytes(2) + b"\xff" for n in range(5000)]
    hits(answers, *each)
    assert 0 < len(answers.responder("dqs0")) < 4097  # type: ignore[arg-type] - see above


def described(answers: DnsmasqAnswers, datagram: bytes) -> Description:
    """What the process that logs says of a decision on a request, which is all that it has."""
    reason, _, to, to_port, rule, reply = answers.responder("dqs0").decide(datagram)
    told = Decision(
        reason=reason, message_type=1, ipxe=False, arch=0, rule=rule, reply=reply, to=to,
        to_port=to_port, siaddr=0, xid=0, interface=1, port=67, htype=1, chaddr=b"", identity=b"",
        at_ns=0, request=datagram, source_port=68,
    )  # fmt: skip
    return DnsmasqAnswers(answers.config, interfaces(), seed=2).describe(
        told, "dqs0", wants_details=True
    )


def test_the_log_names_the_line_and_has_dnsmasq_s_lines_for_each_client() -> None:
    other = renamed(DISCOVER.datagram, 7)
    message = read(other)
    told = described(fog(), other)
    assert (told.rule, told.file) == ("fog.conf:4", "b")
    assert f"{message.xid} PXE(dqs0) {message.hardware.hex(':')} proxy" in told.details
    assert message.uuid is not None
    assert any(message.uuid.hex(":") in line for line in told.details)


def fresh_lines(answers: DnsmasqAnswers, datagram: bytes) -> list[str]:
    """What dnsmasq would log of a request of its own accord."""
    message, engine = read(datagram), answers.engine
    decided = engine.decide(engine.signature(message, DISCOVER.arrival))
    return list(lines(answers.config, message, decided))


MACS = [bytes([2, 0, 0, 0, 0, number]) for number in (0x11, 0x22, 0x33)]


@pytest.mark.parametrize(
    "clients",
    [
        [Client(arch=0, mac=m, uuid=bytes([n] * 10) + m) for n, m in enumerate(MACS)],
        [Client(arch=0, mac=m, uuid=m + bytes([n] * 10)) for n, m in enumerate(MACS)],
        [Client(arch=0, mac=m, vendor_class=f"PXEClient {MACS[0].hex(':')}") for m in MACS],
        [Client(arch=0, mac=m, vendor_class=f"PXEClient {bytes(17).hex(':')}") for m in MACS],
        [Client(arch=0, mac=m, uuid=None) for m in MACS],
        [Client(arch=0, mac=m, uuid=bytes([n] * 16)) for n, m in enumerate(MACS)],
        [Client(arch=0, mac=m, extra={82: b"\1\6" + m}) for m in MACS],
        [Client(arch=0, mac=m, extra={82: b"\1\x0d" + m + bytes(7)}) for m in MACS],
    ],
    ids=[
        "UUID ends in MAC",
        "begins with it",
        "class has MAC",
        "class has UUID",
        "none",
        "usual",
        "82",
        "a long 82",
    ],
)
@pytest.mark.parametrize("line", ["", STATIC_UUID])
def test_each_client_has_its_own_names_in_the_log(clients: list[Client], line: str) -> None:
    answers = fog(line)
    for number, client in enumerate([*clients, *clients]):
        asked = client.discover()
        asked = asked[:4] + number.to_bytes(4) + asked[8:]
        assert list(described(answers, asked).details) == fresh_lines(answers, asked)


def test_each_client_s_address_is_in_the_line_of_what_it_chose() -> None:
    answers = fog("pxe-service=x86PC,A,a\n")
    for address in "10.88.0.50", "10.88.0.51":
        client = Client(arch=0, ciaddr=IPv4Address(address)).choosing(0x8000)
        asked = client.request(IPv4Address("10.88.0.1"))
        said = [line for line in described(answers, asked).details if "PXE(" in line]
        assert said == [f"{read(asked).xid} PXE(dqs0) {address} 52:54:00:12:34:56 a.0"]


def test_what_is_only_counted_has_no_lines() -> None:
    asked = Client(arch=0, vendor_class="MSFT 5.0").discover()
    assert described(fog(), asked).details == ()


def test_a_label_is_kept_once_however_many_machines_have_it() -> None:
    answers = fog()
    for number in range(50):
        answers.responder("dqs0").decide(behind_a_relay(number))
        answers.responder("dqs0").decide(Client(vendor_class=f"MSFT {number}").discover())
    assert len(answers.labels) == 3


@pytest.mark.parametrize(
    ("lines", "arch", "step"),
    [
        ("", 7, "4011"),
        ("", 0, "4011"),  # with a prompt dnsmasq names no server
        ("dhcp-boot=b,,10.88.0.9\n", 0, "fetch"),
        ("pxe-service=x86PC,A,a\npxe-service=x86PC,B,b\n", 0, "4011"),
        ("pxe-service=x86PC,Disk,0\npxe-service=x86PC,A,a\n", 0, "local"),
    ],
)
def test_the_log_knows_what_firmware_does_next(lines: str, arch: int, step: str) -> None:
    assert described(fog(lines), Client(arch=arch).discover()).next_step == step


def test_files_that_clients_think_of_leave_their_rule_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fastpxe.dnsmasq.engine.log_labels.FILES_MAX", 7)
    answers = fog("pxe-service=x86PC,A,a\n")
    for layer in range(20):
        item = b"\x47\4\x80\0" + layer.to_bytes(2)
        client = Client(arch=0, ciaddr=IPv4Address("10.88.0.50"), extra={43: item})
        answers.responder("dqs0").decide(client.request(IPv4Address("10.88.0.1")))
    labels = [answers.labels[number] for number in range(1, len(answers.labels))]
    assert {label.rule for label in labels} == {"fog.conf:6"}
    assert [label.file for label in labels] == [*(f"a.{n}" for n in range(6)), ""]


def test_a_request_for_an_address_is_for_another_server_and_decided_once() -> None:
    """It gets no answer; yet the journal needs it to know what became of a boot."""
    answers = fog()
    for number in range(3):
        own = IPv4Address(f"10.88.0.{100 + number}")
        extra = {50: own.packed, 54: bytes([10, 88, 0, 9])}
        client = Client(mac=bytes([2, 0, 0, 0, 0, number]), ciaddr=IPv4Address(0), extra=extra)
        asked = client.request(IPv4Address(0))
        assert described(answers, asked).reason == "for_other_server"
        verdict = answers.responder("dqs0").decide(asked)
        assert REASONS[verdict.reason] == "for_other_server"
    assert answers.responder("dqs0").hits == 5  # type: ignore[attr-defined] - see above


def test_silence_has_the_reason_that_both_configurations_share() -> None:
    assert described(fog("dhcp-ignore=tag:dqs0\n"), DISCOVER.datagram).reason == "denied"
