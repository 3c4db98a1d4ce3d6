"""What firmware does with an answer: fetch its file, ask port 4011, show a menu, or give up.

EDK2 asks on port 4011 after every offer whose option 43 has none of the sub-options 6 to 10. With
one of them it takes the file of the offer, if 43.6 has bit 3, or an entry of the menu; without
either it stops (PXE-E21). iPXE asks only when siaddr or the file is missing, and so does a PXE ROM.

Sources: EDK2 (PxeBcParseDhcp4Packet, PxeBcSelectBootPrompt, PxeBcSelectBootMenu), iPXE
(dhcp_has_pxeopts, have_pxe_menu, pxe_menu_parse); captures of both. PXE 2.1 for ROMs.
"""

from collections.abc import Sequence
from typing import Literal

from fastpxe.dhcp.pxe_options import WAIT_FOREVER, Control, MenuEntry, PxeOptions, SubOption
from fastpxe.firmware.offers import Firmware, Offer, boot_file, pxe_options

NextStep = Literal["fetch", "4011", "menu", "local", "none"]
"""fetch: it downloads the file. 4011: it asks that port, for an entry of a menu if it has one, at
once or after the prompt. menu: it waits for somebody, who may choose the local disk. local: it
boots the local disk. none: the answer is ignored, or the boot ends with an error."""

_DISCOVERY = frozenset(SubOption) - {SubOption.BOOT_ITEM}
_RPI_MARK = b"Raspberry Pi Boot"


def next_step(firmware: Firmware, offer: Offer) -> NextStep:
    """What follows an OFFER, once the client has an address."""
    has_file = boot_file(firmware, offer) is not None
    if firmware == "http":
        return "fetch" if has_file and offer.vendor_class.startswith("HTTPClient") else "none"
    if not offer.is_pxe:
        return "none"
    if firmware == "rpi":
        return "fetch" if has_file and _RPI_MARK in offer.vendor else "none"
    pxe = pxe_options(firmware, offer)
    if has_menu(firmware, offer):
        return _step_of_menu(menu_of(firmware, offer), _timeout_s(firmware, pxe))
    if firmware != "uefi":
        return "fetch" if has_file and int(offer.siaddr) else "4011"
    if _DISCOVERY.isdisjoint(pxe.codes):
        return "4011"
    return "fetch" if has_file and pxe.control & Control.USE_FILE else "none"


def step_after_ack(firmware: Firmware, ack: Offer) -> NextStep:
    """What follows the answer on port 4011 to a request that names no entry of a menu."""
    step = next_step(firmware, ack) if ack.is_pxe else "4011"
    if step != "4011" or has_menu(firmware, ack):
        return step
    is_taken = firmware != "ipxe" or int(ack.siaddr)
    return "fetch" if is_taken and boot_file(firmware, ack) is not None else "none"


def has_menu(firmware: Firmware, offer: Offer) -> bool:
    """Whether 43.9 counts, even if it has no entry."""
    pxe = pxe_options(firmware, offer)
    uses_file = bool(pxe.control & Control.USE_FILE and (offer.file or offer.bootfile))
    return SubOption.BOOT_MENU in pxe.codes and not uses_file


def menu_of(firmware: Firmware, offer: Offer) -> tuple[MenuEntry, ...]:
    """The entries to choose from, the default first; that one alone if it is taken at once."""
    if not has_menu(firmware, offer):
        return ()
    pxe = pxe_options(firmware, offer)
    return pxe.menu if _timeout_s(firmware, pxe) else pxe.menu[:1]


def _step_of_menu(entries: Sequence[MenuEntry], timeout_s: int) -> NextStep:
    if not entries:
        return "none"
    if timeout_s == 0:
        return "local" if entries[0].is_local else "4011"
    may_end_elsewhere = timeout_s == WAIT_FOREVER or any(entry.is_local for entry in entries)
    return "menu" if may_end_elsewhere else "4011"


def _timeout_s(firmware: Firmware, pxe: PxeOptions) -> int:
    """Without a prompt EDK2 takes the first entry at once, and iPXE waits."""
    if pxe.timeout_s is None:
        return WAIT_FOREVER if firmware == "ipxe" else 0
    return pxe.timeout_s
