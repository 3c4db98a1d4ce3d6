"""What the tests of a configuration find in a request: all that a decision depends on.

Facts are hashable, so that the decision on a set of facts is made once.

Sources: dnsmasq 2.90, seen on the wire; RFC 3925 (options 124 and 125), TR-069 (cpewan-id).
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.engine.message import Message, find, octets
from fastpxe.dnsmasq.engine.ranges import Place
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpHost,
    DhcpMatch,
    DnsmasqConfig,
    Elements,
    MacMatch,
    NameMatch,
    Prefix,
    Present,
    Substring,
    Value,
    VendorOption,
)

BROADBAND_FORUM = 3561


class HostHit(msgspec.Struct, frozen=True):
    """A dhcp-host that knows the client, and by what.

    `literal_octets` is one more than those of its wildcard MAC, 0 if none fits.
    """

    index: int  # in config.hosts
    by_id: bool
    by_mac: bool
    by_name: bool
    literal_octets: int


class Hits(NamedTuple):
    """Which lines' tests hold: indices into the tuples of the configuration."""

    relays: tuple[int, ...] = ()
    macs: tuple[int, ...] = ()
    matches: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()
    names: tuple[int, ...] = ()
    hosts: tuple[HostHit, ...] = ()
    vendor_options: tuple[int, ...] = ()
    is_cpewan: bool = False


class Facts(NamedTuple):
    """All that a decision depends on.

    vendor: the entry of dhcp-pxe-vendor that matched, or None. item: (type, layer) of 43.71.
    ciaddr_in: the positions in place.candidates whose subnet holds ciaddr; ciaddr_hosts: the
      indices of the ranges where it may be a host's.
    relay_size: that of the option 82 that will be sent back, 0 for none.
    chose_us: it asks us for an address, having taken our offer for one of an address.
    """

    place: Place
    is_pxe_port: bool
    message_type: int
    vendor: str | None
    arch: int | None
    item: tuple[int, int] | None
    hits: Hits
    is_relayed: bool
    wants_broadcast: bool
    has_hardware: bool
    has_ciaddr: bool
    has_source: bool
    is_ciaddr_source: bool
    ciaddr_in: tuple[int, ...]
    ciaddr_hosts: tuple[int, ...]
    limit: int
    has_uuid: bool
    relay_size: int
    chose_us: bool


def chose_us(message: Message, place: Place) -> bool:
    """Whether it names us as the server of its address (EDK2 falls back to the last offer)."""
    server = message.option(Option.SERVER_ID, 4)
    return (
        server is not None
        and message.option(Option.REQUESTED_ADDRESS, 4) is None
        and message.data[12:16] == bytes(4)
        and any(server[:4] == candidate.own.packed for candidate in place.candidates)
    )


def fits(pattern: Pattern, data: bytes) -> bool:
    """Compare the first bytes of `data`, as far as the pattern goes."""
    if len(pattern.value) > len(data):
        return False
    return all(
        (a ^ b) & mask == 0 for a, b, mask in zip(pattern.value, data, pattern.mask, strict=False)
    )


def holds(value: Value, data: bytes) -> bool:
    """Whether a dhcp-match's value is found in an option."""
    match value:
        case Present():
            return True
        case Prefix(pattern):
            return fits(pattern, data)
        case Substring(text):
            return text in data
        case Elements(element):
            size = len(element)
            starts = range(0, len(data) - size + 1, size) if size else range(1)
            return any(data[at : at + size] == element for at in starts)


def enterprise_items(option: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (enterprise, offset, data) of the items of option 124 or 125 that lie inside it."""
    at = 0
    while at + 5 < len(option):
        size = option[at + 4]
        if at + 5 + size <= len(option):
            yield int.from_bytes(option[at : at + 4]), at + 5, option[at + 5 : at + 5 + size]
        at += 5 + size


def holds_enterprise(line: DhcpMatch, option: bytes) -> bool:
    """Look into the counted strings that option 124 has for one enterprise."""
    for enterprise, start, data in enterprise_items(option):
        if enterprise != line.enterprise:
            continue
        at = start
        while at < start + len(data):
            size = option[at]
            if at + 1 + size <= len(option) and holds(line.value, option[at + 1 : at + 1 + size]):
                return True
            at += 1 + size
    return False


def matches(line: DhcpMatch, message: Message) -> bool:
    if line.enterprise is not None:
        option = message.option(Option.VI_VENDOR_CLASS, 5)
        return option is not None and holds_enterprise(line, option)
    option = message.option(line.code)
    return option is not None and holds(line.value, option)


def has_class(line: ClassMatch, message: Message) -> bool:
    is_user = line.code == Option.USER_CLASS
    option = message.user_class if is_user else message.option(line.code)
    return option is not None and line.substring in option


def has_mac(line: MacMatch, message: Message) -> bool:
    return (
        line.htype in (None, message.htype)
        and len(line.pattern.value) == message.hlen
        and fits(line.pattern, message.hardware)
    )


def has_name(line: NameMatch, name: bytes) -> bool:
    wanted, got = octets(line.name).lower(), name.lower()
    return bool(got) and (got.startswith(wanted) if line.is_prefix else got == wanted)


def is_cpewan(message: Message) -> bool:
    """A TR-069 device: option 125 holds its maker's id and its serial number."""
    option = message.option(Option.VI_VENDOR_INFO, 5) if message.is_dhcp else None
    for enterprise, _, data in enterprise_items(option or b""):
        if enterprise == BROADBAND_FORUM:
            return find(data, 1, 1) is not None and find(data, 2, 1) is not None
    return False


def pxe_vendor(config: DnsmasqConfig, message: Message) -> str | None:
    """The PXE class that option 60 starts with; of several the last in the configuration."""
    option = message.option(Option.VENDOR_CLASS, 0)
    for vendor in reversed(config.pxe_vendors):
        if option is not None and option.startswith(octets(vendor)):
            return vendor
    return None


def is_for_class(config: DnsmasqConfig, line: VendorOption, vendor_class: bytes) -> bool:
    """Whether a sub-option is for clients of this option 60; the class may stand anywhere in it."""
    if line.vendor_class is None:
        return any(octets(v) in vendor_class for v in config.pxe_vendors)
    return line.vendor_class in vendor_class


def has_id(line: DhcpHost, client_id: bytes) -> bool:
    """Unix clients prepend a zero byte to a text; the line need not."""
    spellings = {client_id, client_id[1:]} if client_id[0] == 0 else {client_id}
    return any(i in spellings for i in line.client_ids if i != b"*")


def host_hit(index: int, line: DhcpHost, message: Message) -> HostHit | None:
    """By what a dhcp-host knows this client; its name counts without the domain."""
    client_id = message.client_id
    name = message.client_name.split(b".")[0].lower()
    known = [
        mac
        for mac in line.macs
        if mac.htype in (None, message.htype)
        and len(mac.pattern.value) == message.hlen
        and fits(mac.pattern, message.hardware)
    ]
    # one more than the literal octets, since a MAC that is all wildcards counts too
    literals = [1 + sum(m != 0 for m in mac.pattern.mask) for mac in known if not mac.is_exact]
    hit = HostHit(
        index,
        by_id=client_id is not None and has_id(line, client_id),
        by_mac=any(mac.is_exact for mac in known),
        by_name=name != b"" and octets(line.name).lower() == name,
        literal_octets=max(literals, default=0),
    )
    return hit if hit.by_id or hit.by_mac or hit.by_name or hit.literal_octets else None


class Tests:
    """The tests of a configuration."""

    def __init__(self, config: DnsmasqConfig) -> None:
        self.config = config

    def hits(self, message: Message) -> Hits:
        config = self.config
        name = message.client_name
        relay = message.relay or b""
        vendor_class = message.option(Option.VENDOR_CLASS)
        return Hits(
            relays=tuple(
                i for i, m in enumerate(config.relay_matches) if find(relay, m.code, 1) == m.value
            ),
            macs=tuple(i for i, m in enumerate(config.mac_matches) if has_mac(m, message)),
            matches=tuple(i for i, m in enumerate(config.matches) if matches(m, message)),
            classes=tuple(i for i, m in enumerate(config.class_matches) if has_class(m, message)),
            names=tuple(i for i, m in enumerate(config.name_matches) if has_name(m, name)),
            hosts=tuple(
                hit
                for i, line in enumerate(config.hosts)
                if (hit := host_hit(i, line, message)) is not None
            ),
            vendor_options=tuple(
                i
                for i, line in enumerate(config.vendor_options)
                if vendor_class is not None and is_for_class(config, line, vendor_class)
            ),
            is_cpewan=is_cpewan(message),
        )

    def facts(self, message: Message, place: Place, *, is_pxe_port: bool, source: bytes) -> Facts:
        """Everything that decides on this message; `source` is the sender's address, 4 bytes."""
        item = message.boot_item
        relay = message.echoed_relay
        return Facts(
            place=place,
            is_pxe_port=is_pxe_port,
            message_type=message.message_type,
            vendor=pxe_vendor(self.config, message),
            arch=message.arch,
            item=None if item is None else (int.from_bytes(item[:2]), int.from_bytes(item[2:])),
            hits=self.hits(message),
            is_relayed=int(message.giaddr) != 0,
            wants_broadcast=message.wants_broadcast,
            has_hardware=message.htype != 0 and 0 < message.hlen <= 14,
            has_ciaddr=int(message.ciaddr) != 0,
            has_source=any(source),
            is_ciaddr_source=message.ciaddr.packed == source,
            ciaddr_in=tuple(i for i, c in enumerate(place.candidates) if c.holds(message.ciaddr)),
            ciaddr_hosts=tuple(
                c.index for c in place.candidates if c.may_hold_client(message.ciaddr)
            ),
            limit=message.limit,
            has_uuid=message.uuid is not None,
            relay_size=0 if relay is None else len(relay),
            chose_us=chose_us(message, place),
        )
