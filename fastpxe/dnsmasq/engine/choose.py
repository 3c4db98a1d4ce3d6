"""Which lines of the configuration make the reply: boot file, menu, prompt, delay.

Every choice says which line won and why the others lost, for `fastpxe explain`.

Sources: dnsmasq 2.90, its manual and its replies; PXE 2.1 section 2.2 (the sub-options of 43).
"""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address
from typing import Generic, TypeVar

import msgspec

from fastpxe.dhcp.pxe_options import Control, SubOption
from fastpxe.dnsmasq.engine.message import NO_ADDRESS, octets
from fastpxe.dnsmasq.engine.tags import explain_unmet, unmet
from fastpxe.dnsmasq.syntax.model import (
    BootServer,
    DhcpBoot,
    DnsmasqConfig,
    Ignore,
    Location,
    PxeOption,
    PxeService,
    ReplyDelay,
    VendorOption,
)

FIRST_UEFI_ARCH = 6
AREA_MAX = 253  # the menu, and the list of servers, stay below this
SUB_OPTION_MAX = 253  # with code and length it fills one option 43

LineT = TypeVar("LineT", DhcpBoot, ReplyDelay)
Pairs = tuple[tuple[int, bytes], ...]


class Loser(msgspec.Struct, frozen=True):
    """A line that was looked at and not taken."""

    where: Location
    text: str
    why: str


class Choice(msgspec.Struct, Generic[LineT], frozen=True):
    """The line that won, if any, why, and those that lost, in the order of the configuration."""

    winner: LineT | None = None
    why: str = ""
    losers: tuple[Loser, ...] = ()


class Services(msgspec.Struct, frozen=True):
    """The entries of the menu, in order. `single` is the one that replaces it for UEFI, or None."""

    entries: tuple[PxeService, ...] = ()
    single: PxeService | None = None
    losers: tuple[Loser, ...] = ()


class Names:
    """The addresses behind names, and a warning for each that has none."""

    def __init__(self, known: dict[str, IPv4Address]) -> None:
        self.known = known
        self.warnings: list[str] = []

    def resolve(self, server: BootServer) -> IPv4Address:
        """The server's address; zero for a name that is not known, and for no server."""
        if server.address is not None:
            return server.address
        if not server.name:
            return NO_ADDRESS
        found = self.known.get(server.name.lower())
        if found is None:
            self.warnings.append(f"No IPv4 address found for {server.name}")
            return NO_ADDRESS
        return found

    def fail(self, warning: str) -> Pairs:
        """Warn, and give no sub-options."""
        self.warnings.append(warning)
        return ()


def choose_last(lines: Sequence[LineT], have: Collection[str]) -> Choice[LineT]:
    """The last line with tags that all hold, else the last one without tags."""
    holding = [line for line in lines if unmet(line.tags, have) is None]
    tagged = [line for line in holding if line.tags]
    winner = next(reversed(tagged or holding), None)
    if winner is None:
        why = "no line applies" if lines else "there is no line"
    elif winner.tags:
        why = "the last line whose tags all hold"
    else:
        why = "the last line without tags; none with tags holds"
    losers = []
    for line in lines:
        if line is winner:
            continue
        missing = unmet(line.tags, have)
        if missing is not None:
            lost = explain_unmet(missing)
        elif winner is not None and winner.tags and not line.tags:
            lost = f"lines without tags only count when no tagged one holds; {winner.where} does"
        else:
            lost = f"{'' if winner is None else winner.where} comes later"
        losers.append(Loser(line.where, line.text, lost))
    return Choice(winner, why, tuple(losers))


def ignoring(lines: Sequence[Ignore], have: Collection[str]) -> Ignore | None:
    """The first dhcp-ignore that holds. One without tags ignores nobody."""
    return next((i for i in lines if i.tags and unmet(i.tags, have) is None), None)


def choose_services(services: Sequence[PxeService], arch: int, have: Collection[str]) -> Services:
    """The menu of an architecture.

    UEFI firmware makes a mess of menus, so one entry alone with a basename is no menu there: the
    client is sent to port 4011, and gets its file in that answer.
    """
    entries, losers = [], []
    for service in services:
        missing = unmet(service.tags, have)
        if service.csa != arch:
            losers.append(Loser(service.where, service.text, f"for arch {service.csa}"))
        elif missing is not None:
            losers.append(Loser(service.where, service.text, explain_unmet(missing)))
        else:
            entries.append(service)
    files = [entry for entry in entries if entry.basename is not None]
    single = files[0] if arch >= FIRST_UEFI_ARCH and len(files) == 1 else None
    return Services(tuple(entries), single, tuple(losers))


def choose_vendor_options(
    config: DnsmasqConfig, for_class: Sequence[int], have: Collection[str]
) -> tuple[VendorOption, ...]:
    """The configured sub-options of 43 whose tags hold, last line first.

    `for_class` are those whose class the client has. No line replaces another.
    """
    lines = [config.vendor_options[i] for i in reversed(for_class)]
    return tuple(line for line in lines if unmet(line.tags, have) is None)


def choose_pxe_options(
    lines: Sequence[PxeOption], have: Collection[str], own: IPv4Address
) -> Pairs:
    """The options of dhcp-option-pxe, last line first.

    A line without tags only counts if no line with tags that hold has its code, nor a later line
    without tags.
    """
    holding = [line for line in reversed(lines) if unmet(line.tags, have) is None]
    seen = {line.code for line in holding if line.tags}
    pairs = []
    for line in holding:
        if not line.tags:
            if line.code in seen:
                continue
            seen.add(line.code)
        pairs.append((line.code, with_own(line.value, own) if line.is_address_list else line.value))
    return tuple(pairs)


def with_own(addresses: bytes, own: IPv4Address) -> bytes:
    """Put our own address where the list has 0.0.0.0."""
    each = (addresses[at : at + 4] for at in range(0, len(addresses), 4))
    return b"".join(a if any(a) else own.packed for a in each)


def build_menu(
    entries: Sequence[PxeService], own: IPv4Address, names: Names, *, has_prompt: bool
) -> Pairs:
    """Sub-options 6, 10 (unless a prompt is configured), 8 and 9 from the menu's entries.

    A list that grows too large costs the whole menu, as in dnsmasq.
    """
    unicast_only = Control.NO_MULTICAST | Control.NO_BROADCAST
    control = unicast_only if entries else Control.USE_FILE
    texts, servers = bytearray(), bytearray()
    for entry in entries:
        text = octets(entry.menu)
        kind = entry.type.to_bytes(2)
        if len(texts) + len(text) + 3 >= AREA_MAX:
            return names.fail("PXE menu too large")
        texts += kind + bytes([len(text)]) + text
        address = own if entry.basename is not None else names.resolve(entry.server)
        if int(address):
            if len(servers) + 7 >= AREA_MAX:
                return names.fail("PXE menu too large")
            servers += kind + b"\1" + address.packed
        elif entry.type != 0:
            control = Control.NO_MULTICAST
    pairs: list[tuple[int, bytes]] = [(SubOption.DISCOVERY_CONTROL, bytes([control]))]
    if not has_prompt:  # one entry boots at once; a choice waits forever
        pairs.append((SubOption.MENU_PROMPT, (b"\xff" if len(entries) > 1 else b"\0") + b"PXE"))
    if servers:
        pairs.append((SubOption.BOOT_SERVERS, bytes(servers)))
    if entries:
        pairs.append((SubOption.BOOT_MENU, bytes(texts)))
    return tuple(pairs)
