"""Which lines make the reply, and why the others don't."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_asked import PROXY, RANGE, answered, file_of, options, siaddr_of, silent
from dnsmasq_text import read
from packets import discover, message, request_4011, tlv

from fastpxe.dnsmasq.engine.choose import Names, build_menu, choose_last, choose_pxe_options
from fastpxe.dnsmasq.engine.engine import Answer
from fastpxe.dnsmasq.syntax.model import BootServer, Location, PxeOption, Tag

SOURCE = "10.77.0.100"
OWN = IPv4Address("10.77.0.2")


def boot(text: str, have: str = "") -> tuple[str, dict[str, str]]:
    """The file of the line that wins, and why each other file lost."""
    lines = read(text).boots
    choice = choose_last(lines, have.split())
    files = {line.where: line.file for line in lines}
    lost = {files[loser.where]: loser.why for loser in choice.losers}
    return (choice.winner.file if choice.winner else ""), lost


def vendor(answer: Answer) -> list[tuple[int, bytes]]:
    """The sub-options of option 43."""
    return [
        sub for code, value in options(answer.data[240:]) if code == 43 for sub in options(value)
    ]


def test_the_last_line_whose_tags_hold_wins() -> None:
    text = "dhcp-boot=tag:a,tag:b,two\ndhcp-boot=tag:a,one\ndhcp-boot=plain\n"
    assert boot(text, "a b") == (
        "one",
        {
            "two": "f.conf:2 comes later",
            "plain": "lines without tags only count when no tagged one holds; f.conf:2 does",
        },
    )


def test_without_such_a_line_the_last_one_without_tags_wins() -> None:
    text = "dhcp-boot=plain\ndhcp-boot=later\ndhcp-boot=tag:a,tagged\n"
    assert boot(text) == (
        "later",
        {"plain": "f.conf:2 comes later", "tagged": "tag a is not set"},
    )


def test_a_negated_tag_is_a_tag() -> None:
    assert boot("dhcp-boot=tag:!a,not\ndhcp-boot=plain\n") == (
        "not",
        {"plain": "lines without tags only count when no tagged one holds; f.conf:1 does"},
    )
    assert boot("dhcp-boot=tag:!a,not\n", "a") == ("", {"not": "tag a is set"})


def test_no_line_at_all() -> None:
    choice = choose_last(read("").boots, [])
    assert (choice.winner, choice.why) == (None, "there is no line")


# --- siaddr and file ----------------------------------------------------------------------------


@pytest.mark.parametrize(("arch", "siaddr"), [(0, "0.0.0.0"), (5, "0.0.0.0"), (6, "10.77.0.2")])
def test_uefi_is_sent_to_us_unless_told_otherwise(arch: int, siaddr: str) -> None:
    assert siaddr_of(answered(PROXY + "dhcp-boot=f\n", discover(arch))) == siaddr
    assert siaddr_of(answered(PROXY + "dhcp-boot=f,,10.9.9.9\n", discover(arch))) == "10.9.9.9"


def test_a_name_is_looked_up_and_0_when_unknown() -> None:
    text = PROXY + "port=53\nhost-record=tftp.lab,10.9.9.9\ndhcp-boot=f,sn,"
    assert siaddr_of(answered(text + "tftp.lab\n", discover(7))) == "10.9.9.9"
    lost = answered(text + "nobody.lab\n", discover(7))
    assert siaddr_of(lost) == "0.0.0.0"
    assert lost.decision.warnings == ("No IPv4 address found for nobody.lab",)


def test_0_0_0_0_is_no_server() -> None:
    assert siaddr_of(answered(PROXY + "dhcp-boot=f,,0.0.0.0\n", discover(7))) == "10.77.0.2"


# --- the single service of UEFI -----------------------------------------------------------------

SINGLE = RANGE + "pxe-service=x86-64_EFI,Menu,ipxe\ndhcp-boot=other,,10.9.9.9\n"


def test_one_service_alone_hides_dhcp_boot_and_the_menu() -> None:
    offer = answered(SINGLE, discover(7))
    assert (file_of(offer), siaddr_of(offer), vendor(offer)) == ("", "10.77.0.2", [])


def test_its_file_comes_on_port_4011_with_our_address_as_name() -> None:
    ack = answered(SINGLE, request_4011(7), port=4011, source=SOURCE)
    assert (file_of(ack), siaddr_of(ack), vendor(ack)) == ("ipxe.0", "10.77.0.2", [])
    assert ack.data[44:108].rstrip(b"\0") == b"10.77.0.2"


def test_a_dot_anywhere_saves_from_the_suffix() -> None:
    text = RANGE + "pxe-service=x86-64_EFI,Menu,dir.d/ipxe\n"
    assert file_of(answered(text, request_4011(7), port=4011, source=SOURCE)) == "dir.d/ipxe"


def test_local_boot_and_types_are_not_counted() -> None:
    text = SINGLE + "pxe-service=x86-64_EFI,Local\npxe-service=x86-64_EFI,Type,7\n"
    assert file_of(answered(text, discover(7))) == ""


def test_two_services_are_a_menu() -> None:
    text = SINGLE + "pxe-service=x86-64_EFI,Second,two\n"
    offer = answered(text, discover(7))
    assert (file_of(offer), siaddr_of(offer), vendor(offer)) == ("other", "10.9.9.9", [])
    ack = answered(text, request_4011(7), port=4011, source=SOURCE)
    assert [code for code, _ in vendor(ack)] == [6, 10, 8, 9]


def test_bios_has_its_menu_at_once() -> None:
    text = RANGE + "pxe-service=x86PC,Menu,undionly\ndhcp-boot=other\n"
    offer = answered(text, discover(0))
    assert file_of(offer) == "other"
    assert vendor(offer) == [
        (6, b"\3"),
        (10, b"\0PXE"),
        (8, b"\x80\0\1" + OWN.packed),
        (9, b"\x80\0\4Menu"),
    ]


# --- the menu -----------------------------------------------------------------------------------


def menu(text: str, *, has_prompt: bool = False) -> tuple[dict[int, bytes], list[str]]:
    config = read(text, "--no-hosts")
    lookups = Names(config.hosts_names)
    pairs = build_menu(config.services, OWN, lookups, has_prompt=has_prompt)
    return dict(pairs), lookups.warnings


def test_without_entries_the_client_takes_the_file() -> None:
    assert menu("") == ({6: b"\x08", 10: b"\0PXE"}, [])


def test_a_choice_waits() -> None:
    assert menu("pxe-service=0,A,a\npxe-service=0,B,b\n")[0][10] == b"\xffPXE"


def test_a_type_without_server_may_be_searched_by_broadcast() -> None:
    assert menu("pxe-service=0,A,7\n") == ({6: b"\2", 10: b"\0PXE", 9: b"\0\7\1A"}, [])
    assert menu("pxe-service=0,A,7,10.9.9.9\n", has_prompt=True) == (
        {6: b"\3", 8: b"\0\7\1\x0a\x09\x09\x09", 9: b"\0\7\1A"},
        [],
    )


def test_local_boot_has_no_server() -> None:
    assert menu("pxe-service=0,A\n")[0] == {6: b"\3", 10: b"\0PXE", 9: b"\0\0\1A"}


def test_we_serve_a_basename_whatever_server_is_given() -> None:
    assert menu("pxe-service=0,A,a,10.9.9.9\n")[0][8] == b"\x80\0\1" + OWN.packed


def test_a_text_area_that_is_too_large_costs_the_menu() -> None:
    text = f"pxe-service=0,{'x' * 249},a\n"
    assert len(menu(text)[0][9]) == 252
    assert menu(text.replace("x,", "xx,")) == ({}, ["PXE menu too large"])


def test_too_many_servers_cost_the_menu() -> None:
    text = "pxe-service=0,A,a\n" * 36
    assert len(menu(text)[0][8]) == 252
    assert menu(text + "pxe-service=0,A,a\n") == ({}, ["PXE menu too large"])


# --- prompts and vendor options -----------------------------------------------------------------


def test_vendor_options_and_prompts_come_last_line_first() -> None:
    text = RANGE + "pxe-prompt=P,5\ndhcp-option=vendor:PXE,200,abc\npxe-prompt=Q\n"
    assert vendor(answered(text, discover(0))) == [
        (6, b"\x08"),
        (10, b"\xffQ"),
        (200, b"abc"),
        (10, b"\5P"),
    ]


def test_a_class_is_found_anywhere_and_tags_must_hold() -> None:
    text = PROXY + "dhcp-option=vendor:Client,1,a\ndhcp-option=tag:no,vendor:PXEClient,2,b\n"
    text += "dhcp-option=vendor:Other,3,c\n"
    assert [code for code, _ in vendor(answered(text, discover(0)))] == [6, 1, 10]


def test_a_vendor_option_10_is_a_prompt() -> None:
    text = RANGE + "pxe-prompt=tag:no,P\ndhcp-option=vendor:PXEClient,10,05:41\n"
    assert vendor(answered(text, discover(0))) == [(6, b"\x08"), (10, b"\5A")]


def pxe_option(code: int, value: bytes, *tags: str, is_address_list: bool = False) -> PxeOption:
    return PxeOption(
        where=Location("f", 1),
        text="",
        tags=tuple(map(Tag, tags)),
        code=code,
        value=value,
        is_address_list=is_address_list,
    )


def test_tagged_pxe_options_replace_untagged_ones() -> None:
    lines = [pxe_option(67, b"a"), pxe_option(67, b"b"), pxe_option(66, b"c")]
    assert choose_pxe_options(lines, [], OWN) == ((66, b"c"), (67, b"b"))
    lines.append(pxe_option(67, b"d", "x"))
    assert choose_pxe_options(lines, ["x"], OWN) == ((67, b"d"), (66, b"c"))


def test_0_0_0_0_in_a_pxe_option_is_our_address() -> None:
    line = pxe_option(6, b"\0\0\0\0\1\1\1\1", is_address_list=True)
    assert choose_pxe_options([line], [], OWN) == ((6, OWN.packed + b"\1\1\1\1"),)


# --- a choice from the menu ---------------------------------------------------------------------

ITEMS = RANGE + "pxe-service=x86PC,A,a\npxe-service=7,B,b.efi,10.9.9.9\npxe-service=x86PC,C,7\n"


def item(kind: int, layer: int = 0) -> bytes:
    chosen = tlv(71, kind.to_bytes(2) + layer.to_bytes(2)) + b"\xff"
    return request_4011(0, options={43: chosen, 93: None})


def test_a_chosen_item_has_its_file_and_the_clients_address_in_yiaddr() -> None:
    ack = answered(ITEMS, item(0x8000, 3), port=4011, source=SOURCE)
    assert (file_of(ack), siaddr_of(ack)) == ("a.3", "10.77.0.2")
    assert ack.data[12:20] == bytes(4) + IPv4Address(SOURCE).packed
    assert vendor(ack) == [(71, b"\x80\0\0\3")]


def test_neither_arch_nor_tags_of_an_item_are_looked_at() -> None:
    ack = answered(ITEMS, item(0x8001), port=4011, source=SOURCE)
    assert (file_of(ack), siaddr_of(ack)) == ("b.efi", "10.9.9.9")


@pytest.mark.parametrize(
    ("kind", "layer", "reason"),
    [(7, 0, "unknown-item"), (0x8009, 0, "unknown-item"), (0x8000, 0x8000, "bis")],
)
def test_some_items_are_not_served(kind: int, layer: int, reason: str) -> None:
    assert silent(ITEMS, item(kind, layer), port=4011, source=SOURCE).reason == reason


def test_an_item_needs_an_address_in_a_range() -> None:
    datagram = request_4011(0, options={43: tlv(71, b"\x80\0\0\0"), 50: bytes(4)})
    assert silent(ITEMS, datagram, port=4011, source=SOURCE).reason == "item-range"


def test_an_ignored_client_gets_no_item() -> None:
    text = ITEMS + "dhcp-ignore=tag:eth0\n"
    silence = silent(text, item(0x8000), port=4011, source=SOURCE)
    assert (silence.reason, silence.is_logged) == ("item-ignored", False)


def test_an_item_may_be_chosen_on_port_67() -> None:
    ack = answered(ITEMS, item(0x8000), source=SOURCE)
    assert (str(ack.to), ack.to_port, ack.hardware) == (SOURCE, 68, b"\x52\x54\0\x12\x34\x56")


def test_a_server_of_no_name_and_no_address_is_unknown() -> None:
    assert int(Names({}).resolve(BootServer())) == 0


def test_a_request_may_have_neither_type_nor_arch() -> None:
    assert silent(PROXY, message((60, b"PXEClient")), port=4011).reason == "no-arch"
