"""Values of options: what dnsmasq takes them for.

What each form compares to was seen in a running dnsmasq 2.90.
"""

import pytest
from dnsmasq_text import read, refused

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.model import Elements, Prefix, Present, Substring, Value


def value(text: str) -> Value:
    (match,) = read(f"dhcp-match=set:x,{text}").matches
    return match.value


def hexed(value: str, mask: str = "") -> Prefix:
    octets = bytes.fromhex(value)
    return Prefix(Pattern(octets, bytes.fromhex(mask) if mask else b"\xff" * len(octets)))


def sub_option(text: str) -> bytes:
    (option,) = read(f"dhcp-option=vendor:PXEClient,200,{text}").vendor_options
    return option.value


# --- which type it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["175", "60,", '60,""', "60,s", "60,b", "59,"])
def test_nothing_or_a_lone_width_is_presence(text: str) -> None:
    assert value(text) == Present()


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("97,00:44:45", hexed("004445")),
        ("97,00:*:45", hexed("000045", "ff00ff")),
        ("97,*:*", hexed("0000", "0000")),
        ("97,0044:454c", hexed("0044")),
        ("93,0:7", hexed("0007")),
        ("93,:7", hexed("0700")),
        ("93,:", hexed("0000")),
        ("93,*:", hexed("0000", "ff00")),
        ("43,06:01", hexed("0601")),
    ],
)
def test_hex_digits_with_a_colon_are_a_prefix(text: str, pattern: Prefix) -> None:
    assert value(text) == pattern


@pytest.mark.parametrize("text", ["97,00:4*", "97,00:4*:45", "97,00:*4"])
def test_from_a_mixed_octet_on_all_is_zero(text: str) -> None:
    size = text.count(":") + 1
    assert value(text) == hexed("00" * size)


def test_a_mixed_octet_takes_the_wildcards_before_it_back() -> None:
    assert value("97,*:4*") == hexed("0000", "ffff")


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("93,7", "0007"),
        ("93,0007", "0007"),
        ("93,7b", "07"),
        ("93,7i", "00000007"),
        ("175,19", "13"),
        ("175,256", "0100"),
        ("175,65536", "00010000"),
        ("175,-1", "ffffffff"),
        ("175,0-3", "00"),
        ("97,00-44-45", "00"),
        ("13,7", "0007"),
        ("2,7", "00000007"),
        ("19,1", "01"),
        ("57,1500s", "05dc"),
    ],
)
def test_digits_are_a_number_of_the_option_s_width(text: str, octets: str) -> None:
    assert value(text) == Elements(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), ("60m", 3600), ("1h", 3600), ("2D", 172800), ("1w", 604800)]
)
@pytest.mark.parametrize("code", [51, 58, 59])
def test_times_are_seconds(code: int, text: str, seconds: int) -> None:
    assert value(f"{code},{text}") == Elements(seconds.to_bytes(4))


def test_a_time_without_digits_is_text() -> None:
    assert value("59,text") == Substring(b"text")
    assert value('58,"7"') == Substring(b"7")


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("50,10.88.0.77", "0a58004d"),
        ("200,10.88.0.77", "0a58004d"),
        ("6,1.2.3.4,5.6.7.8", "0102030405060708"),
        ("121,10.0.0.0/8,1.2.3.4", "080a01020304"),
        ("121,0.0.0.0/0,1.2.3.4", "0001020304"),
        ("121,1.2.3.4/32", "2001020304"),
        ("120,1.2.3.4", "0101020304"),
    ],
)
def test_dotted_quads_are_addresses(text: str, octets: str) -> None:
    assert value(text) == Elements(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("60,Arch:00007", "Arch:00007"),
        ("60,PXE*", "PXE*"),
        ("60,a,b", "a,b"),
        ("60,/1/2", "/1/2"),
        ("97,0x07", "0x07"),
        ("60,12a", "12a"),
        ("200,00:01 02", "00:01 02"),
        ("12,5", "5"),
        ("12,5b", "5"),
        ("66,1.2.3.4", "1.2.3.4"),
    ],
)
def test_anything_else_is_text(text: str, found: str) -> None:
    assert value(text) == Substring(found.encode())


@pytest.mark.parametrize("text", ["7", "00:07", "1.2.3.4", "1,2", "PXEClient:Arch:00007"])
def test_quotes_make_text_of_anything(text: str) -> None:
    assert value(f'60,"{text}"') == Substring(text.encode())


def test_domain_names_are_compared_as_on_the_wire() -> None:
    assert value("119,FOO.com,bar.org") == Elements(b"\3foo\3com\0\3bar\3org\0")
    assert value("120,foo.com") == Elements(b"\0\3foo\3com\0")


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [43, 52, 53, 55, 56, 57, 61, 81, 82, 118])
def test_some_options_take_no_plain_number(code: int) -> None:
    assert "doesn't accept a plain number" in refused(f"dhcp-match=set:x,{code},7").message


@pytest.mark.parametrize("text", ["50,7", "3,", "60,1,2", "60,1 2", "60,1.2", "60,1/2", "6,x"])
def test_what_looks_like_an_address_must_be_one(text: str) -> None:
    assert "is not an IPv4 address" in refused(f"dhcp-match=set:x,{text}").message


@pytest.mark.parametrize("text", ["1.2.3.4", "[x]", "::1,::zz"])
def test_an_ipv6_address_must_be_one(text: str) -> None:
    read("dhcp-option=option6:dns-server,[::1],::2")
    assert "is not an IPv6 address" in refused(f"dhcp-option=option6:23,{text}").message


@pytest.mark.parametrize(
    "text",
    ["x", "option:nosuch", "option6:nosuch", "tag:x,option:nosuch,7", '"7"', "vendor:PXEClient"],
)
def test_an_option_must_be_named(text: str) -> None:
    assert "the option is missing or unknown" in refused(f"dhcp-option={text}").message


@pytest.mark.parametrize("text", ["vendor:x,60", "encap:60,1", "vi-encap:1"])
def test_a_match_has_a_tag_and_looks_into_no_other_option(text: str) -> None:
    assert refused(f"dhcp-match={text}").key == "dhcp-match"


def test_an_option_is_inside_one_other_at_most() -> None:
    """dnsmasq 2.90 dies of it."""
    assert "is not allowed here" in refused("dhcp-option=vendor:x,encap:1,2,3").message
    assert "is not allowed here" in refused("dhcp-option=encap:1,vendor:x,2,3").message
    assert "can't be inside" in refused("dhcp-option=vendor:x,option6:59,a").message


@pytest.mark.parametrize(
    ("inside", "longest"), [("", 255), ("vendor:x,", 253), ("encap:1,", 253), ("vi-encap:1,", 250)]
)
def test_a_value_that_does_not_fit_is_refused(inside: str, longest: int) -> None:
    read(f"dhcp-option={inside}200,{'v' * longest}")
    error = refused(f"dhcp-option={inside}200,{'v' * (longest + 1)}")
    assert error.message == f"the value has {longest + 1} bytes; at most {longest} fit"


# --- inside option 43 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("1i", "00000001"),
        ("300", "012c"),
        ('"a,b"', "612c62"),
        ("0.0.0.0", "00000000"),
        ("05:41:42", "054142"),
        ("00:*", b"00:*".hex()),  # only a match has wildcards
        ("", ""),
    ],
)
def test_the_value_of_a_sub_option(text: str, octets: str) -> None:
    assert sub_option(text).hex() == octets


def test_what_is_known_of_an_option_does_not_hold_for_a_sub_option() -> None:
    (option,) = read("dhcp-option=vendor:PXEClient,93,7").vendor_options
    assert option.value == b"\7"
