"""What the cache of answers may leave out of its keys: it follows from a configuration's tests.

An option's value counts only where a line reads it, and only as far as that line tells two values
apart. Everything not named here stays in the key as it is.
"""

from collections.abc import Iterator
from typing import TypedDict

from fastpxe.dhcp.constants import Option
from fastpxe.dnsmasq.engine.engine import Engine
from fastpxe.dnsmasq.engine.ranges import class_mask
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Prefix, Present

HOST_NAME, FQDN = 12, 81
MASK_MAX = 32  # bytes of a value that the cache compares
NETWORKS_MAX = 64

# Options that name a machine, or the port it is at. Their values differ from client to client.
NAMING = frozenset(
    {Option.CLIENT_UUID, Option.CLIENT_ID, Option.REQUESTED_ADDRESS, Option.RELAY_AGENT, HOST_NAME,
     FQDN}
)  # fmt: skip


class CacheRules(TypedDict):
    """The arguments of AnswerCache that follow from a configuration; see there."""

    blanked: frozenset[int]
    macs: list[tuple[int, bytes, bytes]]
    identities: list[tuple[int, bytes, bytes]]
    known_macs: list[bytes]
    networks: list[tuple[int, int]]
    keeps_mac: bool
    keeps_ciaddr: bool


def cache_rules(engine: Engine) -> CacheRules:
    """The arguments of AnswerCache for a configuration."""
    config = engine.config
    networks = sorted(set(_networks(engine)))
    return {
        "blanked": frozenset(NAMING - _options_read(config)),
        "macs": [
            (-1 if htype is None else htype, value, mask)
            for htype, value, mask in _mac_tests(config)
        ],
        "identities": [(-1, value, mask) for value, mask in _uuid_tests(config)],
        "known_macs": [
            mac.pattern.value for host in config.hosts for mac in host.macs if mac.is_exact
        ],
        "networks": networks if len(networks) <= NETWORKS_MAX else [],
        "keeps_mac": False,
        "keeps_ciaddr": len(networks) > NETWORKS_MAX,
    }


def _options_read(config: DnsmasqConfig) -> set[int]:
    """Naming options whose bytes decide, and can't be reduced to the outcome of masks."""
    read: set[int] = set()
    for match in config.matches:
        is_uuid = match.code == Option.CLIENT_UUID and match.enterprise is None
        if not (is_uuid and _is_mask(match.value)):
            read.add(match.code)
    if config.relay_matches:
        read.add(Option.RELAY_AGENT)
    if any(host.client_ids for host in config.hosts):
        read.add(Option.CLIENT_ID)
    if config.log_dhcp or config.name_matches or any(host.name for host in config.hosts):
        read |= {HOST_NAME, FQDN}
    return read


def _is_mask(value: object) -> bool:
    if isinstance(value, Prefix):
        return len(value.pattern.value) <= MASK_MAX
    return isinstance(value, Present)


def _uuid_tests(config: DnsmasqConfig) -> Iterator[tuple[bytes, bytes]]:
    for match in config.matches:
        if match.code == Option.CLIENT_UUID and isinstance(match.value, Prefix):
            yield match.value.pattern.value[:MASK_MAX], match.value.pattern.mask[:MASK_MAX]


def _mac_tests(config: DnsmasqConfig) -> Iterator[tuple[int | None, bytes, bytes]]:
    for line in config.mac_matches:
        yield line.htype, line.pattern.value, line.pattern.mask
    for host in config.hosts:
        for mac in host.macs:
            if not mac.is_exact:
                yield mac.htype, mac.pattern.value, mac.pattern.mask


def _networks(engine: Engine) -> Iterator[tuple[int, int]]:
    """Every subnet that a ciaddr is judged by, and its two addresses that are no host's."""
    for address, netmask in _subnets(engine):
        network = address & netmask
        yield network, netmask
        yield network, 0xFFFFFFFF
        yield network | ~netmask & 0xFFFFFFFF, 0xFFFFFFFF


def _subnets(engine: Engine) -> Iterator[tuple[int, int]]:
    """Address and netmask of the ranges: as any request sees them, and as those of an interface do.

    The two may differ: an interface can have addresses of several netmasks in a range's subnet.
    """
    for line, mask in zip(engine.config.ranges, engine.ranges.masks, strict=True):
        for netmask in {mask, class_mask(line)} - {0}:
            yield int(line.address), netmask
    for place in engine.ranges.places.values():
        for candidate in place.candidates:
            yield int(candidate.start), int(candidate.netmask)
