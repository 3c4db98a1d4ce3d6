"""dhcp-range: the networks whose clients get an answer.

Sources:
  dnsmasq 2.90, its manual and its behaviour.
"""

import re
from ipaddress import IPv4Address

import msgspec

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder
from fastpxe.dnsmasq.syntax.fields import (
    as_text,
    has_test_prefix,
    read_ipv4,
    read_ipv6,
    read_tag,
    split,
    split_all,
    without_set,
)
from fastpxe.dnsmasq.syntax.keywords import ABOUT_IPV6
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import DhcpRange, Tag

FIELDS_MAX = 8
WRITE = "write 192.0.2.0,proxy or 192.0.2.0,proxy,255.255.255.0"

PREFIX_MIN = 64
PREFIX_MAX = 128

_IPV6_MODES = frozenset(
    ("static", "ra-only", "slaac", "ra-names", "ra-advrouter", "ra-stateless", "off-link")
)

# A first field of these characters alone is an address, not a tag.
_ADDRESS_LIKE = re.compile(r"[0-9a-fA-F.: ]*")
_LEASE_TIME = re.compile(r"[0-9]*[wdhms]?|infinite|deprecated", re.IGNORECASE)


class _Tags(msgspec.Struct):
    sets: str | None = None
    tests: list[Tag] = []


def dhcp_range(line: SourceLine, builder: ConfigBuilder) -> None:
    tags, parts = _read_tags(line)
    if len(parts) < 2:
        raise line.error(f"an address and a mode are required; {WRITE}")
    if read_ipv6(parts[0]) is not None:
        _check_ipv6(line, parts[1:])
        builder.note(line, ABOUT_IPV6)
        return
    start = read_ipv4(parts[0])
    if start is None:
        raise line.error(f'"{as_text(parts[0])}" is not an IPv4 address; {WRITE}')
    end = _end(line, parts[1], start)
    netmask, rest = _netmask(line, parts[2:], start, end)
    _check_lease_time(line, rest)
    builder.ranges.append(
        DhcpRange(
            where=line.where,
            text=line.text,
            address=min(start, end),
            end=None if parts[1] in ("proxy", "static") else max(start, end),
            netmask=netmask,
            is_proxy=parts[1] == "proxy",
            sets=tags.sets or None,
            tags=tuple(tags.tests),
        )
    )


def _read_tags(line: SourceLine) -> tuple[_Tags, list[str]]:
    tags = _Tags()
    value = line.value or ""
    while True:
        field, rest = split(value)
        if rest is None or _ADDRESS_LIKE.fullmatch(value.partition(",")[0]):
            return tags, split_all(value, at_most=FIELDS_MAX)
        if not has_test_prefix(field):
            if tags.sets:
                raise line.error("a range sets only one tag; set the others with tag-if")
            tags.sets = without_set(field)
        elif field[4:]:
            tags.tests.append(read_tag(field[4:]))
        value = rest


def _end(line: SourceLine, field: str, start: IPv4Address) -> IPv4Address:
    if field in ("proxy", "static"):
        return start
    end = read_ipv4(field)
    if end is None:
        raise line.error(f'"{as_text(field)}" is neither `proxy` nor an address; {WRITE}')
    return end


def _netmask(
    line: SourceLine, rest: list[str], start: IPv4Address, end: IPv4Address
) -> tuple[IPv4Address | None, list[str]]:
    """The netmask, if it is next, and the fields after it and the broadcast address."""
    netmask = read_ipv4(rest[0]) if rest else None
    if netmask is None:
        return None, rest
    if int(start) & int(netmask) != int(end) & int(netmask):
        raise line.error(f"{start} and {end} are not in the same network with netmask {netmask}")
    has_broadcast = rest[1:] and read_ipv4(rest[1]) is not None
    return netmask, rest[2:] if has_broadcast else rest[1:]


def _check_ipv6(line: SourceLine, parts: list[str]) -> None:
    """Check the second address, the modes, the prefix length and the lease time, in this order."""
    rest = parts[1:] if read_ipv6(parts[0]) is not None else parts
    while rest and (rest[0] in _IPV6_MODES or rest[0].startswith("constructor:")):
        rest = rest[1:]
    if rest and re.fullmatch("[0-9]{0,3}", rest[0]) and int(rest[0] or "0") <= PREFIX_MAX:
        if int(rest[0] or "0") < PREFIX_MIN:
            raise line.error(f"an IPv6 prefix has at least {PREFIX_MIN} bits; write 64")
        rest = rest[1:]
    _check_lease_time(line, rest)


def _check_lease_time(line: SourceLine, rest: list[str]) -> None:
    """Refuse a wrong time, although a proxy has no leases."""
    if not rest:
        return
    if len(rest) > 1 or not _LEASE_TIME.fullmatch(rest[0]):
        raise line.error(f'"{as_text(", ".join(rest))}" is not valid here; {WRITE}')
