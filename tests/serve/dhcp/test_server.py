"""The DHCP sockets over real cables: statements A5, A8, A9, A16, A17 and P24, events and reload.

A server and a client, each in a network namespace, with two cables between them. Both sides live
in this process, and one event loop turns them: nothing here waits for a time to pass.
"""
# ruff: noqa: N802 - A05 and the like are the numbers of the protocol statements

import asyncio
import errno
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from typing import NamedTuple

import pytest
import uvloop
from netns import CLONE_NEWNET, Namespace, check, in_a_thread, libc
from packets import Reply, discover, discovery, request_4011, tlv

from fastpxe._codec import REASONS
from fastpxe.backend import NativeAnswers
from fastpxe.events import Answered, Event, Ignored
from fastpxe.net.interfaces import Interface
from fastpxe.net.sockets import join_group, open_port
from fastpxe.policy import compiler, config
from fastpxe.serve.dhcp._port import DhcpPort
from fastpxe.serve.dhcp.server import DhcpServer, DhcpSocket
from fastpxe.serve.ipc._event_ring import EventRing
from fastpxe.serve.ipc.event_channel import EventChannel, EventReader

pytestmark = pytest.mark.netns

SERVER, SECOND, OTHER_CABLE = map(IPv4Address, ("10.99.0.1", "10.99.0.9", "10.98.0.1"))
CLIENT, OTHER_CLIENT = map(IPv4Address, ("10.99.0.2", "10.98.0.2"))
GROUP = "224.0.1.2"
EVERYONE = "255.255.255.255"
LIMIT_S = 10
BUFFER = 16 << 20

TEXT = '[[boot]]\nname = "x64"\narch = "uefi-x64"\nfile = "x64.efi"\n'
OTHER_TEXT = TEXT.replace("x64.efi", "other.efi").replace('"x64"', '"other"')


class Heard(NamedTuple):
    reply: Reply
    source: tuple[str, int]


class Client:
    """A UDP socket in the client's namespace, on one cable and one port."""

    def __init__(self, wire: "Wire", cable: str, port: int) -> None:
        self.loop = wire.loop
        self.sock = wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, cable.encode())
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.sock.bind(("", port))

    def send(self, *datagrams: bytes, to: IPv4Address | str = EVERYONE, port: int = 67) -> None:
        for datagram in datagrams:
            self.sock.sendto(datagram, (str(to), port))

    def hear(self) -> Heard:
        """The next datagram that comes in."""
        self.loop.run_until_complete(asyncio.wait_for(self.readable(), LIMIT_S))
        payload, (host, port) = self.sock.recvfrom(2048)
        return Heard(Reply(payload), (host, port))

    def hear_up_to(self, xid: int) -> list[int]:
        """The xid of every reply up to that to the request `xid`, this one included."""
        heard = [self.hear().reply.number("xid")]
        while heard[-1] != xid:
            heard.append(self.hear().reply.number("xid"))
        return heard

    async def readable(self) -> None:
        came = self.loop.create_future()
        self.loop.add_reader(self.sock, came.set_result, None)
        try:
            await came
        finally:
            self.loop.remove_reader(self.sock)


class Cables:
    """Two namespaces, eth0 of one on eth0 of the other, and eth1 on eth1."""

    def __init__(self) -> None:
        self.server = Namespace()
        self.client = Namespace()
        for cable in ("eth0", "eth1"):
            self.server.ip(f"link add {cable} type veth peer name {cable} netns {self.client.path}")
        self.server.ip(f"addr add {SERVER}/24 dev eth0\naddr add {SECOND}/24 dev eth0")
        self.server.ip(f"addr add {OTHER_CABLE}/24 dev eth1")
        self.client.ip(f"addr add {CLIENT}/24 dev eth0\naddr add {OTHER_CLIENT}/24 dev eth1")
        for namespace in (self.server, self.client):
            namespace.ip("link set eth0 up\nlink set eth1 up")
        limit = time.monotonic() + LIMIT_S
        while not (self.are_up(self.server) and self.are_up(self.client)):
            assert time.monotonic() < limit, "the cables never came up"
            time.sleep(0.02)

    @staticmethod
    def are_up(namespace: Namespace) -> bool:
        return namespace.run("ip", "link").count("LOWER_UP> mtu 1500 qdisc noqueue state UP") == 2

    def close(self) -> None:
        for namespace in (self.server, self.client):
            os.close(namespace.fd)


class Wire:
    """What one test runs at the ends of the cables."""

    def __init__(self, cables: Cables) -> None:
        self.loop = uvloop.new_event_loop()
        self.server = cables.server
        self.client = cables.client
        self.told: list[Event] = []
        self.sockets: list[DhcpSocket] = []
        self.clients: list[Client] = []
        self.channels: list[EventChannel] = []
        self.running: DhcpServer | None = None

    def serve(self, text: str = TEXT, *, group: str | None = None) -> DhcpServer:
        read = config.parse(text, "test.toml")

        def enter_and_open() -> list[DhcpSocket]:
            check(libc.setns(self.server.fd, CLONE_NEWNET))
            return [
                DhcpSocket(interface, port, open_port(interface, port, receive_buffer=BUFFER))
                for interface in (
                    interface_of("eth0", SERVER, SECOND),
                    interface_of("eth1", OTHER_CABLE),
                )
                for port in read.dhcp.ports
            ]

        self.sockets = in_a_thread(enter_and_open)
        if group:
            for one in self.sockets:
                if one.port == 4011:
                    join_group(one.sock, one.interface, group)
        answers = compiled(text)
        self.ring = EventRing(len(self.sockets))
        names = {s.interface.index: s.interface.name for s in self.sockets}
        self.channels.append(EventChannel())
        self.reader = EventReader(
            self.ring,
            self.channels[-1],
            names,
            answers,
            self.told.append,
            wants_details=lambda: True,
        )
        self.running = DhcpServer(self.loop, self.sockets, answers, self.ring)
        return self.running

    def counts(self) -> Counter[str]:
        """Of all sockets together."""
        total: Counter[str] = Counter()
        for port in range(len(self.sockets)):
            total.update(self.ring.counts(port))
        return total

    def socket(self, cable: str = "eth0", port: int = 68) -> Client:
        client = Client(self, cable, port)
        self.clients.append(client)
        return client

    def stop(self) -> None:
        if self.running is not None:
            self.running.close()
            self.reader.read(100_000)
            self.running = None

    def close(self) -> None:
        self.stop()
        for channel in self.channels:
            channel.close()
        for sock in [*(one.sock for one in self.sockets), *(one.sock for one in self.clients)]:
            sock.close()
        self.loop.close()


def interface_of(name: str, *addresses: IPv4Address) -> Interface:
    networks = tuple(IPv4Interface((address, 24)) for address in addresses)
    return Interface(name=name, index=socket.if_nametoindex(name), networks=networks, mtu=1500)


def compiled(text: str) -> NativeAnswers:
    own = [SERVER, SECOND, OTHER_CABLE]
    addresses = {"eth0": SERVER, "eth1": OTHER_CABLE}
    return NativeAnswers(compiler.build(config.parse(text, "test.toml"), own), addresses)


@pytest.fixture(scope="module")
def cables() -> Iterator[Cables]:
    cables = Cables()
    yield cables
    cables.close()


@pytest.fixture
def wire(cables: Cables) -> Iterator[Wire]:
    wire = Wire(cables)
    yield wire
    wire.close()


# --- A: where replies come from, and where they go -----------------------------------------------


def test_A05_an_offer_comes_from_port_67(wire: Wire) -> None:
    wire.serve()
    client = wire.socket()
    client.send(discover())
    assert client.hear().source == (str(SERVER), 67)


def test_A06_an_ack_comes_from_port_4011_to_the_port_that_asked(wire: Wire) -> None:
    wire.serve()
    client = wire.socket(port=4011)
    client.send(request_4011(ciaddr=CLIENT), to=SERVER, port=4011)
    assert client.hear().source == (str(SERVER), 4011)


@pytest.mark.parametrize("address", [SERVER, SECOND])
def test_A08_a_reply_comes_from_the_address_that_was_asked(
    wire: Wire, address: IPv4Address
) -> None:
    wire.serve()
    client = wire.socket(port=4011)
    client.send(request_4011(ciaddr=CLIENT), to=address, port=4011)
    heard = client.hear()
    assert (heard.source, heard.reply.server_id) == ((str(address), 4011), address)


def test_A08_a_relay_that_asks_a_second_address_is_answered_from_it(wire: Wire) -> None:
    wire.serve()
    relay = wire.socket(port=67)
    relay.send(discover(giaddr=CLIENT), to=SECOND)
    heard = relay.hear()
    assert (heard.source, heard.reply.server_id) == ((str(SECOND), 67), SECOND)


@pytest.mark.parametrize(("cable", "address"), [("eth0", SERVER), ("eth1", OTHER_CABLE)])
def test_A09_the_address_in_a_reply_is_that_of_the_cable(
    wire: Wire, cable: str, address: IPv4Address
) -> None:
    wire.serve()
    client = wire.socket(cable)
    client.send(discover())
    heard = client.hear()
    found = (heard.source[0], heard.reply.server_id, heard.reply.siaddr)
    assert found == (str(address), address, address)


def test_A09_a_broadcast_is_answered_on_its_own_cable_alone(wire: Wire) -> None:
    wire.serve()
    clients = [wire.socket("eth0"), wire.socket("eth1")]
    for xid, client in enumerate(clients):
        client.send(discover(xid=xid))
    assert [client.hear_up_to(xid) for xid, client in enumerate(clients)] == [[0], [1]]


def test_A16_beside_a_dhcp_server_that_owns_67_it_serves_4011_alone(wire: Wire) -> None:
    with wire.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as dhcp_server:
        dhcp_server.bind(("", 67))
        wire.serve("[dhcp]\nports = [4011]\n" + TEXT)
        client = wire.socket(port=4011)
        client.send(request_4011(ciaddr=CLIENT), to=SERVER, port=4011)
        assert client.hear().reply.file == "x64.efi"


def test_A17_multicast_discovery_is_answered_by_unicast_to_its_source(wire: Wire) -> None:
    wire.serve(group=GROUP)
    client = wire.socket(port=4011)
    client.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, CLIENT.packed)
    client.send(discovery(0, ciaddr=CLIENT), to=GROUP, port=4011)
    heard = client.hear()
    assert (heard.source, heard.reply.vendor) == ((str(SERVER), 4011), [(71, bytes(4))])


def test_a_client_that_has_an_address_is_answered_there(wire: Wire) -> None:
    wire.serve()
    client = wire.socket(port=1068)
    client.send(discover(ciaddr=CLIENT), to=SERVER)
    assert client.hear().reply.file == "x64.efi"


# --- P24: one request, one reply -----------------------------------------------------------------


def test_P24_each_request_of_a_storm_gets_exactly_one_reply(wire: Wire) -> None:
    wire.serve()
    client = wire.socket()
    client.send(*(discover(xid=xid) for xid in range(1500)))
    assert client.hear_up_to(1499) == list(range(1500))
    assert wire.counts()["answered"] == 1500


@pytest.mark.parametrize(
    ("silent", "reason"),
    [
        (b"", "short"),
        (discover(options={60: None}), "not_pxe"),
        (discover(op=2), "not_a_request"),
        (request_4011(options={54: CLIENT.packed}), "for_other_server"),
        (discover(27), "unknown_arch"),
        (discover().ljust(4000, b"\0"), "too_long"),
    ],
)
def test_P24_a_request_that_is_not_ours_gets_no_reply(
    wire: Wire, silent: bytes, reason: str
) -> None:
    wire.serve()
    client = wire.socket()
    client.send(silent, discover(xid=1))
    assert client.hear_up_to(1) == [1]
    assert +wire.counts() == {"answered": 1, reason: 1}


def test_the_address_that_a_machine_takes_is_told(wire: Wire) -> None:
    wire.serve()
    client = wire.socket()
    takes = {50: CLIENT.packed, 54: OTHER_CLIENT.packed}
    client.send(request_4011(options=takes, ciaddr=IPv4Address(0)))
    client.send(request_4011(options={54: OTHER_CLIENT.packed}, ciaddr=IPv4Address(0)))
    client.send(discover(xid=1))
    assert client.hear_up_to(1) == [1]
    told = [(one.reason, one.requested) for one in wire.ring.take(9)]
    takes_one = REASONS.index("for_other_server")
    assert told == [(takes_one, int(CLIENT)), (takes_one, 0), (0, 0)]


def test_a_delayed_reply_keeps_nobody_waiting(wire: Wire) -> None:
    wire.serve('[[boot]]\narch = "bios"\nfile = "late"\nreply_delay_s = 0.2\n' + TEXT)
    client = wire.socket()
    client.send(discover(0, xid=1), discover(7, xid=2))
    assert client.hear_up_to(1) == [2, 1]


def test_a_reply_is_held_back_for_a_part_of_a_second(wire: Wire) -> None:
    wire.serve()
    wire.stop()
    port = port_of(wire, '[[boot]]\nfile = "late"\nreply_delay_s = 0.25\n', EventRing())
    wire.socket().send(discover(xid=1))
    port.drain()
    assert [held.delay_s for held in port.delayed] == [0.25]


def test_a_delayed_reply_that_cannot_be_sent_is_counted(wire: Wire) -> None:
    wire.serve('[[boot]]\narch = "bios"\nfile = "late"\nreply_delay_s = 0.1\n' + TEXT)
    client = wire.socket()
    client.send(discover(0, xid=1), to=SECOND)
    client.send(discover(7, xid=2))
    client.hear()  # both were decided, one is held
    wire.server.ip(f"addr del {SECOND}/24 dev eth0")
    try:
        client.send(discover(0, xid=3))
        assert client.hear_up_to(3) == [3]
    finally:
        wire.server.ip(f"addr add {SECOND}/24 dev eth0")
    assert +wire.counts() == {"answered": 3, "unsent": 1}


def test_of_a_flood_only_so_many_replies_are_held(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastpxe.serve.dhcp.server.HELD_MAX", 3)
    wire.serve('[[boot]]\narch = "bios"\nfile = "late"\nreply_delay_s = 0.1\n' + TEXT)
    client = wire.socket()
    client.send(*[discover(0, xid=xid) for xid in range(1, 9)])
    heard = {client.hear().reply.number("xid") for _ in range(3)}
    client.send(discover(0, xid=9))  # there is room again
    assert client.hear_up_to(9)[-1] == 9
    assert len(heard) == 3
    assert +wire.counts() == {"answered": 9, "unsent": 5}


def test_a_client_in_the_middle_of_its_boot_goes_before_a_storm(wire: Wire) -> None:
    wire.serve()
    asking, booting = wire.socket(), wire.socket(port=4011)
    asking.send(discover(xid=0))
    asking.hear()  # from here on the event loop knows the sockets in the order of their packets
    asking.send(*[discover(xid=number) for number in range(1, 641)])
    booting.send(request_4011(ciaddr=CLIENT), to=SERVER, port=4011)
    asking.hear_up_to(640)
    decided = [decision.port for decision in wire.ring.take(1000)]
    assert decided == [67, 4011, *[67] * 640]


def test_a_reply_that_cannot_be_sent_is_counted_and_the_rest_still_goes(wire: Wire) -> None:
    wire.serve()
    client = wire.socket()
    client.send(discover(xid=1), to=SECOND)
    client.hear()
    client.send(discover(xid=2), to=SECOND)
    client.send(discover(xid=3))
    # Both wait to be read while the address goes that the first must be answered from.
    wire.server.ip(f"addr del {SECOND}/24 dev eth0")
    try:
        assert client.hear_up_to(3) == [3]
    finally:
        wire.server.ip(f"addr add {SECOND}/24 dev eth0")
    assert +wire.counts() == {"answered": 3, "unsent": 1}
    told = {decision.xid: decision.error for decision in wire.ring.take(10)}
    assert told == {1: 0, 2: errno.ENETUNREACH, 3: 0}


# --- what is told --------------------------------------------------------------------------------


def test_an_answer_is_told_with_who_asked_and_what_was_said(wire: Wire) -> None:
    wire.serve()
    client = wire.socket()
    client.send(discover(xid=7))
    client.hear()
    wire.stop()
    (event,) = wire.told
    assert isinstance(event, Answered)
    told = (event.interface, event.rule, event.file, event.server, event.to)
    assert told == ("eth0", "x64", "x64.efi", SERVER, (IPv4Address(EVERYONE), 68))
    sender = event.sender
    asked = (sender.mac, sender.xid, sender.port, sender.message_type, sender.arch, sender.ipxe)
    assert asked == ("52:54:00:12:34:56", 7, 67, 1, 7, False)


def test_a_long_name_is_told_though_it_stands_in_option_67(wire: Wire) -> None:
    wire.serve(TEXT.replace("x64.efi", "d/" * 70 + "x64.efi"))
    client = wire.socket()
    client.send(discover())
    client.hear()
    wire.stop()
    assert [event.file for event in wire.told if isinstance(event, Answered)] == [
        "d/" * 70 + "x64.efi"
    ]


@pytest.mark.parametrize("value", [bytes(255), b"\1", b"\0" + b"\x44" * 16])
def test_option_97_is_told_whole(wire: Wire, value: bytes) -> None:
    wire.serve()
    client = wire.socket()
    client.send(discover(options={97: value}))
    client.hear()
    wire.stop()
    assert [event.sender.uuid for event in wire.told if isinstance(event, Answered)] == [value]


@pytest.mark.parametrize(
    ("silent", "reason"),
    [
        (discover(27), "unknown_arch"),
        (request_4011(options={54: SERVER.packed}, ciaddr=IPv4Address(0)), "chose_us"),
    ],
)
def test_silence_that_an_operator_can_act_on_is_told(
    wire: Wire, silent: bytes, reason: str
) -> None:
    wire.serve()
    client = wire.socket()
    client.send(silent, discover(xid=1))
    client.hear_up_to(1)
    wire.stop()
    assert [event.reason for event in wire.told if isinstance(event, Ignored)] == [reason]


def test_other_peoples_traffic_is_not_told(wire: Wire) -> None:
    wire.serve()
    client = wire.socket()
    client.send(b"", discover(options={60: None}), discover(xid=1))
    client.hear_up_to(1)
    wire.stop()
    assert [type(event) for event in wire.told] == [Answered]


def port_of(wire: Wire, text: str, ring: EventRing) -> DhcpPort:
    """Return port 67 of eth0, to be drained by hand."""
    one = next(s for s in wire.sockets if (s.interface.name, s.port) == ("eth0", 67))
    network = one.interface.networks[0]
    return DhcpPort(
        one.sock.fileno(),
        one.interface.index,
        int(network.ip),
        int(network.netmask),
        67,
        compiled(text).responder("eth0"),
        ring,
    )


def test_a_full_ring_keeps_the_oldest_and_counts_what_is_lost(wire: Wire) -> None:
    wire.serve()
    wire.stop()
    ring = EventRing(1, 4096)
    port = port_of(wire, TEXT, ring)
    wire.socket().send(*(discover(xid=xid) for xid in range(30)))
    port.drain()
    assert len(ring) + ring.lost == 30
    kept = [decision.xid for decision in ring.take(99)]
    assert kept == list(range(30 - ring.lost))
    assert 0 < len(kept) < 30


# --- close ----------------------------------------------------------------------------


def test_a_closed_server_listens_no_more(wire: Wire) -> None:
    wire.serve()
    wire.stop()
    on_67, on_4011 = (one for one in wire.sockets if one.interface.name == "eth0")
    wire.running = DhcpServer(wire.loop, [on_4011], compiled(TEXT), wire.ring)
    client = wire.socket(port=4011)
    client.send(discover())
    client.send(request_4011(ciaddr=CLIENT), to=SERVER, port=4011)
    client.hear()  # the loop has turned
    assert on_67.sock.recv(2048) == discover()


def test_a_relays_option_82_comes_back_to_it(wire: Wire) -> None:
    wire.serve()
    relay = wire.socket(port=67)
    relay.send(discover(giaddr=CLIENT, options={82: tlv(1, b"port 7")}), to=SERVER)
    assert relay.hear().reply.options[82] == tlv(1, b"port 7")
