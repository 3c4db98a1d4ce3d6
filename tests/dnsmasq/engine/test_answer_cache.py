"""The cache against the engine: random configurations and requests, other machines' names."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface
from random import Random

import pytest
from dnsmasq_live import INTERFACES, Datagram
from dnsmasq_random import RandomConfig, request

from fastpxe._codec import REASONS, Reason
from fastpxe.dhcp.constants import PXE_PORT
from fastpxe.dnsmasq.engine._answer_cache import AnswerCache
from fastpxe.dnsmasq.engine.backend import DnsmasqAnswers
from fastpxe.dnsmasq.engine.cached_reply import CachedReply
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine
from fastpxe.dnsmasq.engine.log_labels import rule_of
from fastpxe.dnsmasq.engine.log_lines import lines
from fastpxe.dnsmasq.engine.message import read
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import Interface
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.events import Decision
from fastpxe.firmware.requests import Client

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


@pytest.mark.gate
@pytest.mark.parametrize("seed", [*range(40), 208, 499])  # those two found faults
def test_the_cache_says_what_the_engine_says(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test case, not a secret
    config = RandomConfig(random)
    disk = Disk(lambda _: config.file.encode(), lambda _: None)
    parsed = read_config(["dnsmasq.conf"], arguments=["--no-hosts"], disk=disk)
    answers = DnsmasqAnswers(parsed, INTERFACES, seed=1)
    engine = Engine(parsed, INTERFACES)
    for xid in range(60):
        asked = request(random, xid, config.interface)
        for _ in range(4):
            check(answers, engine, config.interface, asked)
            asked = Datagram(
                asked.source, asked.source_port, asked.to, asked.to_port,
                renamed(asked.data, random),
            )  # fmt: skip


def check_log(answers: DnsmasqAnswers, engine: Engine, asked: Datagram) -> None:
    """The lines of an answer; those of silence are of the same make."""
    reason, _, to, to_port, _, _ = answers.responder("dqs0").decide(
        asked.data, port=asked.to_port, source=int(asked.source), source_port=asked.source_port
    )
    if reason:
        return
    decision = Decision(
        reason=0, message_type=1, ipxe=False, arch=0, rule=0, reply=0, to=to, to_port=to_port,
        siaddr=0, xid=0, interface=1, port=asked.to_port, htype=1, chaddr=b"", identity=b"",
        at_ns=0, request=asked.data, source=int(asked.source), source_port=asked.source_port,
    )  # fmt: skip
    arrival = Arrival(
        interface="dqs0", port=asked.to_port, source=asked.source, source_port=asked.source_port
    )
    message = read(asked.data)
    decided = engine.decide(engine.signature(message, arrival))
    described = answers.describe(decision, "dqs0", wants_details=True)
    assert described.details == tuple(lines(answers.config, message, decided))
    assert described.rule == rule_of(decided)
    assert answers.describe(decision, "dqs0", wants_details=False).details == ()


TWO_MASKS = (
    Interface(name="dqs0", networks=tuple(map(IPv4Interface, ("10.88.0.1/24", "10.88.0.3/25")))),
)
LINES = (
    "dhcp-circuitid=set:red,aa:bb:cc:dd",
    "dhcp-match=set:red,97,00:44",
    "dhcp-match=set:red,82",
    "dhcp-match=set:red,52",
    "dhcp-host=00:00:00:00:00:00,set:red",
    "dhcp-mac=set:red,52:54:00:*:*:*",
    "dhcp-vendorclass=set:red,UNDI",
    "pxe-service=x86-64_EFI,B,b.efi",
    "dhcp-range=10.88.5.0,proxy,255.255.255.0",
    "dhcp-range=tag:red,10.88.9.0,proxy,255.255.255.0",
)
ADDRESSES = ("0.0.0.0", "10.88.0.50", "10.88.0.200", "10.88.0.127", "10.88.5.1", "10.77.0.5")
RELAYED = (
    None, b"", b"\1", b"\xaa" * 200, b"\1\4\xaa\xbb\xcc\xdd", b"\1\4\xaa\xbb\xcc\xde",
    b"\5\4\x0a\x58\5\0", b"\5\4\x0a\x58\0\0", b"\5\4\0\0\0\0", b"\xff\5\4\x0a\x58\5",
    b"\0\5\4\x0a\x58\5\0", b"\5\3abc\5\4\x0a\x58\5\0",
)  # fmt: skip


class Kind:
    """Clients of one kind: their requests differ where a cache might take one for another."""

    def __init__(self, random: Random) -> None:
        self.pick = pick = random.choice
        self.random = random
        self.port = pick((67, PXE_PORT))
        options = [b"\x35\1" + bytes([pick((1, 3))]), b"\x5d\2\0" + bytes([pick((0, 7))])]
        options += [b"\x3c\x09PXEClient", b"\x61\x11\0" + pick((b"\x44", b"\x45")) * 16]
        options += [b"\x2b\x08\x47\4\x80\0\0" + pick((b"\0", b"\1")) + b"\xff"] * pick((0, 0, 1))
        options += [b"\x39\2" + pick((b"\2\x40", b"\4\xec"))] * pick((0, 1))
        options += [b"\x32\4\x0a\x58\0\x33"] * pick((0, 0, 0, 1))
        options += [b"\5\4\x0a\x58\5\0"] * pick((0, 0, 0, 1))
        self.relayed = random.sample(RELAYED, 4)
        self.addresses = [IPv4Address(a) for a in ("0.0.0.0", *random.sample(ADDRESSES, 2))]
        self.options = random.sample(options, len(options)) if pick((0, 1)) else options

    def request(self) -> Datagram:
        pick = self.pick
        relayed = [pick(self.relayed), pick((None, None, None, b"\1\1a"))]
        options = [
            *self.options,
            *(b"\x52" + bytes([len(v)]) + v for v in relayed if v is not None),
        ]
        pads = (b"", b"", b"", bytes(1), bytes(290), bytes(400))
        body = b"".join(one + pick(pads) * pick((0, 0, 0, 0, 1)) for one in options)
        body += pick((b"\xff", b"\xff", b"\xff", b"")) + pick((b"", b"", bytes(9), b"\x52\1a"))
        source, giaddr, ciaddr = (pick(self.addresses) for _ in range(3))
        mac = pick((bytes(6), bytes.fromhex("525400123456"), bytes.fromhex("020000000001")))
        data = b"".join((
            bytes([1, *pick(((1, 6), (1, 6), (1, 6), (32, 0), (1, 16))), 0]),
            self.random.randbytes(6), pick((b"\0\0", b"\x80\0")), ciaddr.packed, bytes(8),
            giaddr.packed, mac.ljust(16, b"\0"),
            pick((bytes(192), body[:192].ljust(192, b"\0"))), b"\x63\x82\x53\x63", body,
        ))  # fmt: skip
        data = data[: pick((len(data),) * 30 + (30, 236, 240, 250))]
        return Datagram(source, pick((68, 4011)), IPv4Address("10.88.0.1"), self.port, data)


@pytest.mark.gate
@pytest.mark.parametrize("seed", range(40))
def test_a_warm_cache_says_of_related_requests_what_the_engine_says(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test case, not a secret
    some = random.sample(LINES, random.randrange(len(LINES)))
    text = "\n".join((
        "port=0", "log-dhcp", "dhcp-range=10.88.0.0,proxy", "dhcp-boot=f", "dhcp-boot=tag:red,red",
        "pxe-service=x86PC,A,a", "pxe-prompt=P,0", *some,
    ))  # fmt: skip
    disk = Disk(lambda _: text.encode(), lambda _: None)
    parsed = read_config(["dnsmasq.conf"], arguments=["--no-hosts"], disk=disk)
    answers = DnsmasqAnswers(parsed, TWO_MASKS, seed=1)
    engine = Engine(parsed, TWO_MASKS)
    kinds = [Kind(random) for _ in range(4)]
    for _ in range(400):
        asked = random.choice(kinds).request()
        check(answers, engine, "dqs0", asked)
        check_log(answers, engine, asked)


def plain(options: bytes, fields: bytes = b"") -> Datagram:
    header = bytes.fromhex("010106").ljust(28, b"\0") + bytes.fromhex("525400123456")
    data = header.ljust(44, b"\0") + fields.ljust(192, b"\0") + b"\x63\x82\x53\x63" + options
    return Datagram(IPv4Address(0), 68, IPv4Address("255.255.255.255"), 67, data)


OURS = b"\x35\1\1\x5d\2\0\0\x3c\x09PXEClient"


@pytest.mark.parametrize(
    ("forged", "asked"),
    [
        (OURS + b"\x52\1a" + bytes(300) + b"\xff", OURS + b"\x52\1a\xff"),
        (b"\x36\0\xff", (OURS + b"\xc8\xac".ljust(174, b"\0"), b"\x36\0\xff")),
    ],
    ids=["END", "sname"],
)
def test_a_forged_request_is_not_taken_for_another(
    forged: bytes, asked: bytes | tuple[bytes, bytes]
) -> None:
    """What a request has where the engine doesn't look must not stand in for what another has."""
    client = plain(asked) if isinstance(asked, bytes) else plain(b"".join(asked))
    forger = plain(forged) if isinstance(asked, bytes) else plain(forged, asked[0])
    text = "port=0\ndhcp-range=10.88.0.0,proxy\ndhcp-boot=f\npxe-prompt=P,0\n"
    disk = Disk(lambda _: text.encode(), lambda _: None)
    parsed = read_config(["dnsmasq.conf"], arguments=["--no-hosts"], disk=disk)
    answers, engine = DnsmasqAnswers(parsed, TWO_MASKS, seed=1), Engine(parsed, TWO_MASKS)
    check(answers, engine, "dqs0", forger)
    check(answers, engine, "dqs0", client)


def test_a_ciaddr_is_judged_by_the_netmask_of_the_range_s_own_interface_address() -> None:
    text = "port=0\ndhcp-range=10.88.0.0,proxy\npxe-service=x86PC,A,a\n"
    disk = Disk(lambda _: text.encode(), lambda _: None)
    parsed = read_config(["dnsmasq.conf"], arguments=["--no-hosts"], disk=disk)
    answers, engine = DnsmasqAnswers(parsed, TWO_MASKS, seed=1), Engine(parsed, TWO_MASKS)
    source, own = IPv4Address("10.88.0.60"), IPv4Address("10.88.0.1")
    for ciaddr in "10.77.0.5", "10.88.0.200":
        client = Client(arch=0, ciaddr=IPv4Address(ciaddr)).choosing(0x8000)
        check(answers, engine, "dqs0", Datagram(source, 4011, own, PXE_PORT, client.request(own)))


def broken(*_: object) -> CachedReply:
    raise ValueError("a fault of ours")


def cache(**changes: object) -> AnswerCache:
    rules: dict[str, object] = {
        "blanked": (), "macs": (), "identities": (), "known_macs": (), "networks": (),
        "keeps_mac": False, "keeps_ciaddr": False, "seed": 1, "on_error": lambda _: None,
        "ask": broken,
    }  # fmt: skip
    return AnswerCache(**(rules | changes))  # type: ignore[arg-type] - of many types


@pytest.mark.parametrize("ask", [broken, lambda *_: None, lambda *_: CachedReply(reason=999)])
def test_an_error_of_the_engine_has_its_own_reason_and_is_reported(
    ask: Callable[..., CachedReply],
) -> None:
    """Whether it comes from the engine, or from what the engine returned."""
    errors: list[Exception] = []
    made = cache(ask=ask, on_error=errors.append)
    for _ in range(2):
        reason, reply, *_ = made.decide(bytes(300))
        assert (Reason(reason), reply) == (Reason.ENGINE_ERROR, b"")
    assert len(errors) == 2


def test_an_error_that_cannot_be_reported_ends_there() -> None:
    made = cache(on_error=broken)
    assert made.decide(bytes(300)).reason == Reason.ENGINE_ERROR


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
