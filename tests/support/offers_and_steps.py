"""Offers, and what each firmware does with them: the table that every user of the model is held to.

Sources: as for fastpxe.firmware.next_step; the cases that were captured are in recorded.txt too.
"""

from ipaddress import IPv4Address
from typing import NamedTuple

from packets import NOWHERE, Header, message, tlv, u16

from fastpxe.firmware.next_step import NextStep
from fastpxe.firmware.requests import Client

CLIENTS = {"bios": Client(arch=0), "uefi": Client(arch=7), "ipxe": Client(arch=7, ipxe=True)}
FILE, TYPE = "a.efi", 0x8001

USE_FILE, LISTED_ONLY = tlv(6, b"\x08"), tlv(6, b"\x07")
BOOT, DISK = u16(TYPE) + b"\4Boot", u16(0) + b"\4Disk"


class Case(NamedTuple):
    """An offer: whether it has `file`, siaddr and the class, and the value of each option 43."""

    name: str
    bios: NextStep
    uefi: NextStep
    ipxe: NextStep
    vendor: tuple[bytes, ...] = ()
    file: bool = True
    siaddr: bool = True
    bootfile: bool = False
    is_pxe: bool = True

    def offer(self, server: IPv4Address) -> bytes:
        """The OFFER of a server at that address, which is its boot server too."""
        fields: Header = {"op": 2, "siaddr": server if self.siaddr else NOWHERE}
        if self.file:
            fields["file"] = FILE.encode()
        servers = tlv(8, u16(TYPE) + b"\1" + server.packed)
        return message(
            (53, b"\2"),
            (54, server.packed),
            *([(60, b"PXEClient")] if self.is_pxe else []),
            *((43, value.replace(b"SERVERS", servers)) for value in self.vendor),
            *([(67, FILE.encode() + b"\0")] if self.bootfile else []),
            **fields,
        )

    def step(self, firmware: str) -> NextStep:
        steps: dict[str, NextStep] = {"bios": self.bios, "uefi": self.uefi, "ipxe": self.ipxe}
        return steps[firmware]


def menu(*entries: bytes, control: bytes = LISTED_ONLY, prompt: bytes = b"") -> bytes:
    """Option 43 of a menu; `prompt` begins with the timeout in seconds, b"" for no prompt."""
    inside = control + b"SERVERS" + tlv(9, b"".join(entries))
    return inside + (tlv(10, prompt) if prompt else b"") + b"\xff"


AT_ONCE, SOON, FOREVER = b"\0Go", b"\5Go", b"\xffGo"

CASES = (
    Case("a file", "fetch", "4011", "fetch"),
    Case("a file in option 67", "fetch", "4011", "fetch", file=False, bootfile=True),
    Case("a file, no siaddr", "4011", "4011", "4011", siaddr=False),
    Case("nothing", "4011", "4011", "4011", file=False),
    Case("no class", "none", "none", "none", is_pxe=False),
    Case("use the file", "fetch", "fetch", "fetch", (USE_FILE + b"\xff",)),
    Case("use the file, without END", "fetch", "fetch", "fetch", (USE_FILE,)),
    Case("use the file of option 67", "fetch", "fetch", "fetch", (USE_FILE,), file=False,
         bootfile=True),
    Case("use the file, no siaddr", "4011", "fetch", "4011", (USE_FILE,), siaddr=False),
    Case("use the file, no file", "4011", "none", "4011", (USE_FILE,), file=False),
    Case("use the file, not the menu", "fetch", "fetch", "fetch", (menu(BOOT, control=USE_FILE),)),
    Case(
        "use the file, none but a menu", "4011", "4011", "4011",
        (menu(BOOT, control=USE_FILE, prompt=AT_ONCE),), file=False,
    ),
    Case("a control byte, no menu", "fetch", "none", "fetch", (LISTED_ONLY,)),
    Case("a control byte of 0", "fetch", "none", "fetch", (tlv(6, b"\0"),)),
    Case("a prompt, no menu", "fetch", "none", "fetch", (tlv(10, AT_ONCE),)),
    Case("another sub-option", "fetch", "4011", "fetch", (tlv(71, bytes(4)),)),
    Case("a menu, at once", "4011", "4011", "4011", (menu(BOOT, prompt=AT_ONCE),)),
    Case("a menu, after a prompt", "4011", "4011", "4011", (menu(BOOT, BOOT, prompt=SOON),)),
    Case("a menu that waits", "menu", "menu", "menu", (menu(BOOT, BOOT, prompt=FOREVER),)),
    Case("a menu without a prompt", "4011", "4011", "menu", (menu(BOOT, BOOT),)),
    Case("a menu, no file", "4011", "4011", "4011", (menu(BOOT, prompt=AT_ONCE),), file=False),
    Case("the disk, at once", "local", "local", "local", (menu(DISK, BOOT, prompt=AT_ONCE),)),
    Case("the disk or a file", "menu", "menu", "menu", (menu(BOOT, DISK, prompt=SOON),)),
    Case("a file at once, the disk unseen", "4011", "4011", "4011",
         (menu(BOOT, DISK, prompt=AT_ONCE),)),
    Case("a menu of nothing", "none", "none", "none", (menu(),)),
    Case(
        "two control bytes", "fetch", "4011", "fetch",
        (USE_FILE + menu(BOOT, prompt=AT_ONCE),),
    ),
    Case(
        "two options 43", "fetch", "fetch", "fetch",
        (USE_FILE, menu(BOOT, prompt=AT_ONCE)),
    ),
)  # fmt: skip
