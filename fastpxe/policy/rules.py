"""The vocabulary of a boot policy: what to match, what to answer.

Both front ends (fastpxe.toml and dnsmasq's syntax) speak it; fastpxe.policy.compiler compiles it.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Literal

import msgspec

from fastpxe.dhcp.identity import Pattern
from fastpxe.firmware.menu import Menu

Style = Literal["auto", "binl", "direct"]
How = Literal["exact", "prefix", "contains"]


class Text(msgspec.Struct, frozen=True):
    """A text to compare a class with."""

    text: bytes
    how: How


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What a client must be. Within a field any value will do; every field that is set must hold.

    ipxe_features alone wants every one of its values: sub-options of option 175. They imply `ipxe`.

    arches: numbers of option 93. macs: over the 6 bytes of chaddr. uuids: over the 16 bytes of
    option 97. vendor_classes: option 60. user_classes: instances of option 77. subnets: where the
    client is, told by 82.5, 118, giaddr, ciaddr or the interface, the first that is there.
    """

    arches: tuple[int, ...] = ()
    macs: tuple[Pattern, ...] = ()
    uuids: tuple[Pattern, ...] = ()
    vendor_classes: tuple[Text, ...] = ()
    user_classes: tuple[Text, ...] = ()
    subnets: tuple[IPv4Network, ...] = ()
    ipxe: bool | None = None
    ipxe_features: tuple[int, ...] = ()


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """What a client gets.

    file: the TFTP name, for firmware and iPXE. url: for UEFI HTTP Boot, and for iPXE before
    `file`. server: where the file is, None for this machine. style: how UEFI firmware is answered,
    "binl" (the file comes again from port 4011), "direct" (option 43.6 = 8, no second step), or
    "auto" (binl for UEFI, direct for the rest). ipxe_too: iPXE gets `file` even where that is iPXE
    itself, by its name. ignore: no answer. menu: what BIOS and UEFI firmware shows instead of
    booting `file`, which is then that of its first item. reply_delay_s: how long a reply is held
    back.
    """

    file: str | None = None
    url: str | None = None
    server: IPv4Address | None = None
    style: Style = "auto"
    ipxe_too: bool = False
    ignore: bool = False
    menu: Menu | None = None
    reply_delay_s: float = 0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One [[boot]] entry. `where` is its "file:line".

    hosts_only: it is for hosts that are to get the boot of its name, and for nobody else.
    """

    name: str
    where: str
    match: Match
    boot: Boot
    hosts_only: bool = False
