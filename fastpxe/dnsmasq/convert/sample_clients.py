"""The clients that a configuration is tried with: every kind, and what its own lines test.

Each test of a line is made true on its own, and every two of them together, as far as one client
can be both.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address
from itertools import combinations, islice
from typing import Any

import msgspec

from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.convert.sample_networks import Site
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
from fastpxe.policy.rules import HTTP_ARCHES

ARCHES = (0, 6, 7, 9, 10, 11, 15, 16)
MACHINES_MAX = 3000
NO_MARK_MAC = bytes.fromhex("065aa53cc396")  # locally administered: no line is for it
NO_MARK_UUID = bytes(range(0xA1, 0xB1))
OUTSIDE = IPv4Address("203.0.113.1")  # a relay in no range: RFC 5737 keeps it free

# What says who the client is or what it asks, not what it is like; what iPXE says, an iPXE says.
_KEPT = frozenset({43, 50, 52, 53, 54, 57, 82, 93, 118, Option.IPXE})

IPXE = b"iPXE"

Changes = dict[str, Any]


class Machine(msgspec.Struct, frozen=True):
    """A client, the site it is at, and which lines' tests it was made for.

    `is_steered`: its DHCP server sends it to port 4011 at once.
    """

    client: Client
    site: Site
    lines: tuple[Line, ...]
    is_steered: bool

    def __str__(self) -> str:
        client = self.client
        kind = "iPXE" if client.ipxe else client.class_text.split(":")[0]
        where = f" behind {client.giaddr}" if int(client.giaddr) else f" on {self.site.network}"
        steered = ", asking port 4011 alone" if self.is_steered else ""
        what = "".join(f", {line.where}" for line in self.lines)
        return f"{kind} arch {client.arch}{where}{steered}{what}"


class Mark(msgspec.Struct, frozen=True):
    """What makes the test of a line true of a client."""

    line: Line
    fields: frozenset[str]
    changes: Callable[[Client], Changes]


def machines(config: DnsmasqConfig, found: Sequence[Site]) -> list[Machine]:
    """Every kind of client everywhere, then special ones up to MACHINES_MAX."""
    marks = [mark for line in _tests(config) for mark in marks_of(line)]
    plain = [m for site in found for m in _plain(config, site)]
    special = (
        machine
        for chosen in _chosen(marks)
        for site in found
        for machine in _marked(config, site, chosen)
    )
    return [*plain, *islice(special, max(0, MACHINES_MAX - len(plain)))]


def _tests(config: DnsmasqConfig) -> Iterator[Line]:
    yield from config.mac_matches
    yield from config.matches
    yield from config.class_matches
    yield from config.hosts
    yield from config.relay_matches
    yield from config.name_matches


def _chosen(marks: Sequence[Mark]) -> Iterator[tuple[Mark, ...]]:
    yield from ((mark,) for mark in marks)
    yield from (two for two in combinations(marks, 2) if not two[0].fields & two[1].fields)


def _plain(config: DnsmasqConfig, site: Site) -> Iterator[Machine]:
    """Ordinary machines, at the site, behind its relay, and behind one in no range."""
    for giaddr in IPv4Address(0), site.relay, *([OUTSIDE] if _is_bounded(config) else []):
        for client in _kinds(config, site):
            yield from _ways(msgspec.structs.replace(client, giaddr=giaddr), site, ())


def _marked(config: DnsmasqConfig, site: Site, marks: tuple[Mark, ...]) -> Iterator[Machine]:
    for kind in _kinds(config, site):
        client = kind
        for mark in marks:
            client = msgspec.structs.replace(client, **mark.changes(client))
        yield from _ways(client, site, tuple(mark.line for mark in marks))


def _is_bounded(config: DnsmasqConfig) -> bool:
    return all(line.netmask is not None for line in config.ranges)


def _kinds(config: DnsmasqConfig, site: Site) -> Iterator[Client]:
    """One of each architecture and class, as firmware and as iPXE."""
    plain = Client(mac=NO_MARK_MAC, uuid=NO_MARK_UUID, ciaddr=site.client)
    for arch in dict.fromkeys((*ARCHES, *_named_arches(config))):
        yield msgspec.structs.replace(plain, arch=arch)
        ipxe = msgspec.structs.replace(plain, arch=arch, ipxe=True)
        if arch in HTTP_ARCHES:  # iPXE itself never says HTTPClient
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


def _ways(client: Client, site: Site, lines: tuple[Line, ...]) -> Iterator[Machine]:
    """By a broadcast; and by port 4011 alone, where UEFI HTTP Boot never asks."""
    yield Machine(client, site, lines, is_steered=False)
    if not client.class_text.startswith("HTTPClient") and not int(client.giaddr):
        yield Machine(client, site, lines, is_steered=True)


# --- what makes a test true ---------------------------------------------------------------------


def marks_of(line: Line) -> list[Mark]:
    """One for each way in which the line's test can be made true; none for what is always so."""
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


def _mac(line: Line, patterns: Iterable[Pattern]) -> list[Mark]:
    filled = (
        bytes(v & m | 0x5A & ~m & 0xFF for v, m in zip(p.value, p.mask, strict=True))
        for p in patterns
    )
    return [_fixed(line, "mac", mac) for mac in filled if 0 < len(mac) <= 16]


def _fixed(line: Line, field: str, value: bytes) -> Mark:
    return Mark(line, frozenset({field}), lambda _: {field: value})


def _names(line: DhcpHost) -> Iterator[Mark]:
    if line.name:
        yield _option(line, 12, octets(line.name))
    yield from (_option(line, Option.CLIENT_ID, i) for i in line.client_ids if i not in (b"*", b""))


def _option(line: Line, code: int, value: bytes) -> Mark:
    def changes(client: Client) -> Changes:
        return {"extra": {**client.extra, code: value[:255]}}

    return Mark(line, frozenset({f"option {code}"}), changes)


def _class(line: Line, code: int, text: bytes) -> Mark:
    if code == Option.USER_CLASS:
        return _fixed(line, "user_class", text)
    is_whole = text.startswith((b"PXEClient", b"HTTPClient"))

    def changes(client: Client) -> Changes:
        found = text.decode("latin-1")
        return {"vendor_class": found if is_whole else f"{client.class_text}:{found}"}

    return Mark(line, frozenset({"vendor_class"}), changes)


def _match(line: DhcpMatch) -> list[Mark]:
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
    """Bytes of which the test is true."""
    match value:
        case Prefix(pattern):
            return bytes(v & m for v, m in zip(pattern.value, pattern.mask, strict=True))
        case Elements(element):
            return element
        case Substring(text):
            return text
    return b"\x01"
