"""What an offer says to firmware."""

from ipaddress import IPv4Address

import pytest
from packets import CLIENT, NOWHERE, OUR_ADDRESS, Header, header, message, tlv, tlvs, u16

from fastpxe.firmware.offers import (
    BIOS,
    IPXE,
    UEFI,
    Heard,
    MenuItem,
    Offer,
    asks_4011,
    first_item,
    offer_of,
    proxy_offers,
)

SERVER = IPv4Address("10.0.0.1")
PXE = (60, b"PXEClient")
SERVER_ID = (54, OUR_ADDRESS.packed)
DIRECT = (43, tlv(6, b"\x08") + b"\xff")


def heard(*options: tuple[int, bytes], kind: str = UEFI, **fields: object) -> Heard:
    given: Header = {"op": 2, "siaddr": OUR_ADDRESS, **fields}  # type: ignore[typeddict-item]  # names are Header's
    return Heard(kind=kind, sender=CLIENT, after_s=0, payload=message(*options, **given))


def menu(*items: tuple[int, str], servers: bytes = b"") -> bytes:
    entries = b"".join(u16(number) + bytes([len(text)]) + text.encode() for number, text in items)
    inside = (tlv(8, servers) if servers else b"") + tlv(9, entries) + b"\xff"
    return message((43, inside), op=2)


def test_a_server_is_known_by_its_own_word_else_by_where_it_came_from() -> None:
    assert heard(SERVER_ID).server == OUR_ADDRESS
    assert heard().server == CLIENT
    assert heard((54, b"\1")).server == CLIENT


def test_a_proxy_s_offer_says_pxe_and_has_no_address() -> None:
    proxy, both = heard(PXE), heard(PXE, yiaddr=CLIENT)
    plain, other = heard(yiaddr=CLIENT), heard(PXE, kind=BIOS)
    assert proxy_offers([plain, both, other, proxy], UEFI) == [proxy]
    assert proxy_offers([plain, both], UEFI) == []


@pytest.mark.parametrize("cut", [0, 1, 16, 240, 241, 250])
def test_an_offer_that_is_cut_short_is_read_as_far_as_it_goes(cut: int) -> None:
    one = Heard(kind=UEFI, sender=CLIENT, after_s=0, payload=heard(PXE, SERVER_ID).payload[:cut])
    assert not one.says_pxe or one.server
    assert one.offer is None
    assert asks_4011(one)
    assert first_item(one.payload) is None


@pytest.mark.parametrize(
    ("one", "asks"),
    [
        (heard(PXE, file=b"a.efi"), True),
        (heard(PXE, DIRECT, file=b"a.efi"), False),
        (heard(PXE, DIRECT), True),
        (heard(PXE, DIRECT, file=b"a.efi", siaddr=NOWHERE), True),
        (heard(PXE, (43, b"\xff"), file=b"a.efi"), True),
        (heard(PXE, file=b"a.0", kind=BIOS), False),
        (heard(PXE, kind=BIOS), True),
        (heard(PXE, file=b"a.0", siaddr=NOWHERE, kind=BIOS), True),
        (heard(PXE, file=b"a.ipxe", kind=IPXE), False),
    ],
)
def test_edk2_asks_4011_unless_told_not_to_and_others_for_want_of_a_file(
    one: Heard, *, asks: bool
) -> None:
    assert asks_4011(one) is asks


def test_the_first_entry_of_a_menu_that_isn_t_the_disk() -> None:
    assert first_item(menu((0, "Disk"), (4, "One"), (5, "Two"))) == MenuItem(
        number=4, text="One", server=None
    )
    assert first_item(menu((0, "Disk"))) is None
    assert first_item(message(op=2)) is None


def test_the_server_of_an_entry_is_the_first_of_its_type() -> None:
    servers = u16(5) + b"\1" + NOWHERE.packed + u16(4) + b"\2" + CLIENT.packed + b"\1\2\3\4"
    item = first_item(menu((4, "One"), servers=servers))
    assert item is not None
    assert item.server == IPv4Address(CLIENT)


@pytest.mark.parametrize("servers", [u16(4) + b"\2" + CLIENT.packed, u16(4) + b"\0", u16(4)])
def test_a_list_of_servers_that_can_t_be_read_names_none(servers: bytes) -> None:
    item = first_item(menu((4, "One"), servers=servers))
    assert item is not None
    assert item.server is None


@pytest.mark.parametrize(
    ("answer", "offer"),
    [
        (header(op=2, siaddr=SERVER, file=b"a.efi"), Offer(file="a.efi", server="10.0.0.1")),
        (header(op=2, siaddr=SERVER) + tlvs([(67, b"b.efi\0")]),
         Offer(file="b.efi", server="10.0.0.1")),
        (header(op=2, file=b"a.efi") + tlvs([(66, b"10.0.0.9\0")]),
         Offer(file="a.efi", server="10.0.0.9")),
        (header(op=2, file=b"a.efi") + tlvs([(66, b"a name"), (54, SERVER.packed)]),
         Offer(file="a.efi", server="10.0.0.1")),
        (header(op=2, file=b"a.efi"), Offer(file="a.efi", server="0.0.0.0")),
        (header(op=2, siaddr=SERVER, file=b"\x0c\x01a") + tlvs([(52, b"\1"), (67, b"c")]),
         Offer(file="c", server="10.0.0.1")),
        (header(op=2, siaddr=SERVER), None),
        (b"", None),
    ],
    ids=["file", "67", "66", "54", "nobody", "overload", "no file", "no answer"],
)  # fmt: skip
def test_an_offer_is_read_as_firmware_reads_it(answer: bytes, offer: Offer | None) -> None:
    assert offer_of(answer) == offer
