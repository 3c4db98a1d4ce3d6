"""The directives that set tags."""

import pytest
from dnsmasq_text import read, refused

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpMatch,
    Elements,
    Ignore,
    Location,
    MacMatch,
    NameMatch,
    RelayMatch,
    Substring,
    Tag,
    TagIf,
    Tags,
)

HERE = Location("f.conf", 2)

BY_SUBSTRING = ["dhcp-vendorclass", "dhcp-userclass"]
BY_RELAY = ["dhcp-circuitid", "dhcp-remoteid", "dhcp-subscrid"]


def test_a_match_says_where_it_stands_and_what_it_compares() -> None:
    assert read("\ndhcp-match = set:a0 , 93 , 0  # BIOS").matches == (
        DhcpMatch(
            where=HERE,
            text="dhcp-match = set:a0 , 93 , 0",
            sets="a0",
            code=93,
            enterprise=None,
            value=Elements(b"\0\0"),
        ),
    )


@pytest.mark.parametrize("tag", ["set:x", "tag:x", "net:x", "x"])
def test_the_tag_of_a_match_has_any_prefix(tag: str) -> None:
    (match,) = read(f"dhcp-match={tag},option:client-arch,7").matches
    assert (match.sets, match.code) == ("x", 93)


def test_a_match_may_look_into_the_vendor_options_of_an_enterprise() -> None:
    (match,) = read("dhcp-match=set:vi,vi-encap:4491,hello").matches
    assert (match.enterprise, match.code, match.value) == (4491, 124, Substring(b"hello"))


@pytest.mark.parametrize("line", ["60,x", "set:a,set:b,60,x"])
def test_a_match_sets_one_tag(line: str) -> None:
    assert "one tag is required" in refused(f"dhcp-match={line}").message


def test_a_match_for_ipv6_is_noted() -> None:
    config = read("dhcp-match=set:x,option6:61,7")
    assert (config.matches, [note.key for note in config.notes]) == ((), ["dhcp-match"])


# --- classes, MAC addresses, relays, names -------------------------------------------------------


def test_the_classes_are_substrings_in_the_order_of_the_lines() -> None:
    config = read("dhcp-userclass=set:ipxe,iPXE\ndhcp-vendorclass=BIOS,  PXEClient:Arch:00000 ")
    assert config.class_matches == (
        ClassMatch(
            where=Location("f.conf", 1),
            text="dhcp-userclass=set:ipxe,iPXE",
            sets="ipxe",
            code=77,
            substring=b"iPXE",
        ),
        ClassMatch(
            where=HERE,
            text="dhcp-vendorclass=BIOS,  PXEClient:Arch:00000",
            sets="BIOS",
            code=60,
            substring=b"PXEClient:Arch:00000",
        ),
    )


@pytest.mark.parametrize("key", BY_SUBSTRING)
@pytest.mark.parametrize(
    ("value", "meant"), [("50:58:45", b"50:58:45"), ('"a, b"', b"a, b"), ("", b"")]
)
def test_a_class_is_always_text(key: str, value: str, meant: bytes) -> None:
    (match,) = read(f"{key}=set:x,{value}").class_matches
    assert match.substring == meant


def test_the_enterprise_of_a_vendor_class_does_not_count() -> None:
    (match,) = read("dhcp-vendorclass=set:x,enterprise:9,foo,bar").class_matches
    assert match.substring == b"foo,bar"
    refused("dhcp-userclass=set:x,enterprise:9,foo")


@pytest.mark.parametrize("key", [*BY_SUBSTRING, *BY_RELAY])
def test_a_comma_in_a_class_or_relay_id_is_refused(key: str) -> None:
    assert 'put the value in "quotes"' in refused(f"{key}=set:x,a,b").message


@pytest.mark.parametrize("key", [*BY_SUBSTRING, *BY_RELAY, "dhcp-mac", "dhcp-name-match"])
def test_a_tag_and_a_value_are_needed(key: str) -> None:
    assert refused(f"{key}=set:x").message == "a tag and a value are required; write set:TAG,VALUE"


@pytest.mark.parametrize("key", [*BY_SUBSTRING, *BY_RELAY])
@pytest.mark.parametrize("tag", ["tag:x", "net:x"])
def test_other_prefixes_are_part_of_the_tag_s_name(key: str, tag: str) -> None:
    config = read(f"{key}={tag},v")
    (match,) = (*config.class_matches, *config.relay_matches)
    assert match.sets == tag


@pytest.mark.parametrize(("key", "code"), list(zip(BY_RELAY, (1, 2, 6), strict=True)))
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("aa:bb:c", b"\xaa\xbb\x0c"),
        ("aabb", b"aabb"),
        ("112233", b"112233"),
        ("eth0/1", b"eth0/1"),
        ('"aa:bb"', b"aa:bb"),
        ("::", b"::"),
        ("", b""),
    ],
)
def test_a_relay_id_is_hex_only_with_a_colon(key: str, code: int, value: str, meant: bytes) -> None:
    assert read(f"\n{key}=set:x,{value}").relay_matches == (
        RelayMatch(where=HERE, text=f"{key}=set:x,{value}", sets="x", code=code, value=meant),
    )


@pytest.mark.parametrize(
    ("value", "htype", "octets", "mask"),
    [
        ("52:54:00:12:34:5A", None, "52540012345a", "ff" * 6),
        ('"52:54:00:12:34:56"', None, "525400123456", "ff" * 6),
        ("52:54:*:*:*:*", None, "525400000000", "ffff00000000"),
        ("01-52:54:00", 1, "525400", "ffffff"),
        ("00-52:54:00", None, "525400", "ffffff"),
        ("52-54-00-12-34-56", 0x52, "5400123456", "ff" * 5),
    ],
)
def test_a_mac_address(value: str, htype: int | None, octets: str, mask: str) -> None:
    assert read(f"\ndhcp-mac=set:x,{value}").mac_matches == (
        MacMatch(
            where=HERE,
            text=f"dhcp-mac=set:x,{value}",
            sets="x",
            htype=htype,
            pattern=Pattern(bytes.fromhex(octets), bytes.fromhex(mask)),
        ),
    )


@pytest.mark.parametrize("value", ["zz", "1*:2", "52:54:00:12:34:56,more"])
def test_what_is_no_mac_address_is_refused(value: str) -> None:
    assert "is not a MAC address; write 52:54:00:12:34:56" in refused(f"dhcp-mac=x,{value}").message


@pytest.mark.parametrize(
    ("value", "name", "is_prefix"),
    [("lab1", "lab1", False), ("lab*", "lab", True), ("*", "", True)],
)
def test_a_name(value: str, name: str, *, is_prefix: bool) -> None:
    assert read(f"\ndhcp-name-match=set:x,{value}").name_matches == (
        NameMatch(
            where=HERE,
            text=f"dhcp-name-match=set:x,{value}",
            sets="x",
            name=name,
            is_prefix=is_prefix,
        ),
    )


def test_an_empty_name_is_refused() -> None:
    assert "the name is missing" in refused("dhcp-name-match=set:x,").message


# --- tag-if and dhcp-ignore ----------------------------------------------------------------------


def test_tag_if_has_its_fields_in_any_order() -> None:
    assert read("\ntag-if=tag:a,set:b,tag:!c*,set:d").tag_ifs == (
        TagIf(
            where=HERE,
            text="tag-if=tag:a,set:b,tag:!c*,set:d",
            sets=("b", "d"),
            tags=(Tag("a"), Tag("c", negated=True, wildcard=True)),
        ),
    )


@pytest.mark.parametrize("line", ["tag:x", "set:", "set:a,", "set:a,tag:", "set:a,net:b", "x", ""])
def test_tag_if_sets_a_tag_and_tests_others(line: str) -> None:
    assert "write set:NEW,tag:OLD" in refused(f"tag-if={line}").message


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("tag:a,net:b,c", (Tag("a"), Tag("b"), Tag("c"))),
        ("tag:!known", (Tag("known", negated=True),)),
        ("!known", (Tag("known", negated=True),)),
        ("set:x", (Tag("set:x"),)),
        ("x*", (Tag("x*"),)),
    ],
)
def test_dhcp_ignore_tests_tags(line: str, tags: Tags) -> None:
    assert read(f"\ndhcp-ignore={line}").ignores == (
        Ignore(where=HERE, text=f"dhcp-ignore={line}", tags=tags),
    )
