"""Messages in words: right for what is right, and never an error for what isn't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packets import GUID, GUID_TEXT, OUR_ADDRESS, discover, message

from fastpxe.dhcp.decode import arch_name, decode, meaning


def test_a_discover_reads_as_it_was_made() -> None:
    decoded = decode(discover(arch=7, xid=0x1234, giaddr=OUR_ADDRESS))
    assert decoded.xid == "00001234"
    assert decoded.giaddr == str(OUR_ADDRESS)
    assert decoded.chaddr == "52:54:00:12:34:56"
    assert [option.code for option in decoded.options] == [53, 57, 55, 97, 94, 93, 60]


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [
        (53, b"\x01", "DISCOVER"),
        (53, b"\x63", "unknown"),
        (54, OUR_ADDRESS.packed, str(OUR_ADDRESS)),
        (57, b"\x05\xc0", "1472"),
        (93, b"\x00\x07\x00\x10", "uefi-x64 (7), uefi-x64-http (16)"),
        (93, b"\x07", "07"),
        (97, b"\0" + GUID, f"{GUID_TEXT}, on the wire 00:{GUID.hex(':')}"),
        (60, b"PXEClient", "'PXEClient'"),
        (67, b"boot.efi\0", "'boot.efi'"),
        (43, bytes.fromhex("060108ff"), "discovery control 08"),
        (
            43,
            bytes.fromhex("0807800101c000020a 0a034e4821 090780010450584521 ff"),
            "boot servers 32769 at 192.0.2.10; menu prompt 'H!', 78 s; boot menu 32769 'PXE!'",
        ),
        (
            175,
            bytes.fromhex("b10501020304051301011801012f0101"),
            "sub-option 177 01:02:03:04:05, http, bzimage, sub-option 47 01",
        ),
        (175, b"", "empty"),
        (200, b"\x01\x02", "01:02"),
    ],
)
def test_options_in_words(code: int, value: bytes, words: str) -> None:
    assert meaning(code, value) == words


def test_an_architecture_nobody_assigned_is_unknown() -> None:
    assert arch_name(9999) == "unknown"


def test_lines_leave_out_fields_that_are_zero() -> None:
    lines = list(decode(discover(arch=7)).lines())
    assert lines[0].startswith("3")
    assert not any(line.startswith(("ciaddr", "yiaddr", "siaddr", "giaddr")) for line in lines)


@given(st.binary(max_size=600))
def test_any_bytes_can_be_decoded(data: bytes) -> None:
    list(decode(data).lines())


@given(st.integers(0, 255), st.binary(max_size=255))
def test_any_option_can_be_decoded(code: int, value: bytes) -> None:
    list(decode(message((code, value))).lines())
