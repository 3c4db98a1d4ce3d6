"""Which tags a client has, and in which order they are set."""

import pytest
from dnsmasq_asked import PROXY, answered, ask, tags_of
from packets import MAC, discover, tlv

IPXE = {77: b"iPXE", 175: b"\x13\1\1"}


def tags(text: str, options: dict[int, bytes | None] | None = None, **fields: bytes) -> list[str]:
    datagram = discover(arch=7, options=options, **fields)  # type: ignore[arg-type]
    return tags_of(ask(PROXY + text, datagram))


def test_the_interface_is_the_first_tag() -> None:
    answer = answered(PROXY, discover())
    assert [str(tag) for tag in answer.tags] == ["eth0 (the interface)"]


def test_each_tag_names_its_line() -> None:
    answer = answered(PROXY + "dhcp-match=set:efi,93,7\n", discover(7))
    assert str(answer.tags[1]) == "efi (f.conf:3)"


def test_lines_are_read_from_the_last_to_the_first() -> None:
    assert tags("dhcp-match=set:a,93,7\ndhcp-match=set:b,93,7\n") == ["b", "a"]


def test_kinds_of_lines_are_read_in_a_fixed_order() -> None:
    text = """
dhcp-name-match=set:name,lab*
dhcp-userclass=set:user,iPXE
dhcp-vendorclass=set:vendor,PXEClient
dhcp-match=set:match,175
dhcp-mac=set:mac,52:54:00:*:*:*
dhcp-circuitid=set:relay,port
tag-if=set:derived,tag:mac
"""
    options = {**IPXE, 12: b"lab7", 82: tlv(1, b"port")}
    assert tags(text, options) == ["relay", "mac", "match", "vendor", "user", "name", "derived"]


@pytest.mark.parametrize(
    ("value", "option", "is_found"),
    [
        ("97,00:44:*:4c", b"\0DELL", True), ("97,44:45", b"\0DELL", False),
        ("97,00:44", b"\0", False), ("93,7", b"\0\0\0\7", True), ("93,7b", b"\7\0", True),
        ("93,7", b"\0\0\7", False), ("60,Arch:00007", b"xArch:00007x", True),
        ("60,arch", b"Arch", False), ("12", b"x", True), ("12", b"", False),
        ("50,10.0.0.7", b"\1\2\3\4\x0a\0\0\7", True), ("50,10.0.0.7", b"\1\x0a\0\0\7", False),
    ],
)  # fmt: skip
def test_dhcp_match_compares_by_the_form_of_its_value(
    value: str, option: bytes, *, is_found: bool
) -> None:
    code = int(value.partition(",")[0])
    assert tags(f"dhcp-match=set:x,{value}\n", {code: option}) == (["x"] if is_found else [])


@pytest.mark.parametrize(
    ("option", "is_found"),
    [
        (b"\0\0\x11\x8b\6\5hello", True), (b"\0\0\x11\x8c\6\5hello", False),
        (b"\0\0\0\1\0\0\0\x11\x8b\6\5hello", True), (b"\0\0\x11\x8b\6\5jello", False),
        (b"\0\0\x11\x8b\x09\5hello", False),
    ],
)  # fmt: skip
def test_vi_encap_looks_into_one_enterprises_strings(option: bytes, *, is_found: bool) -> None:
    text = "dhcp-match=set:x,vi-encap:4491,hello\n"
    assert tags(text, {124: option}) == (["x"] if is_found else [])


def test_dhcp_match_sees_the_counts_of_the_user_class_and_dhcp_userclass_does_not() -> None:
    text = "dhcp-match=set:counted,77,04:69\ndhcp-userclass=set:bare,iPXE\n"
    assert tags(text, {77: b"\4iPXE"}) == ["counted", "bare"]


def test_a_mac_has_as_many_octets_as_hlen_says() -> None:
    assert tags("dhcp-mac=set:short,52:54:00\n") == []
    assert tags("dhcp-mac=set:typed,06-52:54:00:*:*:*\n") == []


def test_relay_ids_are_exact() -> None:
    assert tags("dhcp-circuitid=set:x,port\n", {82: tlv(1, b"port2")}) == []


def test_a_broadband_device_is_tagged() -> None:
    device = (3561).to_bytes(4) + b"\6" + tlv(1, b"a") + tlv(2, b"b")
    assert tags("", {125: device}) == ["cpewan-id"]
    assert tags("", {125: (3561).to_bytes(4) + b"\3" + tlv(1, b"a")}) == []


def test_tag_if_is_one_pass_in_the_order_of_the_configuration() -> None:
    text = """
tag-if=set:late,tag:middle
tag-if=set:middle,tag:efi
tag-if=set:last,tag:mid*,tag:!late
dhcp-match=set:efi,93,7
"""
    assert tags(text) == ["efi", "middle", "last"]


def test_a_range_sets_its_tag_after_all_others_and_tag_if_runs_again() -> None:
    text = """dhcp-range=set:lan,10.77.0.0,proxy
pxe-prompt=P
tag-if=set:derived,tag:lan
dhcp-boot=lan.efi,,
dhcp-boot=tag:derived,derived.efi
"""
    assert tags_of(answered(text, discover())) == ["lan", "derived"]


# --- dhcp-host ----------------------------------------------------------------------------------


def test_a_known_host_has_its_tags() -> None:
    assert tags("dhcp-host=52:54:00:12:34:56,set:a,set:b\n") == ["known", "b", "a"]


def test_later_hosts_and_exact_addresses_come_first() -> None:
    text = """
dhcp-host=52:54:00:12:34:56,set:exact
dhcp-host=52:54:*:*:*:*,set:wild
dhcp-host=52:54:00:*:*:*,set:closer
"""
    assert tags(text) == ["known", "exact"]
    assert tags(text, chaddr=MAC[:3] + b"\1\2\3") == ["known", "closer"]


def test_a_client_id_beats_the_mac() -> None:
    text = "dhcp-host=id:box,set:id\ndhcp-host=52:54:00:12:34:56,set:mac\n"
    assert tags(text, {61: b"\0box"}) == ["known", "id"]
    assert tags(text, {61: b"box2"}) == ["known", "mac"]


def test_a_host_whose_tags_hold_beats_one_without() -> None:
    text = """
dhcp-match=set:efi,93,7
dhcp-host=52:54:00:12:34:56,tag:efi,set:filtered
dhcp-host=52:54:00:12:34:56,set:plain
"""
    assert tags(text) == ["efi", "known", "filtered"]


def test_a_host_with_an_address_elsewhere_is_known_elsewhere() -> None:
    assert tags("dhcp-host=52:54:00:12:34:56,set:a,10.99.0.1\n") == ["known-othernet"]


def test_a_name_finds_a_host_that_names_nothing_else() -> None:
    assert tags("dhcp-host=lab1,set:a\n", {12: b"LAB1.example"}) == ["known", "a"]
    assert tags("dhcp-host=00:11:22:33:44:55,lab1,set:a\n", {12: b"lab1"}) == []


def test_a_host_may_be_known_elsewhere_and_by_name() -> None:
    text = "dhcp-host=52:54:00:12:34:56,10.99.0.1\ndhcp-host=lab1,set:a\n"
    assert tags(text, {12: b"lab1"}) == ["known-othernet", "known", "a"]  # dnsmasq hangs here


def test_name_match_takes_the_whole_name_in_any_case() -> None:
    text = "dhcp-name-match=set:whole,lab1\ndhcp-name-match=set:prefix,LAB*\n"
    assert tags(text, {12: b"LAB1"}) == ["prefix", "whole"]
    assert tags(text, {12: b"lab1.example"}) == ["prefix"]
