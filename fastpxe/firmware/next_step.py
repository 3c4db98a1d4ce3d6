"""What firmware does when it has an offer: fetch its file, ask again on 4011, or show a menu."""

from collections.abc import Iterator
from typing import Literal

from fastpxe.decode import Decoded, tlvs
from fastpxe.firmware.menu import LOCAL_BOOT
from fastpxe.wire import Arch

NextStep = Literal["fetch", "4011", "choice"]

_DISCOVERY_CONTROL, _BOOT_MENU = 6, 9
_USE_THE_OFFER = 8  # bit 3


def next_step(arch: int | None, vendor: bytes, *, ipxe: bool, names_file: bool) -> NextStep:
    """What a PXEClient does with an offer; "choice" is a menu that may lead to the local disk.

    arch: number of option 93, None where it has none. vendor: the value of option 43.
    names_file: whether the offer has a server and a file. EDK2 asks on 4011 unless 43.6 has bit 3;
    a BIOS ROM and iPXE only for a menu, or without a server or a file.
    """
    types = [kind for kind, _ in menu_entries(vendor)]
    if types:
        return "choice" if LOCAL_BOOT in types else "4011"
    if ipxe or arch is None or arch == Arch.BIOS:
        return "fetch" if names_file else "4011"
    control = int.from_bytes(dict(tlvs(vendor)).get(_DISCOVERY_CONTROL, b"\0")[:1])
    return "fetch" if control & _USE_THE_OFFER else "4011"


def step_after(offer: Decoded, arch: int | None, *, ipxe: bool) -> NextStep:
    """The same of an offer as it went out."""
    names_file = offer.has_server and bool(offer.file)
    return next_step(arch, offer.vendor, ipxe=ipxe, names_file=names_file)


def menu_entries(vendor: bytes) -> Iterator[tuple[int, str]]:
    """The type and the text of each entry of the menu in option 43, up to one that overruns."""
    menu = dict(tlvs(vendor)).get(_BOOT_MENU, b"")
    while len(menu) >= 3 and len(menu) >= 3 + menu[2]:
        size = 3 + menu[2]
        yield int.from_bytes(menu[:2]), menu[3:size].decode("latin-1")
        menu = menu[size:]
