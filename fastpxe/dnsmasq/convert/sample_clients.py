"""The clients with which a configuration is compared: every kind, and those that its lines test.

Each test of a line is true of some sample, and each pair of tests, if one client can meet both.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address
from itertools import combinations, islice
from typing import Any

import msgspec

from fastpxe.dhcp.constants import HTTP_ARCHES, Option
from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.convert.predicates import client_tests
from fastpxe.dnsmasq.convert.sample_networks import SampleNetwork
from fastpxe.dnsmasq.engine.message import octets
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpHost,
    DhcpMatch,
    DnsmasqConfig,
    Elements,
    Line,
    MacMatch,
    NameMatch,
    Prefix,
    RelayMatch,
    Substring,
    Value,
)
from fastpxe.firmware.requests import Client

ARCHES = (0, 6, 7, 9, 10, 11, 15, 16)
CLIENTS_MAX = 3000
PLAIN_MAC = bytes.fromhex("065aa53cc396")  # locally administered: no line tests it
PLAIN_UUID = bytes(range(0xA1, 0xB1))
OUTSIDE = IPv4Address("203.0.113.1")  # a relay in no range: reserved by RFC 5737

# These options follow from the request and the kind of client; a trait can't set them.
_KEPT = frozenset({43, 50, 52, 53, 54, 57, 82, 93, 118, Option.IPXE})

IPXE = b"iPXE"

Changes = dict[str, Any]


class SampleClient(msgspec.Struct, frozen=True):
    """A client, its network, and the lines whose tests it meets.

    `is_steered`: its DHCP server sends it to port 4011 at once.
    """

    client: Client
    network: SampleNetwork
    lines: tuple[Line, ...]
    is_steered: bool

    def __str__(self) -> str:
        client = self.client
        kind = "iPXE" if client.ipxe else client.class_text.split(":")[0]
        where = f" behind {client.giaddr}" if int(client.giaddr) else f" on {self.network.subnet}"
        steered = ", on port 4011 only" if self.is_steered else ""
        what = "".join(f", {line.where}" for line in self.lines)
        return f"{kind} arch {client.arch}{where}{steered}{what}"


class ClientTrait(msgspec.Struct, frozen=True):
    """The changes that make the test of a line true of a client."""

    line: Line
    fields: frozenset[str]
    changes: Callable[[Client], Changes]


def sample_clients(config: DnsmasqConfig, networks: Sequence[SampleNetwork]) -> list[SampleClient]:
    """Every kind of client in every network, then special ones up to CLIENTS_MAX."""
    traits = [trait for line in client_tests(config) for trait in traits_of(line)]
    plain = [m for network in networks for m in _plain(config, network)]
    special = (
        sample
        for chosen in _chosen(traits)
        for network in networks
        for sample in _with_traits(config, network, chosen)
    )
    return [*plain, *islice(special, max(0, CLIENTS_MAX - len(plain)))]


def _chosen(traits: Sequence[ClientTrait]) -> Iterator[tuple[ClientTrait, ...]]:
    yield from ((trait,) for trait in traits)
    yield from (pair for pair in combinations(traits, 2) if not pair[0].fields & pair[1].fields)


def _plain(config: DnsmasqConfig, network: SampleNetwork) -> Iterator[SampleClient]:
    """Ordinary clients in the network, behind its relay, and behind a relay in no range."""
    for giaddr in IPv4Address(0), network.relay, *([OUTSIDE] if _is_bounded(config) else []):
        for client in _kinds(config, network):
            yield from _ways(msgspec.structs.replace(client, giaddr=giaddr), network, ())


def _with_traits(
    config: DnsmasqConfig, network: SampleNetwork, traits: tuple[ClientTrait, ...]
) -> Iterator[SampleClient]:
    for kind in _kinds(config, network):
        client = kind
        for trait in traits:
            client = msgspec.structs.replace(client, **trait.changes(client))
        yield from _ways(client, network, tuple(trait.line for trait in traits))


def _is_bounded(config: DnsmasqConfig) -> bool:
    return all(line.netmask is not None for line in config.ranges)


def _kinds(config: DnsmasqConfig, network: SampleNetwork) -> Iterator[Client]:
    """A client of each architecture and class, as firmware and as iPXE."""
    plain = Client(mac=PLAIN_MAC, uuid=PLAIN_UUID, ciaddr=network.client)
    for arch in dict.fromkeys((*ARCHES, *_named_arches(config))):
        yield msgspec.structs.replace(plain, arch=arch)
        ipxe = msgspec.structs.replace(plain, arch=arch, ipxe=True)
        if arch in HTTP_ARCHES:  # iPXE itself never sends HTTPClient
            text = ipxe.class_text.replace("HTTPClient", "PXEClient")
            ipxe = msgspec.structs.replace(ipxe, vendor_class=text)
        yield ipxe
    for vendor in config.pxe_vendors:
        if not vendor.startswith(("PXEClient", "HTTPClient")):
            yield msgspec.structs.replace(plain, vendor_class=f"{vendor}:Arch:00007")


def _named_arches(config: DnsmasqConfig) -> Iterator[int]:
    yield from (line.csa for line in config.services if 0 <= line.csa <= 0xFFFF)
    for line in config.matches:
        if line.code == Option.CLIENT_ARCH and isinstance(line.value, Elements):
            number = int.from_bytes(line.value.value)
            yield from (n for n in [number] if n <= 0xFFFF)


def _ways(
    client: Client, network: SampleNetwork, lines: tuple[Line, ...]
) -> Iterator[SampleClient]:
    """With a broadcast; and on port 4011 only, except UEFI HTTP Boot, which doesn't use it."""
    yield SampleClient(client, network, lines, is_steered=False)
    if not client.class_text.startswith("HTTPClient") and not int(client.giaddr):
        yield SampleClient(client, network, lines, is_steered=True)


# --- traits -------------------------------------------------------------------------------------


def traits_of(line: Line) -> list[ClientTrait]:
    """One for each way to meet the line's test; none if it depends on the kind of client."""
    match line:
        case MacMatch(pattern=pattern):
            return _mac(line, [pattern])
        case DhcpHost():
            return [*_mac(line, [mac.pattern for mac in line.macs]), *_names(line)]
        case ClassMatch(code=code, substring=text):
            return [] if text == IPXE else [_class(line, code, text)]
        case RelayMatch(code=code, value=value):
            return [_option(line, Option.RELAY_AGENT, bytes([code, len(value)]) + value)]
        case NameMatch(name=name):
            return [_option(line, 12, octets(name))]
        case DhcpMatch():
            return _match(line)
    return []


def _mac(line: Line, patterns: Iterable[Pattern]) -> list[ClientTrait]:
    filled = (
        bytes(v & m | 0x5A & ~m & 0xFF for v, m in zip(p.value, p.mask, strict=True))
        for p in patterns
    )
    return [_fixed(line, "mac", mac) for mac in filled if 0 < len(mac) <= 16]


def _fixed(line: Line, field: str, value: bytes) -> ClientTrait:
    return ClientTrait(line, frozenset({field}), lambda _: {field: value})


def _names(line: DhcpHost) -> Iterator[ClientTrait]:
    if line.name:
        yield _option(line, 12, octets(line.name))
    yield from (_option(line, Option.CLIENT_ID, i) for i in line.client_ids if i not in (b"*", b""))


def _option(line: Line, code: int, value: bytes) -> ClientTrait:
    def changes(client: Client) -> Changes:
        return {"extra": {**client.extra, code: value[:255]}}

    return ClientTrait(line, frozenset({f"option {code}"}), changes)


def _class(line: Line, code: int, text: bytes) -> ClientTrait:
    if code == Option.USER_CLASS:
        return _fixed(line, "user_class", text)
    is_whole = text.startswith((b"PXEClient", b"HTTPClient"))

    def changes(client: Client) -> Changes:
        added = text.decode("latin-1")
        return {"vendor_class": added if is_whole else f"{client.class_text}:{added}"}

    return ClientTrait(line, frozenset({"vendor_class"}), changes)


def _match(line: DhcpMatch) -> list[ClientTrait]:
    value = _example(line.value)
    if line.enterprise is not None:
        items = bytes([len(value)]) + value
        data = line.enterprise.to_bytes(4) + bytes([len(items)]) + items
        return [_option(line, Option.VI_VENDOR_CLASS, data)] if len(items) < 250 else []
    if line.code in _KEPT or not value or value == IPXE:
        return []
    if line.code in (Option.VENDOR_CLASS, Option.USER_CLASS):
        return [_class(line, line.code, value)]
    if line.code == Option.CLIENT_UUID and value[0] == 0 and len(value) <= 17:
        return [_fixed(line, "uuid", value[1:].ljust(16, b"\x5a"))]
    return [_option(line, line.code, value)]


def _example(value: Value) -> bytes:
    """Bytes that meet the test."""
    match value:
        case Prefix(pattern):
            return bytes(v & m for v, m in zip(pattern.value, pattern.mask, strict=True))
        case Elements(element):
            return element
        case Substring(text):
            return text
    return b"\x01"
