"""A server's answer as firmware reads it: its class, its file, its server, its option 43.

Sources: EDK2 (PxeBcDhcp4.c, PxeBcBoot.c) and iPXE (dhcppkt.c, autoboot.c), for where each looks for
the file and the server; RFC 2132 section 9.3 (overload).
"""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Literal

import msgspec

from fastpxe.dhcp.constants import HTTP_ARCHES, Arch, Option
from fastpxe.dhcp.options import first_of_each
from fastpxe.dhcp.pxe_options import Control, PxeOptions, parse

Firmware = Literal["bios", "uefi", "ipxe", "http", "rpi"]
"""The rules a client follows: a PXE ROM's, EDK2's, iPXE's, UEFI HTTP Boot's, a Raspberry Pi's."""

NOWHERE = IPv4Address(0)

UEFI_ARCHES = frozenset(
    arch
    for arch in Arch
    if (arch.name.startswith("UEFI_") and arch not in HTTP_ARCHES) or arch == Arch.ITANIUM
)

_FILE, _SNAME, _OPTIONS = slice(108, 236), slice(44, 108), slice(240, None)


class BootFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or a URL, and the address to fetch it from."""

    file: str
    server: str

    @property
    def is_url(self) -> bool:
        return "://" in self.file


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an OFFER or ACK by which firmware boots.

    vendor_class: option 60. file: the header field. bootfile, tftp_server: options 67 and 66.
    vendor: the first option 43. sender: where the message came from, if that is known.
    """

    vendor_class: str = ""
    gives_address: bool = False
    siaddr: IPv4Address = NOWHERE
    server_id: IPv4Address = NOWHERE
    sender: IPv4Address = NOWHERE
    file: str = ""
    bootfile: str = ""
    tftp_server: str = ""
    vendor: bytes = b""

    @property
    def is_pxe(self) -> bool:
        return self.vendor_class.startswith("PXEClient")

    @property
    def is_proxy(self) -> bool:
        """Whether firmware takes it for a boot server's: with the class, without an address."""
        return self.is_pxe and not self.gives_address

    @property
    def server(self) -> IPv4Address:
        """The server that sent it: option 54, for a relay may be in between; else the sender."""
        return self.server_id if int(self.server_id) else self.sender


class HeardOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer from the network, the firmware that it was made to, and how long it took."""

    firmware: Firmware
    after_s: float
    offer: Offer

    @property
    def file(self) -> BootFile | None:
        """The file that this firmware takes from the offer, perhaps after further steps."""
        return boot_file(self.firmware, self.offer)


def firmware_of(arch: int | None, *, is_ipxe: bool, vendor_class: str = "PXEClient") -> Firmware:
    """Whose rules a client follows. arch: number of option 93, None where it has none."""
    if vendor_class.startswith("HTTPClient"):
        return "http"
    if is_ipxe:
        return "ipxe"
    if arch == Arch.RPI:
        return "rpi"
    return "uefi" if arch in UEFI_ARCHES else "bios"


def read_offer(message: bytes, sender: IPv4Address = NOWHERE) -> Offer:
    """Read an answer; a message that is cut short reads as if zeros followed."""
    padded = message.ljust(240, b"\0")
    options = first_of_each(padded[_OPTIONS])
    overload = options.get(Option.OVERLOAD, b"\0")[0:1] or b"\0"
    for bit, area in (1, _FILE), (2, _SNAME):
        if overload[0] & bit:
            options = first_of_each(padded[area]) | options
    return Offer(
        vendor_class=options.get(Option.VENDOR_CLASS, b"").decode("latin-1"),
        gives_address=padded[16:20] != bytes(4),
        siaddr=IPv4Address(padded[20:24]),
        server_id=_address(options.get(Option.SERVER_ID, b"")),
        sender=sender,
        file="" if overload[0] & 1 else _text(padded[_FILE]),
        bootfile=_text(options.get(Option.BOOTFILE_NAME, b"")),
        tftp_server=_text(options.get(Option.TFTP_SERVER_NAME, b"")),
        vendor=options.get(Option.VENDOR_SPECIFIC, b""),
    )


def pxe_options(firmware: Firmware, offer: Offer) -> PxeOptions:
    """Option 43, which means something only beside the class PXEClient."""
    if not offer.is_pxe or firmware == "http":
        return PxeOptions()
    return parse(offer.vendor, takes_last=firmware == "uefi")


def boot_file(firmware: Firmware, offer: Offer) -> BootFile | None:
    """What is fetched of an answer, and from where; None if nothing can be.

    EDK2 prefers option 67, and takes the server from option 54 where siaddr is zero, or from the
    list of boot servers where USE_FILE is set. iPXE prefers the header and takes siaddr alone.
    """
    if firmware in ("uefi", "http"):
        file = offer.bootfile or offer.file
    else:
        file = offer.file or offer.bootfile
    if not file:
        return None
    found = BootFile(file=file, server=str(_server_of_file(firmware, offer)))
    is_lost = firmware == "ipxe" and not found.is_url and not int(offer.siaddr)
    return None if is_lost else found


def _server_of_file(firmware: Firmware, offer: Offer) -> IPv4Address:
    """The first of several places that holds an address."""
    named = _parsed(offer.tftp_server)
    places = {
        "uefi": (_listed_server(firmware, offer), offer.siaddr),
        "ipxe": (offer.siaddr,),
        "rpi": (named,),
    }.get(firmware, (offer.siaddr, named))
    return next((address for address in (*places, offer.server) if int(address)), NOWHERE)


def _listed_server(firmware: Firmware, offer: Offer) -> IPv4Address:
    """The first boot server of 43.8, which USE_FILE makes the server of the file."""
    pxe = pxe_options(firmware, offer)
    addresses = pxe.servers[0][1] if pxe.control & Control.USE_FILE and pxe.servers else ()
    return next(iter(addresses), NOWHERE)


def proxy_server(firmware: Firmware, offer: Offer) -> IPv4Address:
    """The server to ask on port 4011 after an offer: siaddr for EDK2, for others its sender."""
    if firmware == "uefi" and int(offer.siaddr):
        return offer.siaddr
    return offer.server if int(offer.server) else offer.siaddr


def proxy_offers(heard: Sequence[HeardOffer], firmware: Firmware) -> list[HeardOffer]:
    """What firmware takes for a boot server's offer, in the order of arrival."""
    return [each for each in heard if each.firmware == firmware and each.offer.is_proxy]


def _address(value: bytes) -> IPv4Address:
    return IPv4Address(value) if len(value) == 4 else NOWHERE


def _parsed(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        return NOWHERE


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("latin-1")
