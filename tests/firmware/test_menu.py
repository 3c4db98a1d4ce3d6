"""Menus that firmware shows, and what it gets for a choice: statements M01 to M15."""
# ruff: noqa: N802 - M01 and the like are the numbers of the protocol statements

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packets import (
    CLIENT,
    OTHER_OWN_ADDRESS,
    OUR_ADDRESS,
    discover,
    discovery,
    ipxe_discover,
    request_4011,
    tlv,
    u16,
)
from responder import Answer, Responder

from fastpxe.dhcp.constants import MessageType
from fastpxe.errors import ConfigError
from fastpxe.firmware.menu import (
    ITEMS_MAX,
    OPTION_43_MAX,
    TEXT_MAX,
    Item,
    Menu,
    excess,
    vendor_options,
)
from fastpxe.policy import config

TEXT = """
[[boot]]
name = "menu"
prompt = "Press F8"
timeout_s = 3

[[boot.item]]
text = "Deploy"
file = "deploy.efi"

[[boot.item]]
text = "Local disk"
local = true

[[boot.item]]
text = "Memory test"
file = "memtest.efi"
"""
MENU = Responder(TEXT)
PLAIN = Responder('[[boot]]\nfile = "f"')


def offered(arch: int = 7) -> dict[int, bytes]:
    return dict(MENU.hear(discover(arch)).reply.vendor)


def chosen(kind: int, *, port: int = 4011, address: IPv4Address = OUR_ADDRESS) -> Answer:
    return MENU.hear(discovery(kind, 5), port=port, source=CLIENT, address=address)


@pytest.mark.parametrize("arch", [0, 6, 7, 11])
def test_M01_control_servers_menu_and_prompt_come_together(arch: int) -> None:
    assert list(offered(arch)) == [6, 8, 9, 10]


def test_M02_M03_firmware_searches_by_unicast_alone() -> None:
    assert offered()[6] == b"\x07"


def test_M03_M04_every_type_of_the_menu_is_listed_with_one_address() -> None:
    own = b"\1" + OUR_ADDRESS.packed
    assert offered()[8] == u16(0x8000) + own + u16(0x8001) + own


def test_M06_M07_items_keep_their_order_and_have_types_of_our_own() -> None:
    first, disk, last = b"Deploy", b"Local disk", b"Memory test"
    assert offered()[9] == (
        u16(0x8000) + bytes([len(first)]) + first
        + u16(0) + bytes([len(disk)]) + disk
        + u16(0x8001) + bytes([len(last)]) + last
    )  # fmt: skip


def test_the_prompt_has_the_seconds_in_front() -> None:
    assert offered()[10] == b"\x03Press F8"


def test_an_offer_of_a_menu_names_no_file() -> None:
    reply = MENU.hear(discover(7)).reply
    assert (reply.file, 67 in reply.options, reply.siaddr) == ("", False, OUR_ADDRESS)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('text = ""\nfile = "f"', "1 to 69 printable"),
        (f'text = "{"t" * 70}"\nfile = "f"', "1 to 69 printable"),
        ('text = "é"\nfile = "f"', "1 to 69 printable"),
    ],
)
def test_M05_texts_are_short_and_plain(lines: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(f"[[boot]]\n[[boot.item]]\n{lines}", "test")


def test_M05_a_menu_has_24_items_at_most() -> None:
    items = "".join(f'[[boot.item]]\ntext = "{i}"\nlocal = true\n' for i in range(24))
    with pytest.raises(ConfigError, match="25 items; firmware shows 24"):
        config.parse(f'[[boot]]\n{items}[[boot.item]]\ntext = "f"\nfile = "f"', "test")


def test_M08_a_menu_too_long_for_option_43_is_refused_with_by_how_much() -> None:
    items = "".join(f'[[boot.item]]\ntext = "{"t" * 60}"\nfile = "f{i}"\n' for i in range(4))
    with pytest.raises(ConfigError, match="47 bytes too long for option 43"):
        config.parse(f"[[boot]]\n{items}", "test")


@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=TEXT_MAX), st.booleans()),
        min_size=1, max_size=ITEMS_MAX,
    ),
    st.text("xyz", max_size=60),
)  # fmt: skip
def test_M08_what_is_counted_is_what_is_sent(items: list[tuple[str, bool]], prompt: str) -> None:
    menu = Menu(
        prompt=prompt,
        timeout_s=1,
        items=tuple(Item(text=text, file="f" if has_file else None) for text, has_file in items),
    )
    if not excess(menu) and menu.files:
        assert len(vendor_options(menu, OUR_ADDRESS)) <= OPTION_43_MAX
    if excess(menu) == 0 < len(menu.files):
        longer = Menu(prompt=prompt + "p" * 254, timeout_s=1, items=menu.items)
        assert excess(longer) > 0


@pytest.mark.parametrize("port", [67, 4011])
@pytest.mark.parametrize(("kind", "file"), [(0x8000, "deploy.efi"), (0x8001, "memtest.efi")])
def test_M09_M10_M14_a_choice_gets_its_file_and_its_item_back(
    port: int, kind: int, file: str
) -> None:
    reply = chosen(kind, port=port).reply
    assert (reply.kind, reply.file) == (MessageType.ACK, file)
    assert reply.vendor == [(71, u16(kind, 5))]


def test_M11_the_server_of_a_choice_is_the_one_that_was_listed() -> None:
    reply = chosen(0x8001, address=OTHER_OWN_ADDRESS).reply
    assert (reply.siaddr, reply.server_id) == (OTHER_OWN_ADDRESS, OTHER_OWN_ADDRESS)
    asked = MENU.hear(discover(7), address=OTHER_OWN_ADDRESS).reply
    assert OTHER_OWN_ADDRESS.packed in dict(asked.vendor)[8]


@pytest.mark.parametrize("kind", [0, 1, 0x7FFF, 0x8002, 0xFFFF])
def test_M12_a_type_that_is_not_served_gets_silence(kind: int) -> None:
    assert chosen(kind).reason == "unserved_item"


def test_M12_without_a_menu_no_type_of_a_menu_is_served() -> None:
    assert PLAIN.hear_on_4011(discovery(0x8000)).reason == "unserved_item"


def test_M13_a_request_for_credentials_gets_silence() -> None:
    answer = MENU.hear_on_4011(discovery(0x8000, 0x8000))
    assert (answer.reason, answer.payload) == ("credentials", b"")


@pytest.mark.parametrize("size", range(4))
def test_M15_a_short_item_is_none(size: int) -> None:
    asked = request_4011(options={43: tlv(71, bytes([0x80, 0, 0, 0])[:size])})
    reply = MENU.hear_on_4011(asked).reply
    assert (reply.file, reply.vendor) == ("deploy.efi", [])


def test_a_request_without_a_choice_gets_the_first_file() -> None:
    assert MENU.hear_on_4011(request_4011(7)).reply.file == "deploy.efi"


def test_P27_ipxe_gets_the_first_file_and_no_menu() -> None:
    reply = MENU.hear(ipxe_discover(7)).reply
    assert (reply.file, reply.vendor) == ("deploy.efi", [])


def test_http_boot_gets_the_first_file_where_there_is_a_server_for_it() -> None:
    asked = discover(16, family="HTTPClient")
    reply = Responder("[http]\nenabled = true\n" + TEXT).hear(asked).reply
    assert reply.file == "http://10.77.0.2/deploy.efi"


def test_menus_of_several_rules_have_files_of_their_own() -> None:
    both = Responder(
        TEXT.replace('name = "menu"', 'name = "bios"\narch = "bios"').replace(".efi", ".0") + TEXT
    )
    files = [
        both.hear(discovery(0x8001, arch=arch), port=4011, source=CLIENT).reply.file
        for arch in (0, 7)
    ]
    assert files == ["memtest.0", "memtest.efi"]
