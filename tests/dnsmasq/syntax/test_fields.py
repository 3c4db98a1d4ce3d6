"""The fields of a line: separators, numbers, tags, addresses and hexadecimal groups."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from dnsmasq_text import quoted
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.fields import (
    CHADDR_SIZE,
    HexText,
    has_test_prefix,
    leading_number,
    leading_tags,
    plain,
    read_hex,
    read_ipv4,
    read_ipv6,
    read_tag,
    split,
    split_all,
    whole_number,
    without_set,
)
from fastpxe.dnsmasq.syntax.model import Tag


def test_blanks_around_commas_go_and_others_stay() -> None:
    assert split_all("a b , c  ,,d") == ["a b", "c", "", "d"]


def test_the_last_of_so_many_fields_keeps_its_commas() -> None:
    assert split_all("a,b,c,d", at_most=3) == ["a", "b", "c,d"]
    assert split_all("a", at_most=3) == ["a"]


def test_split_distinguishes_no_rest_from_an_empty_rest() -> None:
    assert split("a") == ("a", None)
    assert split("a,") == ("a", "")


@pytest.mark.parametrize(
    ("text", "meant"),
    [("12", 12), ("", 0), ("007", 7), ("1x", None), ("-1", None), ("²", None), ("4294967295", -1)],
)
def test_a_whole_number_has_digits_only(text: str, meant: int | None) -> None:
    assert whole_number(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("12x", 12),
        ("x", 0),
        ("-1", -1),
        ("--1", 0),
        ("+7", 7),
        ("00-44", 0),
        ("2147483648", -2147483648),
        ("9" * 30, -1),
        ("-" + "9" * 30, 0),
        ("0" * 5000 + "5", 5),
    ],
)
def test_a_leading_number_is_what_atoi_gives(text: str, meant: int) -> None:
    assert leading_number(text) == meant


def test_quoted_digits_are_whole_numbers_but_lead_nothing() -> None:
    assert whole_number(quoted("12")) == 12
    assert leading_number(quoted("12")) == 0
    assert leading_number(plain(quoted("12"))) == 12


# --- tags ----------------------------------------------------------------------------------------


def test_an_exclamation_mark_or_a_hash_negates() -> None:
    assert [read_tag(name) for name in ("x", "!x", "#x", "")] == [
        Tag("x"),
        Tag("x", negated=True),
        Tag("x", negated=True),
        Tag(""),
    ]


def test_a_star_is_part_of_the_name() -> None:
    assert read_tag("x*") == Tag("x*")


def test_set_may_be_left_out() -> None:
    assert [without_set(field) for field in ("set:x", "x", "tag:x")] == ["x", "x", "tag:x"]


def test_a_quoted_prefix_is_none() -> None:
    assert has_test_prefix("tag:x")
    assert has_test_prefix("net:x")
    assert not has_test_prefix("set:x")
    assert not has_test_prefix(quoted("tag:x"))


def test_tags_lead_up_to_the_first_other_field() -> None:
    assert leading_tags("tag:a,net:!b,f,tag:c") == ((Tag("a"), Tag("b", negated=True)), "f,tag:c")
    assert leading_tags("f,tag:c") == ((), "f,tag:c")


def test_tags_alone_leave_nothing() -> None:
    assert leading_tags("tag:a") == ((Tag("a"),), None)
    assert leading_tags("tag:a,") == ((Tag("a"),), "")


# --- addresses -----------------------------------------------------------------------------------


def test_an_address_is_read() -> None:
    assert read_ipv4("192.0.2.1") == IPv4Address("192.0.2.1")
    assert read_ipv6("2001:db8::1") == IPv6Address("2001:db8::1")


@pytest.mark.parametrize(
    "field", ["", "1.2.3", "1.2.3.4 ", "01.2.3.4", "1.2.3.4/8", "x", quoted("1.2.3.4")]
)
def test_anything_else_is_no_ipv4_address(field: str) -> None:
    assert read_ipv4(field) is None


@pytest.mark.parametrize("field", ["", "::1%eth0", "[::1]", "1.2.3.4", quoted("::1")])
def test_anything_else_is_no_ipv6_address(field: str) -> None:
    assert read_ipv6(field) is None


# --- hexadecimal groups --------------------------------------------------------------------------


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
    assert read_hex(quoted("00:aa"), 9).octets == b"\0\xaa"


@given(st.binary(max_size=16))
def test_any_bytes_are_read_back(octets: bytes) -> None:
    assert mac(octets.hex(":")) == HexText(octets, (False,) * len(octets))
