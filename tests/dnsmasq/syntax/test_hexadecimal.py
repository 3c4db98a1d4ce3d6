"""Hex groups, wildcards and hardware types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.hexadecimal import CHADDR_SIZE, HexText, read_hex
from fastpxe.dnsmasq.syntax.lines import hide


def mac(text: str) -> HexText:
    return read_hex(text, CHADDR_SIZE, has_type=True)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("52:54:00:12:34:5A", "52540012345a"),
        ("525400123456", "525400123456"),
        ("2:54:0:12:34:56", "025400123456"),
        ("52 54 00", "525400"),
        ("52:::54", "5254"),
        ("525", "5205"),
        ("", ""),
        (":", ""),
    ],
)
def test_octets_are_read(text: str, octets: str) -> None:
    assert mac(text).octets.hex() == octets


def test_what_stands_before_a_first_dash_is_the_type() -> None:
    assert (mac("01-52:54").htype, mac("01-52:54").octets.hex()) == (1, "5254")
    assert (mac("52-54-00").htype, mac("52-54-00").octets.hex()) == (0x52, "5400")
    assert (mac("52:54-00").htype, mac("52:54-00").octets.hex()) == (0, "525400")
    assert read_hex("52-54", 9).octets.hex() == "5254"


def test_a_star_lets_any_octet_through() -> None:
    assert mac("52:*:00").pattern() == Pattern(b"\x52\0\0", b"\xff\0\xff")


def test_only_the_last_32_octets_have_wildcards() -> None:
    mask = read_hex(":".join("*" * 40), 40).pattern().mask
    assert mask == b"\xff" * 8 + b"\0" * 32


@pytest.mark.parametrize("text", ["1*", "*1", "**", "zz", "0044*", "52:5g"])
def test_other_groups_are_not_valid(text: str) -> None:
    assert not mac(text).is_valid


def test_what_came_before_a_wrong_group_is_there() -> None:
    assert read_hex("00:4*:05", 3) == HexText(b"\0", (False,), 0, is_valid=False)


def test_what_is_beyond_the_size_is_not_looked_at() -> None:
    assert read_hex("00:11:zz", 2) == HexText(b"\0\x11", (False, False))
    assert read_hex("001122", 2).octets == b"\0\x11"


def test_quoted_digits_count() -> None:
    assert read_hex(hide("00:aa"), 9).octets == b"\0\xaa"


@given(st.binary(max_size=16))
def test_any_bytes_are_read_back(octets: bytes) -> None:
    assert mac(octets.hex(":")) == HexText(octets, (False,) * len(octets))
