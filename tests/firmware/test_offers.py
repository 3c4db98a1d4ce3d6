"""An answer as each firmware reads it: its server, its file, and where the file is."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from packets import CLIENT, NOWHERE, OTHER_OWN_ADDRESS, OUR_ADDRESS, Header, message, tlv, u16

from fastpxe._codec import KINDS
from fastpxe.dhcp._request import Request
from fastpxe.dhcp.constants import Arch
from fastpxe.firmware.next_step import menu_of, next_step
from fastpxe.firmware.offers import (
    BootFile,
    Firmware,
    HeardOffer,
    Offer,
    boot_file,
    firmware_of,
    proxy_offers,
    proxy_server,
    read_offer,
)
from fastpxe.firmware.requests import Client

FIRMWARE: tuple[Firmware, ...] = ("bios", "uefi", "ipxe", "http", "rpi")
PXE = (60, b"PXEClient")
SERVER_ID = (54, OUR_ADDRESS.packed)
FROM_66 = (66, str(CLIENT).encode() + b"\0")
HERE, ELSEWHERE, AT_66 = map(str, (OUR_ADDRESS, OTHER_OWN_ADDRESS, CLIENT))


def answer(*options: tuple[int, bytes], **fields: Any) -> Offer:
    given: Header = {"op": 2, **fields}  # type: ignore[typeddict-item]  # names are Header's
    return read_offer(message(*options, **given))


# --- who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arch", [*Arch, 42, 0xFFFF])
@pytest.mark.parametrize("is_ipxe", [False, True])
def test_the_rules_of_a_client_are_those_that_the_packet_path_answers_by(
    arch: int, *, is_ipxe: bool
) -> None:
    client = Client(arch=arch, ipxe=is_ipxe)
    request = Request(client.discover())
    if arch == Arch.RPI:
        assert firmware_of(arch, is_ipxe=is_ipxe) == ("ipxe" if is_ipxe else "rpi")
        return
    assert client.firmware == KINDS[request.kind_as(arch)]


def test_a_client_without_an_architecture_is_a_rom() -> None:
    assert firmware_of(None, is_ipxe=False) == "bios"
    assert firmware_of(None, is_ipxe=True) == "ipxe"
    assert firmware_of(7, is_ipxe=False, vendor_class="HTTPClient:Arch:00007") == "http"


def test_a_server_is_known_by_option_54_else_by_where_it_came_from() -> None:
    assert read_offer(message(SERVER_ID, op=2), CLIENT).server == OUR_ADDRESS
    assert read_offer(message(op=2), CLIENT).server == CLIENT
    assert read_offer(message((54, b"\1"), op=2), CLIENT).server == CLIENT
    assert read_offer(message(op=2)).server == NOWHERE


def test_a_proxy_s_offer_has_the_class_and_no_address() -> None:
    def heard(offer: Offer, firmware: Firmware = "uefi") -> HeardOffer:
        return HeardOffer(firmware=firmware, after_s=0, offer=offer)

    proxy, both = heard(answer(PXE)), heard(answer(PXE, yiaddr=CLIENT))
    plain, other = heard(answer(yiaddr=CLIENT)), heard(answer(PXE), "bios")
    assert proxy_offers([plain, both, other, proxy], "uefi") == [proxy]
    assert proxy_offers([plain, both], "uefi") == []


@pytest.mark.parametrize("cut", [0, 1, 16, 240, 241, 250])
@pytest.mark.parametrize("firmware", FIRMWARE)
def test_an_offer_that_is_cut_short_is_read_as_far_as_it_goes(firmware: Firmware, cut: int) -> None:
    whole = message(PXE, SERVER_ID, op=2, siaddr=OUR_ADDRESS)
    offer = read_offer(whole[:cut], CLIENT)
    assert offer.is_pxe == (b"PXEClient" in whole[:cut])
    assert boot_file(firmware, offer) is None
    assert menu_of(firmware, offer) == ()
    assert next_step(firmware, offer) in ("4011", "none")
    assert offer.server == CLIENT


@pytest.mark.parametrize(
    ("firmware", "offer", "server"),
    [
        ("uefi", answer(SERVER_ID, siaddr=OTHER_OWN_ADDRESS), OTHER_OWN_ADDRESS),
        ("uefi", answer(SERVER_ID), OUR_ADDRESS),
        ("ipxe", answer(SERVER_ID, siaddr=OTHER_OWN_ADDRESS), OUR_ADDRESS),
        ("ipxe", answer(siaddr=OTHER_OWN_ADDRESS), OTHER_OWN_ADDRESS),
        ("bios", answer(SERVER_ID, siaddr=OTHER_OWN_ADDRESS), OUR_ADDRESS),
    ],
)
def test_port_4011_is_asked_at_siaddr_by_edk2_and_at_the_proxy_by_others(
    firmware: Firmware, offer: Offer, server: IPv4Address
) -> None:
    assert proxy_server(firmware, offer) == server


# --- which file, and where ----------------------------------------------------------------------

BOTH_NAMES = answer(SERVER_ID, (67, b"option.efi\0"), siaddr=OUR_ADDRESS, file=b"header.efi")


@pytest.mark.parametrize(
    ("firmware", "name"),
    [("bios", "header"), ("uefi", "option"), ("ipxe", "header"), ("http", "option"),
     ("rpi", "header")],
)  # fmt: skip
def test_of_two_names_edk2_takes_option_67_and_others_the_header(
    firmware: Firmware, name: str
) -> None:
    assert boot_file(firmware, BOTH_NAMES) == BootFile(file=f"{name}.efi", server=HERE)


@pytest.mark.parametrize("firmware", FIRMWARE)
def test_either_name_will_do_and_none_is_no_file(firmware: Firmware) -> None:
    named = BootFile(file="a", server=HERE)
    assert boot_file(firmware, answer(SERVER_ID, siaddr=OUR_ADDRESS, file=b"a")) == named
    assert boot_file(firmware, answer(SERVER_ID, (67, b"a"), siaddr=OUR_ADDRESS)) == named
    assert boot_file(firmware, answer(SERVER_ID, siaddr=OUR_ADDRESS)) is None
    assert boot_file(firmware, answer(SERVER_ID, (67, b"\0"), siaddr=OUR_ADDRESS)) is None


@pytest.mark.parametrize(
    ("firmware", "options", "siaddr", "server"),
    [
        ("bios", (SERVER_ID, FROM_66), OTHER_OWN_ADDRESS, ELSEWHERE),
        ("bios", (SERVER_ID, FROM_66), NOWHERE, AT_66),
        ("bios", (SERVER_ID, (66, b"a name")), NOWHERE, HERE),
        ("bios", (), NOWHERE, "0.0.0.0"),
        ("uefi", (SERVER_ID, FROM_66), OTHER_OWN_ADDRESS, ELSEWHERE),
        ("uefi", (SERVER_ID, FROM_66), NOWHERE, HERE),
        ("ipxe", (SERVER_ID, FROM_66), OTHER_OWN_ADDRESS, ELSEWHERE),
        ("ipxe", (SERVER_ID, FROM_66), NOWHERE, None),
        ("rpi", (SERVER_ID, FROM_66), OTHER_OWN_ADDRESS, AT_66),
        ("rpi", (SERVER_ID,), OTHER_OWN_ADDRESS, HERE),
    ],
)
def test_the_server_of_the_file(
    firmware: Firmware,
    options: tuple[tuple[int, bytes], ...],
    siaddr: IPv4Address,
    server: str | None,
) -> None:
    found = boot_file(firmware, answer(*options, siaddr=siaddr, file=b"a"))
    assert (found and found.server) == server


@pytest.mark.parametrize(
    ("firmware", "control", "server"),
    [("uefi", 8, AT_66), ("uefi", 3, HERE), ("ipxe", 8, HERE), ("bios", 8, HERE)],
)
def test_edk2_fetches_from_the_first_boot_server_if_it_is_to_use_the_file(
    firmware: Firmware, control: int, server: str
) -> None:
    vendor = tlv(6, bytes([control])) + tlv(8, u16(4) + b"\1" + CLIENT.packed)
    offer = answer(PXE, SERVER_ID, (43, vendor), siaddr=OUR_ADDRESS, file=b"a")
    assert boot_file(firmware, offer) == BootFile(file="a", server=server)


def test_a_url_needs_no_server() -> None:
    file = boot_file("ipxe", answer(SERVER_ID, file=b"http://h/a.ipxe"))
    assert file is not None
    assert (file.file, file.is_url) == ("http://h/a.ipxe", True)


def test_fields_that_hold_options_are_no_names() -> None:
    """RFC 2132 section 9.3: `file` first, then `sname`; the main area comes before both."""
    offer = answer(
        SERVER_ID, (52, b"\3"), siaddr=OUR_ADDRESS,
        file=tlv(67, b"from-file") + b"\xff", sname=tlv(67, b"no") + tlv(60, b"PXEClient"),
    )  # fmt: skip
    assert boot_file("uefi", offer) == BootFile(file="from-file", server=HERE)
    assert offer.is_pxe
    main = answer((52, b"\1"), (67, b"main"), siaddr=OUR_ADDRESS, file=tlv(67, b"no"))
    assert boot_file("uefi", main) == BootFile(file="main", server=HERE)
