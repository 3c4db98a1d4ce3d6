"""A boot menu that the firmware itself shows: its items, and option 43 that says so.

Sources: PXE 2.1 (43.6 discovery control, 43.8 boot servers, 43.9 menu, 43.10 prompt); EDK2
PxeBcBoot.c, which shows at most 24 items of 69 characters, and wants 6, 9 and 10 together.
"""

from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.pxe_options import LOCAL_BOOT, SubOption

ITEMS_MAX = 24
TEXT_MAX = 69
OPTION_43_MAX = 253  # EDK2 counts in one byte

FIRST_TYPE = 0x8000  # those below have meanings of their own (PXE 2.1 table 2-3)

# Neither broadcast nor multicast search; only the servers that 43.8 lists.
_CONTROL = bytes([SubOption.DISCOVERY_CONTROL, 1, 0x07])


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the menu. file: what it boots, None for the local disk.

    The file is on this machine: a boot server that is listed must answer itself.
    """

    text: str
    file: str | None = None


class Menu(msgspec.Struct, frozen=True, kw_only=True):
    """The first item is booted when `timeout_s` are over: 0 for at once, 255 for never."""

    prompt: str
    timeout_s: int
    items: tuple[Item, ...]

    @property
    def files(self) -> tuple[Item, ...]:
        """The items that boot a file: number i of them has boot server type FIRST_TYPE + i."""
        return tuple(item for item in self.items if item.file is not None)


def vendor_options(menu: Menu, own: IPv4Address) -> bytes:
    """Return option 43 of an offer; `own` is the address of this machine."""
    servers, lines, files = bytearray(), bytearray(), 0
    for item in menu.items:
        number = LOCAL_BOOT
        if item.file is not None:
            number = FIRST_TYPE + files
            files += 1
            servers += number.to_bytes(2, "big") + b"\1" + own.packed
        text = item.text.encode("ascii")
        lines += number.to_bytes(2, "big") + bytes([len(text)]) + text
    prompt = bytes([menu.timeout_s]) + menu.prompt.encode("ascii")
    parts = (
        (SubOption.BOOT_SERVERS, bytes(servers)),
        (SubOption.BOOT_MENU, bytes(lines)),
        (SubOption.MENU_PROMPT, prompt),
    )
    return _CONTROL + b"".join(bytes([code, len(v)]) + v for code, v in parts if v) + b"\xff"


def excess(menu: Menu) -> int:
    """By how many bytes the menu is too long for option 43; 0 if it fits."""
    size = sum(3 + len(item.text) for item in menu.items) + 7 * len(menu.files)
    size += len(_CONTROL) + 3 * 2 + 1 + len(menu.prompt) + 1
    return max(0, size - OPTION_43_MAX)
