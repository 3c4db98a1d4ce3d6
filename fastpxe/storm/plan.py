"""The plan of a rehearsed boot storm: who boots, when, and what each of them sends.

Sources: captures of EDK2 2022.11 and iPXE 2019-01 (messages, and when they are repeated), PXE 2.1
section 2.2.3 (a BIOS ROM waits 4, 8 and 16 s like EDK2), RFC 768 and 791 (the frame's headers).
"""

import struct
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

import msgspec

from fastpxe.dhcp.constants import (
    ARCH_NAMES,
    DHCP_CLIENT_PORT,
    DHCP_SERVER_PORT,
    HTTP_ARCHES,
    PXE_PORT,
    MessageType,
)
from fastpxe.errors import FastpxeError
from fastpxe.firmware.offers import Firmware
from fastpxe.firmware.requests import Client

Via = Literal["broadcast", "relay", "4011"]

MAX_CLIENTS = 100_000
MAX_RATE = 10_000_000
MAX_SENDING_S = 600
MAX_KINDS = 16
DEFAULT_MIX = "uefi-x64:70,bios:30"

MAC_PREFIX = bytes.fromhex("02fa57")
"""Locally administered, so no real machine has it; the client's number is the rest."""
UUID_PREFIX = bytes.fromhex("02fa5700000040008000000000")

BROADCAST_MAC = b"\xff" * 6
_NOWHERE = IPv4Address(0)
_EVERYONE = IPv4Address("255.255.255.255")
_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!4H")
_IPV4_TYPE, _UDP_PROTOCOL, _DONT_FRAGMENT, _TTL = 0x0800, 17, 0x4000, 64

# Seconds after the first request at which an unanswered client repeats it.
_EDK2_DISCOVERS, _EDK2_REQUESTS = (0, 4, 12, 28), (0, 1, 3, 6)
_IPXE_DISCOVERS, _IPXE_REQUESTS = (0, 1, 3, 7), (0, 0.23, 0.78, 1.82)

SOURCE_PORT = {"broadcast": DHCP_CLIENT_PORT, "relay": DHCP_SERVER_PORT, "4011": PXE_PORT}
DESTINATION_PORT = {"broadcast": DHCP_SERVER_PORT, "relay": DHCP_SERVER_PORT, "4011": PXE_PORT}
ANSWER = {"broadcast": MessageType.OFFER, "relay": MessageType.OFFER, "4011": MessageType.ACK}


class BadPlan(FastpxeError):  # noqa: N818 - what it is
    """A storm that can't be rehearsed as described."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Clients of one firmware, and their weight in the mix."""

    name: str
    arch: int
    ipxe: bool
    weight: int

    @property
    def firmware(self) -> Firmware:
        return Client(arch=self.arch, ipxe=self.ipxe).firmware

    def tries_s(self, via: Via) -> tuple[float, ...]:
        """When its firmware asks: seconds after its first request."""
        if via == "4011":
            return _IPXE_REQUESTS if self.ipxe else _EDK2_REQUESTS
        return _IPXE_DISCOVERS if self.ipxe else _EDK2_DISCOVERS


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A storm. Raises BadPlan when it isn't one.

    rate: first requests a second, 0 for all at once. server: who is asked; None asks everyone, by
    broadcast. retries: unanswered clients repeat as their firmware does. wait_s: how long an
    answer is waited for, after the last request or answer.
    """

    kinds: tuple[Kind, ...]
    clients: int
    rate: float = 0
    via: Via = "broadcast"
    server: IPv4Address | None = None
    retries: bool = False
    wait_s: float = 3

    def __post_init__(self) -> None:
        if not 1 <= self.clients <= MAX_CLIENTS:
            raise BadPlan(f"--clients is 1 to {MAX_CLIENTS:,}")
        if self.rate and not 1 <= self.rate <= MAX_RATE:
            raise BadPlan(f"--rate is 1 to {MAX_RATE:,} requests a second")
        if self.rate and self.clients / self.rate > MAX_SENDING_S:
            raise BadPlan(
                f"that takes longer than {MAX_SENDING_S} s: fewer --clients or more --rate"
            )
        if self.via == "broadcast" and self.server is not None:
            raise BadPlan("a broadcast reaches every server: --server needs --via relay or 4011")
        if self.via != "broadcast" and self.server is None:
            raise BadPlan(f"--via {self.via} needs --server ADDRESS")
        if self.via == "4011" and any(kind.arch in HTTP_ARCHES for kind in self.kinds):
            raise BadPlan("HTTP Boot clients never ask port 4011")


class Template(NamedTuple):
    """Client 0's request, and where in it 3 bytes name the client."""

    message: bytes
    holes: tuple[int, ...]


class Wave(NamedTuple):
    """One pass over the clients: what of `kinds` (a bit for each) is unanswered asks again."""

    offset_ns: int
    kinds: int
    secs: int


def parse_mix(text: str) -> tuple[Kind, ...]:
    """Read "uefi-x64:70,bios:20,bios+ipxe:10": architectures and weights. Raises ValueError."""
    kinds = tuple(_parse_kind(part.strip()) for part in text.split(","))
    if len({kind.name for kind in kinds}) < len(kinds):
        raise ValueError(f"{text!r} names a client twice")
    if len(kinds) > MAX_KINDS:
        raise ValueError(f"a mix has at most {MAX_KINDS} clients")
    return kinds


def _parse_kind(text: str) -> Kind:
    name, colon, weight = text.partition(":")
    arch, plus, suffix = name.partition("+")
    if arch not in ARCH_NAMES or (plus and suffix != "ipxe"):
        known = ", ".join(ARCH_NAMES)
        raise ValueError(f"no client {name!r}; known, each also with +ipxe: {known}")
    if colon and not (weight.isascii() and weight.isdigit() and 1 <= int(weight) <= 1000):
        raise ValueError(f"{text!r}: a weight is 1 to 1000")
    return Kind(
        name=name, arch=ARCH_NAMES[arch][0], ipxe=bool(plus), weight=int(weight) if colon else 1
    )


def kind_of_each(plan: Plan) -> bytes:
    """The kind of every client, by number, evenly mixed: any run of them has the mix's shares."""
    total = sum(kind.weight for kind in plan.kinds)
    owed = [0] * len(plan.kinds)
    turn = bytearray()
    for _ in range(min(total, plan.clients)):
        owed = [debt + kind.weight for debt, kind in zip(owed, plan.kinds, strict=True)]
        chosen = owed.index(max(owed))
        owed[chosen] -= total
        turn.append(chosen)
    return bytes(turn * (plan.clients // len(turn) + 1))[: plan.clients]


def client(kind: Kind, plan: Plan, own: IPv4Address, number: int) -> Client:
    """Client `number`. `own` is this machine's address: its relay's, or its own once it has one."""
    name = number.to_bytes(3)
    return Client(
        arch=kind.arch,
        ipxe=kind.ipxe,
        mac=MAC_PREFIX + name,
        uuid=UUID_PREFIX + name,
        giaddr=own if plan.via == "relay" else _NOWHERE,
        ciaddr=own,
    )


def message(kind: Kind, plan: Plan, own: IPv4Address, number: int) -> bytes:
    """What client `number` sends."""
    asking = client(kind, plan, own, number)
    if plan.via == "4011" and plan.server is not None:
        return asking.request(plan.server)
    return asking.discover()


def template(make: Callable[[int], bytes]) -> Template:
    """Holes are where the requests of two clients differ in every byte of their number."""
    first, other = make(0), make(0xFFFFFF)
    differ = [at for at, (a, b) in enumerate(zip(first, other, strict=True)) if a != b]
    return Template(first, tuple(differ[::3]))


def waves(plan: Plan) -> tuple[Wave, ...]:
    """When who asks, relative to each client's own first request."""
    masks: dict[float, int] = {}
    for number, kind in enumerate(plan.kinds):
        for offset_s in kind.tries_s(plan.via) if plan.retries else (0,):
            masks[offset_s] = masks.get(offset_s, 0) | 1 << number
    return tuple(Wave(round(at * 1e9), mask, int(at)) for at, mask in sorted(masks.items()))


def headers(plan: Plan, size: int, *, own: IPv4Address, own_mac: bytes, server_mac: bytes) -> bytes:
    """Ethernet, IPv4 and UDP in front of a message of `size` bytes.

    The sender is this machine's own MAC, whatever chaddr says: a switch would take thousands of
    new ones on a port for an attack. No UDP checksum, which RFC 768 allows: each would differ.
    """
    is_broadcast = plan.server is None
    source = _NOWHERE if is_broadcast else own
    destination = plan.server or _EVERYONE
    udp = _UDP.pack(SOURCE_PORT[plan.via], DESTINATION_PORT[plan.via], size + _UDP.size, 0)
    fields = [0x45, 0, size + _UDP.size + _IPV4.size, 0, _DONT_FRAGMENT, _TTL, _UDP_PROTOCOL, 0]
    fields[7] = _checksum(_IPV4.pack(*fields, source.packed, destination.packed))
    ip = _IPV4.pack(*fields, source.packed, destination.packed)
    return _ETHERNET.pack(server_mac, own_mac, _IPV4_TYPE) + ip + udp


def _checksum(header: bytes) -> int:
    """RFC 791: ones' complement of the sum of the 16-bit words."""
    total: int = sum(word for (word,) in struct.iter_unpack("!H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def describe(plan: Plan, interface: str) -> Iterator[str]:
    """The plan in words, in parts of a sentence."""
    to = {"broadcast": "broadcast DISCOVERs", "relay": "relayed DISCOVERs", "4011": "REQUESTs"}
    server = f" to {plan.server}{' port 4011' if plan.via == '4011' else ''}" if plan.server else ""
    yield f"{plan.clients:,} clients on {interface}: {to[plan.via]}{server}"
    yield f"{plan.rate:,.0f} a second" if plan.rate else "all at once"
    yield "repeated as firmware does" if plan.retries else "asked once"
