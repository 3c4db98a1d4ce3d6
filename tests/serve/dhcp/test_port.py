"""The batch path over real sockets on loopback: nothing lost, nothing answered twice."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest
from packets import OUR_ADDRESS, discover

from fastpxe._codec import REASONS
from fastpxe.dnsmasq.engine._answer_cache import AnswerCache
from fastpxe.dnsmasq.engine.cached_reply import CachedReply
from fastpxe.firmware.requests import Client
from fastpxe.net.interfaces import all_interfaces, select_interfaces
from fastpxe.net.sockets import open_port
from fastpxe.policy import compiler, config
from fastpxe.policy._respond import Policy
from fastpxe.serve.dhcp._port import DhcpPort
from fastpxe.serve.ipc._event_ring import EventRing

LOCALHOST = 0x7F000001
TEXT = '[[boot]]\narch = "uefi-x64"\nfile = "x64.efi"\n'


def native(text: str = TEXT) -> Policy:
    return compiler.build(config.parse(text, "test"), [OUR_ADDRESS]).native


class Wire:
    """A DhcpPort on loopback that believes to be port 4011, and a client that asks it."""

    def __init__(self) -> None:
        loopback = select_interfaces(("lo",), all_interfaces())[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            number = probe.getsockname()[1]
        self.server = open_port(loopback, number, receive_buffer=8 << 20)
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.client.bind(("127.0.0.2", 0))
        self.number = number
        self.ring = EventRing(1)
        # Loopback sources are never answered: replies are for tests/serve/dhcp/test_server.py.
        self.port = DhcpPort(
            self.server.fileno(), loopback.index, LOCALHOST, 0xFF000000, 4011, native(), self.ring
        )

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.client.sendto(datagram, ("127.0.0.1", self.number))

    def close(self) -> None:
        self.server.close()
        self.client.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def test_a_drain_reads_more_than_one_batch(wire: Wire) -> None:
    wire.send(*[b"short"] * 150)
    assert wire.port.drain() == 150
    assert wire.port.received == 150
    assert wire.port.counts()["short"] == 150


def test_a_drain_of_nothing_returns_at_once(wire: Wire) -> None:
    assert wire.port.drain() == 0


def test_a_drain_leaves_the_rest_for_the_next_turn(wire: Wire) -> None:
    wire.send(*[b"short"] * 1100)
    assert wire.port.drain() == 1024
    assert wire.port.drain() == 76


def test_a_datagram_longer_than_the_buffer_is_counted_not_read(wire: Wire) -> None:
    wire.send(discover(arch=7).ljust(2049, b"\0"))
    wire.port.drain()
    assert wire.port.counts()["too_long"] == 1
    assert wire.port.counts()["answered"] == 0


def test_every_datagram_has_one_reason(wire: Wire) -> None:
    wire.send(b"", b"x" * 300, discover(arch=7), discover(arch=7)[:240])
    wire.port.drain()
    assert sum(wire.port.counts().values()) == wire.port.received == 4


def test_a_new_policy_answers_from_the_next_drain_on(wire: Wire) -> None:
    other = native('[[boot]]\nfile = "other.efi"\n')
    wire.port.policy = other
    assert wire.port.policy is other


def asked_once() -> AnswerCache:
    """A cache in front of something that tells of every datagram, and answers none."""
    reason = REASONS.index("no_rule")
    return AnswerCache(
        lambda *_: CachedReply(reason=reason), on_error=lambda _: None, blanked=[50, 97],
        macs=[], identities=[], known_macs=[], networks=[], keeps_mac=False, keeps_ciaddr=False,
        seed=1,
    )  # fmt: skip


def machine(letter: str, tail: bytes = b"") -> bytes:
    client = Client(mac=letter.encode() * 6, uuid=letter.encode() * 16)
    return client.discover().removesuffix(b"\xff") + tail + b"\xff"


@pytest.mark.parametrize(
    ("datagram", "chaddr", "identity"),
    [
        (machine("B"), b"B" * 6, b"\0" + b"B" * 16),
        (machine("B", bytes(1650)), b"B" * 6, b"\0" + b"B" * 16),
        (machine("B")[:236], b"B" * 6, b""),
        (machine("B")[:236] + b"\x63\x82\x53\x64" + b"@" * 60, b"B" * 6, b""),
        (machine("B")[:30], b"", b""),
        (b"", b"", b""),
    ],
    ids=["plain", "long", "no options", "another cookie", "a stump", "empty"],
)
def test_a_decision_has_nothing_of_the_datagram_before(
    wire: Wire, datagram: bytes, chaddr: bytes, identity: bytes
) -> None:
    wire.port.policy = asked_once()
    for each in machine("A"), datagram:
        wire.send(each)
        wire.port.drain()
    before, told = wire.ring.take(9)
    assert before.chaddr == b"A" * 6
    assert (told.chaddr, told.identity) == (chaddr, identity)
    assert (told.xid, told.htype) == (before.xid if chaddr else 0, 1 if chaddr else 0)


def test_a_decision_has_the_address_that_a_machine_takes(wire: Wire) -> None:
    wire.port.policy = asked_once()
    addresses = [IPv4Address("10.0.0.5"), IPv4Address("10.0.0.6"), None]
    for address in addresses:
        extra = {50: address and address.packed, 54: bytes([10, 0, 0, 9])}
        client = Client(ciaddr=IPv4Address(0), extra=extra)
        wire.send(client.request(IPv4Address(0)))
    wire.port.drain()
    told = [decision.requested for decision in wire.ring.take(9)]
    assert told == [int(address or 0) for address in addresses]


def test_a_decision_has_its_request_and_how_that_came_in(wire: Wire) -> None:
    wire.port.policy = asked_once()
    address = IPv4Address("10.0.0.5")
    request = Client(arch=0, ciaddr=address, extra={82: bytes(200)}).request(address)
    wire.send(request)
    wire.port.drain()
    (decision,) = wire.ring.take(9)
    assert (IPv4Address(decision.ciaddr), decision.request) == (address, request)
    came = (IPv4Address(decision.source), decision.source_port, decision.port, decision.address)
    assert came == (*peer_of(wire), 4011, LOCALHOST)


def peer_of(wire: Wire) -> tuple[IPv4Address, int]:
    host, port = wire.client.getsockname()
    return IPv4Address(host), port


def test_a_port_is_made_once(wire: Wire) -> None:
    with pytest.raises(TypeError):
        wire.port.__init__(0, 1, 0, 0, 67, native(), wire.ring)  # type: ignore[misc] - the point is that a second call is refused


def test_a_port_needs_its_place_on_the_ring(wire: Wire) -> None:
    with pytest.raises(IndexError):
        DhcpPort(wire.server.fileno(), 1, LOCALHOST, 0, 67, native(), wire.ring, 1)
