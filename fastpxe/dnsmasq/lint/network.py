"""Findings about ranges and TFTP, and about configurations that answer no client at all.

Sources: dnsmasq 2.90, its manual and its behaviour in proxy mode.
"""

import re
from collections.abc import Iterator, Sequence

from fastpxe.dnsmasq.engine.ranges import Ranges
from fastpxe.dnsmasq.syntax.model import DhcpRange, DnsmasqConfig, InterfaceAddresses, Line
from fastpxe.findings import Finding

_PREFIX_MAX = 32
_BARE_NUMBER = re.compile(r",\s*proxy\s*,\s*([0-9]{1,2})\s*$")


def check_network(
    config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses] | None
) -> Iterator[Finding]:
    """Every finding of this kind."""
    yield from _nobody(config)
    yield from _pools(config)
    yield from _prefix_lengths(config)
    if interfaces is not None:
        yield from _uncovered(config, interfaces)
    yield from _tftp(config)


def where_of(config: DnsmasqConfig) -> str:
    """The location of a finding about the whole: the first line about clients."""
    lines: tuple[Line, ...] = (*config.ranges, *config.boots, *config.services)
    first = min((line.where for line in lines), default=None)
    return "the configuration" if first is None else str(first)


def _nobody(config: DnsmasqConfig) -> Iterator[Finding]:
    if not any(line.is_proxy for line in config.ranges):
        yield Finding(
            name="no-proxy-range",
            where=where_of(config),
            effect="no client gets a reply: there is no dhcp-range for a proxy",
            advice="add dhcp-range=ADDRESS,proxy with an address of the clients' network",
        )
    if not config.is_pxe_enabled:
        yield Finding(
            name="nothing-answered",
            where=where_of(config),
            effect="no client gets a reply, with any dhcp-boot: there is neither a pxe-prompt nor "
            "a pxe-service",
            advice='add pxe-prompt="Network boot",1',
        )


def _pools(config: DnsmasqConfig) -> Iterator[Finding]:
    for line in config.ranges:
        if not line.is_proxy:
            yield Finding(
                name="pool",
                where=str(line.where),
                effect="fastpxe leases no addresses: clients get none from this range",
                advice="leave the addresses to a DHCP server, and write dhcp-range=ADDRESS,proxy",
            )


def _prefix_lengths(config: DnsmasqConfig) -> Iterator[Finding]:
    for line in config.ranges:
        number = _BARE_NUMBER.search(line.text)
        if line.is_proxy and line.netmask is None and number and int(number[1]) <= _PREFIX_MAX:
            yield Finding(
                name="prefix-length",
                where=str(line.where),
                effect=f"{number[1]} is a lease time in seconds here, not a prefix length: the "
                "netmask is that of the interface",
                advice="write the netmask out: proxy,255.255.255.0",
            )


def _uncovered(
    config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses]
) -> Iterator[Finding]:
    places = Ranges(config, interfaces).places.values()
    used = {candidate.index for place in places for candidate in place.candidates}
    for index, line in enumerate(config.ranges):
        if line.is_proxy and index not in used:
            yield Finding(
                name="range-without-interface",
                where=str(line.where),
                effect=f"no interface that the server listens on ({_addresses(interfaces)}) has an "
                f"address in this range: only clients behind a relay {_inside(line)} get a reply",
                advice="write an address of the clients' network, and its netmask if the interface "
                "has another",
            )


def _inside(line: DhcpRange) -> str:
    mask = "" if line.netmask is None else f"/{line.netmask}"
    return f"in {line.address}{mask}"


def _addresses(interfaces: Sequence[InterfaceAddresses]) -> str:
    shown = [f"{i.name} {network}" for i in interfaces for network in i.networks]
    return ", ".join(shown) or "none"


def _tftp(config: DnsmasqConfig) -> Iterator[Finding]:
    tftp = config.tftp
    if tftp.roots and not tftp.enabled:
        yield Finding(
            name="tftp-off",
            where=str(tftp.roots[0].where),
            effect="tftp-root has no effect without enable-tftp: no file is served",
            advice="add enable-tftp, or remove this line if another server has the files",
        )
    if tftp.enabled and not tftp.roots:
        yield Finding(
            name="tftp-without-root",
            where=where_of(config),
            effect="enable-tftp without tftp-root: dnsmasq serves every world-readable file of "
            "this machine; fastpxe refuses every request",
            advice="add tftp-root=/srv/tftp",
        )
