"""dhcp-host: the known machines, and their tags.

Sources:
  dnsmasq 2.90, its manual and its behaviour.
"""

import re
from ipaddress import IPv4Address

import msgspec
from msgspec.structs import replace

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder
from fastpxe.dnsmasq.syntax.fields import (
    CHADDR_SIZE,
    as_bytes,
    as_text,
    plain,
    read_hex,
    read_ipv4,
    read_ipv6,
    read_tag,
    split_all,
)
from fastpxe.dnsmasq.syntax.lines import SourceLine, read_values
from fastpxe.dnsmasq.syntax.model import DhcpHost, HostMac, Tag

ANY_CLIENT_ID = b"*"
ETC_ETHERS = "/etc/ethers"
ETHERNET_SIZE = 6
LABEL_MAX = 63

_LEASE_TIME = re.compile(r"[0-9 ]*|[0-9 ]+[wdhmsWDHMS]|infinite")
_HOST_NAME = re.compile(r"[a-zA-Z0-9][-_a-zA-Z0-9]*(?:\..*)?", re.DOTALL)


class _HostBuilder(msgspec.Struct):
    macs: list[HostMac] = []
    client_ids: list[bytes] = []
    name: str = ""
    address: IPv4Address | None = None
    sets: list[str] = []
    tags: list[Tag] = []
    ignores: bool = False


def dhcp_host(line: SourceLine, builder: ConfigBuilder) -> None:
    host = _HostBuilder()
    for field in split_all(line.value or ""):
        if ":" in field:
            _read_with_colon(line, host, field)
        elif (address := read_ipv4(field)) is not None:
            _refuse_duplicate(line, builder, address)
            host.address = address
        elif field == "ignore":
            host.ignores = True
        elif not _LEASE_TIME.fullmatch(field):
            host.name = _name(line, field)
    builder.hosts.append(
        DhcpHost(
            where=line.where,
            text=line.text,
            macs=tuple(host.macs),
            client_ids=tuple(host.client_ids),
            name=host.name,
            address=host.address,
            sets=tuple(host.sets),
            tags=tuple(host.tags),
            ignores=host.ignores,
        )
    )


def read_ethers(content: bytes, builder: ConfigBuilder) -> None:
    """/etc/ethers: a MAC address, and the name or address of its host (ethers(5)).

    The MAC address replaces those of a dhcp-host with that name or address, and its client ids. A
    line that can't be read is skipped, with a note.
    """
    for line in read_values(content, ETC_ETHERS, "read-ethers"):
        if isinstance(line, SourceLine) and line.text[:1] not in ("#", "+"):
            _read_ether(line, builder)


def _read_ether(line: SourceLine, builder: ConfigBuilder) -> None:
    words = plain(line.value or "").partition("#")[0].split()
    mac = read_hex(words[0], CHADDR_SIZE) if words else None
    if mac is None or not mac.is_valid or len(mac.octets) != ETHERNET_SIZE or len(words) < 2:
        builder.note_skipped(line.where, line.key, "it is not a MAC address and a host")
        return
    address = read_ipv4(words[1])
    name = "" if address is not None else words[1].partition(".")[0]
    ether = DhcpHost(
        where=line.where,
        text=line.text,
        macs=(HostMac(None, mac.pattern(), is_exact=True),),
        client_ids=(ANY_CLIENT_ID,),
        name=name,
        address=address,
        sets=(),
        tags=(),
        ignores=False,
    )
    for at, host in enumerate(builder.hosts):
        if (address and host.address == address) or (name and host.name.lower() == name.lower()):
            builder.hosts[at] = replace(host, macs=ether.macs, client_ids=ether.client_ids)
            return
    builder.hosts.append(ether)


def _read_with_colon(line: SourceLine, host: _HostBuilder, field: str) -> None:
    if field[:3].lower() == "id:":
        host.client_ids = [*host.client_ids, _client_id(line, field[3:])]
    elif field.startswith(("net:", "set:")):
        host.sets.append(as_text(field[4:]))
    elif field.startswith("tag:"):
        host.tags.append(read_tag(field[4:]))
    elif field.startswith("[") and field.endswith("]"):
        _check_ipv6(line, field[1:-1])
    else:
        host.macs.append(_mac(line, field))


def _client_id(line: SourceLine, field: str) -> bytes:
    if field.startswith("*"):
        return ANY_CLIENT_ID
    if ":" not in field:
        return as_bytes(field)
    read = read_hex(field, len(field))
    if not read.is_valid:
        raise line.error(f'"{as_text(field)}" is not hexadecimal; write id:01:02:03, or id:TEXT')
    return read.octets


def _check_ipv6(line: SourceLine, field: str) -> None:
    """Check an address, with or without a prefix length; proxy DHCP does not use it."""
    if read_ipv6(field.partition("/")[0]) is None:
        raise line.error(f'"{as_text(field)}" is not an IPv6 address; write [2001:db8::1]')


def _mac(line: SourceLine, field: str) -> HostMac:
    read = read_hex(field, CHADDR_SIZE, has_type=True)
    if not read.is_valid or field != plain(field):
        raise line.error(
            f'"{as_text(field)}" is neither a MAC address such as 52:54:00:12:34:56'
            " nor id:, set:, tag: or [IPv6]"
        )
    return HostMac(read.htype or None, read.pattern(), is_exact=not any(read.wild))


def _refuse_duplicate(line: SourceLine, builder: ConfigBuilder, address: IPv4Address) -> None:
    other = next((host for host in builder.hosts if host.address == address), None)
    if other is not None:
        raise line.error(f"{address} is already the address of another host, at {other.where}")


def _name(line: SourceLine, field: str) -> str:
    """The first label, which alone is compared with the name that a client sends."""
    name = as_text(field).removesuffix(".")
    labels = name.split(".")
    if not _HOST_NAME.fullmatch(name) or any(len(label) > LABEL_MAX for label in labels):
        raise line.error(f'"{name}" is not a host name; write letters, digits, `-` and `_`')
    return labels[0]
