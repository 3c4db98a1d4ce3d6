"""Option 43 as PXE defines it: discovery control, boot servers, menu, prompt, boot item.

Sources: PXE 2.1 sections 2.2 and 2.4; EDK2 and iPXE, for sub-options that come twice.
"""

from collections.abc import Iterator
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.options import first_of_each, tlvs


class SubOption(IntEnum):
    """Sub-options of option 43."""

    DISCOVERY_CONTROL = 6
    MULTICAST_ADDRESS = 7
    BOOT_SERVERS = 8
    BOOT_MENU = 9
    MENU_PROMPT = 10
    BOOT_ITEM = 71


class Control(IntFlag):
    """Bits of 43.6. USE_FILE: take the file of this message, without a prompt, menu or search."""

    NO_BROADCAST = 1
    NO_MULTICAST = 2
    LISTED_SERVERS_ONLY = 4
    USE_FILE = 8


LOCAL_BOOT = 0
"""The server type of a menu's entry that boots the local disk."""

WAIT_FOREVER = 255
"""The timeout of a prompt after which nothing is chosen."""


class MenuEntry(msgspec.Struct, frozen=True):
    """An entry of a boot menu: the type of its boot server, and its text."""

    type: int
    text: str

    @property
    def is_local(self) -> bool:
        return self.type == LOCAL_BOOT


class PxeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Option 43 of a server's message.

    codes: the sub-options that are present. servers: addresses by server type, in order. timeout_s:
    that of the prompt, None without one.
    """

    codes: frozenset[int] = frozenset()
    control: Control = Control(0)
    servers: tuple[tuple[int, tuple[IPv4Address, ...]], ...] = ()
    menu: tuple[MenuEntry, ...] = ()
    timeout_s: int | None = None

    def servers_of(self, kind: int) -> tuple[IPv4Address, ...]:
        """The boot servers of a type."""
        return next((addresses for listed, addresses in self.servers if listed == kind), ())


def parse(value: bytes, *, takes_last: bool = False) -> PxeOptions:
    """Read option 43. Of a sub-option that comes twice the first counts, or the last (EDK2)."""
    parts = dict(tlvs(value)) if takes_last else first_of_each(value)
    prompt = parts.get(SubOption.MENU_PROMPT, b"")
    return PxeOptions(
        codes=frozenset(parts),
        control=Control(int.from_bytes(parts.get(SubOption.DISCOVERY_CONTROL, b"")[:1])),
        servers=tuple(boot_servers(parts.get(SubOption.BOOT_SERVERS, b""))),
        menu=tuple(menu_entries(parts.get(SubOption.BOOT_MENU, b""))),
        timeout_s=prompt[0] if prompt else None,
    )


def menu_entries(value: bytes) -> Iterator[MenuEntry]:
    """The entries of 43.9, up to an entry that overruns."""
    while len(value) >= 3 and len(value) >= 3 + value[2]:
        end = 3 + value[2]
        yield MenuEntry(int.from_bytes(value[:2]), value[3:end].decode("latin-1"))
        value = value[end:]


def boot_servers(value: bytes) -> Iterator[tuple[int, tuple[IPv4Address, ...]]]:
    """Each server type of 43.8 with its addresses, up to an entry that overruns."""
    while len(value) >= 3 and len(value) >= 3 + 4 * value[2]:
        end = 3 + 4 * value[2]
        addresses = (IPv4Address(value[at : at + 4]) for at in range(3, end, 4))
        yield int.from_bytes(value[:2]), tuple(addresses)
        value = value[end:]


def boot_item(kind: int) -> bytes:
    """Option 43 of a request to the boot server of a type: sub-option 71, layer 0."""
    return bytes([SubOption.BOOT_ITEM, 4]) + kind.to_bytes(2) + b"\0\0\xff"
