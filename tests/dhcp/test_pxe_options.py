"""Option 43 read as PXE defines it."""

import pytest
from packets import CLIENT, OUR_ADDRESS, tlv, u16

from fastpxe.dhcp.pxe_options import Control, MenuEntry, PxeOptions, boot_item, menu_entries, parse

LISTED = u16(5) + b"\2" + OUR_ADDRESS.packed + CLIENT.packed
SERVERS = u16(4) + b"\1" + CLIENT.packed + LISTED + u16(6) + b"\0"
MENU = u16(0) + b"\4Disk" + u16(5) + b"\3One"


def test_every_sub_option_is_read() -> None:
    value = tlv(6, b"\x0b") + tlv(8, SERVERS) + tlv(9, MENU) + tlv(10, b"\x05Go") + b"\xff"
    assert parse(value) == PxeOptions(
        codes=frozenset({6, 8, 9, 10}),
        control=Control.USE_FILE | Control.NO_MULTICAST | Control.NO_BROADCAST,
        servers=((4, (CLIENT,)), (5, (OUR_ADDRESS, CLIENT)), (6, ())),
        menu=(MenuEntry(0, "Disk"), MenuEntry(5, "One")),
        timeout_s=5,
    )


def test_no_option_43_says_nothing() -> None:
    assert parse(b"") == parse(b"\xff") == PxeOptions()


def test_the_disk_is_an_entry_of_type_0() -> None:
    assert [entry.is_local for entry in menu_entries(MENU)] == [True, False]


def test_the_servers_of_a_type() -> None:
    pxe = parse(tlv(8, SERVERS))
    assert pxe.servers_of(5) == (OUR_ADDRESS, CLIENT)
    assert pxe.servers_of(6) == pxe.servers_of(7) == ()


@pytest.mark.parametrize("cut", range(1, len(MENU)))
def test_entries_end_at_one_that_overruns(cut: int) -> None:
    whole = [MenuEntry(0, "Disk"), MenuEntry(5, "One")]
    assert list(menu_entries(MENU[:cut])) == whole[: int(cut >= 7)]


@pytest.mark.parametrize("servers", [u16(4) + b"\2" + CLIENT.packed, u16(4) + b"\0", u16(4)])
def test_a_list_of_servers_that_can_t_be_read_names_none(servers: bytes) -> None:
    assert parse(tlv(8, servers)).servers_of(4) == ()


def test_of_two_alike_the_first_counts_or_the_last() -> None:
    value = tlv(6, b"\x08") + tlv(6, b"\x03")
    assert parse(value).control == Control.USE_FILE
    assert parse(value, takes_last=True).control == Control.NO_BROADCAST | Control.NO_MULTICAST


def test_a_sub_option_of_no_length_is_there_and_says_nothing() -> None:
    assert parse(tlv(6, b"") + tlv(10, b"")) == PxeOptions(codes=frozenset({6, 10}))


def test_a_request_for_an_entry_names_its_type_and_layer_0() -> None:
    assert boot_item(0x8001) == bytes.fromhex("470480010000ff")
