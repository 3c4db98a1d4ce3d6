"""The decisions of a configuration for every kind of client, from which `check` draws findings.

Besides ordinary machines there are special ones: for each tag that depends on the machine itself
(its MAC, its UUID, its name, its relay) one machine with that tag.
"""

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Interface
from itertools import islice
from typing import Any

import msgspec

from fastpxe.dhcp.constants import DHCP_CLIENT_PORT, HTTP_ARCHES, PXE_PORT, Option
from fastpxe.dhcp.pxe_options import SubOption
from fastpxe.dnsmasq.engine.choose import FIRST_UEFI_ARCH
from fastpxe.dnsmasq.engine.decision import Decision
from fastpxe.dnsmasq.engine.engine import Arrival, Engine
from fastpxe.dnsmasq.engine.facts import Facts, Hits, HostHit
from fastpxe.dnsmasq.engine.message import NO_ADDRESS, read
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpBoot,
    DhcpMatch,
    DnsmasqConfig,
    InterfaceAddresses,
    MacMatch,
    NameMatch,
    Network,
    PxeService,
    RelayMatch,
)
from fastpxe.firmware.requests import Client

ARCHES = (0, 6, 7, 9, 10, 11, 16)
ARCH_MAX = 0xFFFF
_ORDINARY_MAC = bytes.fromhex("02fbfe000001")  # locally administered: only `*` fits
_24 = IPv4Address("255.255.255.0")
INTERFACES_MAX = 16  # present or made up

# The number of special machines is bounded so that `check` takes about a second; further ones
# hardly give another finding.
SPECIAL_MIN, SPECIAL_MAX = 8, 200
LINES_MAX = 10_000  # evaluated for one kind

# These options depend on the kind of client, and not on the machine itself.
_OF_THE_KIND = frozenset(
    {
        Option.VENDOR_CLASS,
        Option.USER_CLASS,
        Option.CLIENT_ARCH,
        Option.IPXE,
        Option.VENDOR_SPECIFIC,
    }
)

HitsChange = Callable[[Hits], Hits]
"""Adds the hits of a special machine."""

Setter = MacMatch | DhcpMatch | ClassMatch | NameMatch | RelayMatch


class ClientResult(msgspec.Struct, frozen=True, kw_only=True):
    """A client and the decisions on its two requests: the DISCOVER, and the REQUEST to 4011.

    `is_ordinary`: only its architecture and its interface matter.
    """

    arch: int
    is_ipxe: bool
    is_ordinary: bool
    offer: Decision
    ack: Decision

    @property
    def is_http(self) -> bool:
        return self.arch in HTTP_ARCHES

    @property
    def is_uefi(self) -> bool:
        return self.arch >= FIRST_UEFI_ARCH

    def files(self) -> list[tuple[DhcpBoot | PxeService, str]]:
        """The files that it downloads, each with its line; of a menu, every entry."""
        if self.offer.reply is None or self.offer.services is None:
            return []
        if self.offer.services.single is not None:
            return [] if self.is_http else [_with_file(self.offer.services.single)]
        has_file = bool(self.offer.reply.file)
        asks_once = not self.is_uefi or self.is_http or (self.is_ipxe and has_file)
        last = self.offer if asks_once else self.ack
        menu = last.services.entries if last.services is not None and _shows_menu(last) else ()
        if menu:
            return [_with_file(entry) for entry in menu if entry.basename is not None]
        winner = None if last.boot is None else last.boot.winner
        return [(winner, winner.file)] if winner is not None and winner.file else []


def served_name(service: PxeService) -> str:
    """The file that a client requests first: a basename without a dot gets its layer as suffix."""
    name = service.basename or ""
    return name if "." in name or not name else f"{name}.0"


def _with_file(service: PxeService) -> tuple[PxeService, str]:
    return service, served_name(service)


def _shows_menu(decision: Decision) -> bool:
    pairs = () if decision.reply is None else decision.reply.sub_options
    return any(code == SubOption.BOOT_MENU for code, _ in pairs)


class Sweep(msgspec.Struct, frozen=True):
    """The results, their engine, and our own addresses there."""

    engine: Engine
    results: tuple[ClientResult, ...]
    own: frozenset[IPv4Address]


def sweep(config: DnsmasqConfig, present: Sequence[InterfaceAddresses] | None) -> Sweep:
    """Evaluate every client on every interface that a proxy range covers, else on made-up ones."""
    engine, names = _interfaces(config, present or ())
    own = {
        network.ip
        for name in engine.ranges.interfaces
        for network in engine.ranges.interfaces[name].networks
    }
    return Sweep(
        engine, tuple(result for name in names for result in _at(engine, name)), frozenset(own)
    )


def _interfaces(
    config: DnsmasqConfig, present: Sequence[InterfaceAddresses]
) -> tuple[Engine, list[str]]:
    engine = Engine(config, present)
    covered = [
        name
        for name, place in engine.ranges.places.items()
        if any(config.ranges[c.index].is_proxy for c in place.candidates)
    ]
    if covered:
        return engine, covered[:INTERFACES_MAX]
    made = list(_made_up(config))
    anywhere = msgspec.structs.replace(config, network=Network())
    return Engine(anywhere, made), [interface.name for interface in made]


def _made_up(config: DnsmasqConfig) -> Iterator[InterfaceAddresses]:
    """An interface for each proxy range, so that `check` works on any machine."""
    names = [name.rstrip("*") for name in config.network.interfaces]
    proxies = [line for line in config.ranges if line.is_proxy]
    for number, line in enumerate(proxies[:INTERFACES_MAX]):
        name = names[number] if number < len(names) and names[number] else f"eth{number}"
        is_host = line.address.packed[3] != 0 or (line.netmask or _24).packed[3] == 255
        own = line.address if is_host else line.address + 1
        yield InterfaceAddresses(name=name, networks=(IPv4Interface((own, 24)),))


def _at(engine: Engine, interface: str) -> Iterator[ClientResult]:
    lines = 1 + len(engine.config.boots) + len(engine.config.services)
    most = min(max(SPECIAL_MIN, LINES_MAX // lines), SPECIAL_MAX)
    special = list(islice(_special(engine.config), most))
    for arch in _arches(engine.config):
        for is_ipxe in (False, True) if arch not in HTTP_ARCHES else (False,):
            first, second = _facts(
                engine, interface, Client(arch=arch, mac=_ORDINARY_MAC, ipxe=is_ipxe)
            )
            for change in (None, *special):
                yield ClientResult(
                    arch=arch,
                    is_ipxe=is_ipxe,
                    is_ordinary=change is None,
                    offer=engine.decide(_changed(first, change)),
                    ack=engine.decide(_changed(second, change)),
                )


def _arches(config: DnsmasqConfig) -> list[int]:
    named = {service.csa for service in config.services if 0 <= service.csa <= ARCH_MAX}
    return sorted({*ARCHES, *named})


def _facts(engine: Engine, interface: str, client: Client) -> tuple[Facts, Facts]:
    """The facts of its DISCOVER, and of its REQUEST with an address of the subnet."""
    port = engine.config.network.server_port
    first = Arrival(interface=interface, port=port, source=NO_ADDRESS, source_port=DHCP_CLIENT_PORT)
    candidates = engine.ranges.places[interface].candidates
    if candidates:
        start = int(candidates[0].start) & int(candidates[0].netmask)
        client = msgspec.structs.replace(client, ciaddr=IPv4Address(start | 1))
    second = Arrival(interface=interface, port=PXE_PORT, source=client.ciaddr, source_port=PXE_PORT)
    return (
        engine.signature(read(client.discover()), first),
        engine.signature(read(client.request(NO_ADDRESS)), second),
    )


def _changed(facts: Facts, change: HitsChange | None) -> Facts:
    return facts if change is None else facts._replace(hits=change(facts.hits))


def _special(config: DnsmasqConfig) -> Iterator[HitsChange]:
    """One machine for each tag that depends on the machine itself."""
    tables: dict[str, Sequence[Setter]] = {
        "macs": config.mac_matches,
        "matches": config.matches,
        "classes": config.class_matches,
        "names": config.name_matches,
        "relays": config.relay_matches,
    }
    covered: set[tuple[str, ...]] = set()
    for table, lines in tables.items():
        for index, line in enumerate(lines):
            if (line.sets,) not in covered and not _is_of_the_kind(line):
                covered.add((line.sets,))
                yield _matching(table, index)
    for index, host in enumerate(config.hosts):
        if host.sets and host.sets not in covered:
            covered.add(host.sets)
            yield _known(index)


def _is_of_the_kind(line: Setter) -> bool:
    """Whether the line depends on the kind of client; the ordinary machines cover it."""
    if isinstance(line, ClassMatch):
        return any(word in line.substring for word in (b"PXEClient", b"Arch", b"iPXE", b"HTTP"))
    return isinstance(line, DhcpMatch) and line.code in _OF_THE_KIND


def _matching(table: str, index: int) -> HitsChange:
    """The machine that a line of this table matches."""

    def change(hits: Hits) -> Hits:
        more: dict[str, Any] = {table: tuple(sorted({*getattr(hits, table), index}))}
        return hits._replace(**more)

    return change


def _known(index: int) -> HitsChange:
    """The machine that a dhcp-host identifies by its MAC."""
    hit = HostHit(index, by_id=False, by_mac=True, by_name=False, literal_octets=0)
    return lambda hits: hits._replace(hosts=(hit,))
