"""The directives of host names, by which dhcp-boot and pxe-service can name servers.

Sources:
  dnsmasq 2.90, its manual and its behaviour; hosts(5).
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder, Directive
from fastpxe.dnsmasq.syntax.fields import as_text, read_ipv4, read_ipv6, split, split_all
from fastpxe.dnsmasq.syntax.lines import SourceLine

ETC_HOSTS = "/etc/hosts"


def host_record(line: SourceLine, builder: ConfigBuilder) -> None:
    """NAMES, then an IPv4 and an IPv6 address; digits alone are a time to live."""
    if split(line.value or "")[1] is None:
        raise line.error("a name and an address are required; write NAME,192.0.2.1")
    names: list[str] = []
    address: IPv4Address | None = None
    for field in split_all(line.value or ""):
        if (parsed := read_ipv4(field)) is not None:
            address = parsed
        elif read_ipv6(field) is None and not re.fullmatch("[0-9]*", field):
            names.append(as_text(field))
    if address is not None:
        builder.names += [(name, address) for name in names]


def addn_hosts(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.names_files.append(line)


def no_hosts(_: SourceLine, builder: ConfigBuilder) -> None:
    builder.reads_etc_hosts = False


def expand_hosts(_: SourceLine, builder: ConfigBuilder) -> None:
    builder.expands_hosts = True


def domain(line: SourceLine, builder: ConfigBuilder) -> None:
    """The domain that expand-hosts appends. A domain with a range is for its addresses only."""
    name, subnet = split(line.value or "")
    if subnet is None and name != "#":
        builder.domain = as_text(name)
    else:
        builder.note(line, "only a domain for all hosts is appended to the names in hosts files")


def hosts_file_names(content: bytes, domain: str = "") -> Iterator[tuple[str, IPv4Address]]:
    """The names of a hosts file. With a domain, a name without a dot is also added with it."""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        words = line.partition("#")[0].split()
        address = read_ipv4(words[0]) if words else None
        if address is None:
            continue
        for name in words[1:]:
            if domain and "." not in name:
                yield f"{name}.{domain}", address
            yield name, address


def resolve(names: Iterable[tuple[str, IPv4Address]]) -> dict[str, IPv4Address]:
    """The address of each name, in lower case: that of the first line with the name.

    dnsmasq without no-round-robin uses all addresses of a name in turn, one for each reply.
    """
    table: dict[str, IPv4Address] = {}
    for name, address in names:
        table.setdefault(name.removesuffix(".").lower(), address)
    return table


NAME_LINES: dict[str, Directive] = {
    "addn-hosts": addn_hosts,
    "domain": domain,
    "domain-suffix": domain,
    "expand-hosts": expand_hosts,
    "host-record": host_record,
    "hostsdir": addn_hosts,
    "no-hosts": no_hosts,
}
