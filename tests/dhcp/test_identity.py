"""MAC addresses and UUIDs, as written and as sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packets import GUID, GUID_TEXT

from fastpxe.dhcp.identity import (
    Pattern,
    format_mac,
    format_uuid,
    microsoft_order,
    parse_mac,
    parse_uuid,
)

WIRE_TEXT = format_uuid(GUID)


def holds(pattern: Pattern, value: bytes) -> bool:
    pairs = zip(pattern.value, pattern.mask, value, strict=True)
    return all((wanted ^ found) & mask == 0 for wanted, mask, found in pairs)


def is_mac(text: str, address: str) -> bool:
    return holds(parse_mac(text), bytes.fromhex(address))


def is_uuid(text: str, uuid: bytes) -> bool:
    return any(holds(pattern, uuid) for pattern in parse_uuid(text))


@pytest.mark.parametrize(
    "text",
    ["18:66:da:01:02:03", "18-66-DA-01-02-03", " 18:66:da:01:02:03 ", "18:66:da:*", "18:66:*",
     "*", "*:*:*:*:*:*", "18:66:da:01:02:*", "18:*:da:*:02:03", "1?:?6:da:01:02:03", "??:66:*"],
)  # fmt: skip
def test_a_mac_is_its_pattern(text: str) -> None:
    assert is_mac(text, "1866da010203")


@pytest.mark.parametrize(
    "text",
    ["18:66:da:01:02:04", "18:66:db:*", "19:*", "2?:66:da:01:02:03", "18:*:db:*:02:03"],
)
def test_a_mac_is_not_another_pattern(text: str) -> None:
    assert not is_mac(text, "1866da010203")


@pytest.mark.parametrize(
    "text",
    ["", "18:66:da:01:02", "18:66:da:01:02:03:04", "18:66:da:01:02:03:*", "1866da010203", "18:66",
     "18:66:da:01:02:g3", "18:66:da:01:02:3", "18:66:da:01:02:003", "18:66:d*", "18:**:*"],
)  # fmt: skip
def test_what_is_no_mac_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"MAC address|octet"):
        parse_mac(text)


@given(st.binary(min_size=6, max_size=6))
def test_a_written_mac_is_read_as_the_same(address: bytes) -> None:
    assert parse_mac(format_mac(1, address)) == Pattern(address, b"\xff" * 6)


@given(st.binary(min_size=6, max_size=6), st.integers(1, 5))
def test_a_mac_has_all_its_prefixes(address: bytes, octets: int) -> None:
    assert holds(parse_mac(address[:octets].hex(":") + ":*"), address)


def test_a_hardware_address_that_is_not_ethernets_is_written_with_its_type() -> None:
    assert format_mac(32, b"\1\2\3") == "20-01:02:03"


@pytest.mark.parametrize(
    "text",
    [
        GUID_TEXT,
        GUID_TEXT.upper(),
        "{" + GUID_TEXT + "}",
        GUID_TEXT.replace("-", ""),
        WIRE_TEXT,
        GUID.hex(":"),
        GUID.hex(" "),
        "00" + GUID.hex(),
        "00:" + GUID.hex(":"),
        "4c4c4544*",
        "44454c4c*",
        "4c4c4544-0038-36*",
        "44454c4c-3800-10*",
        GUID_TEXT[:-1] + "*",
        "4*",
        " " + GUID_TEXT + " ",
        "00:44:45:4c:4c" + ":??" * 12,
        "00" + "?" * 32,
    ],
)
def test_a_uuid_is_itself_in_both_byte_orders_whole_or_begun(text: str) -> None:
    assert is_uuid(text, GUID)


@pytest.mark.parametrize(
    "text",
    [
        GUID_TEXT[:-1] + "2",
        "5*",
        "44454c4d*",
        # Option 97 itself is in the wire's order, and in no other.
        "00" + GUID_TEXT.replace("-", ""),
        "00:4c:4c:45:44" + ":??" * 12,
    ],
)
def test_a_uuid_is_not_another(text: str) -> None:
    assert not is_uuid(text, GUID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "-",
        "4c4c4544",
        GUID_TEXT + "00",
        "01" + GUID.hex(),
        "4c4c454g*",
        "dell*",
        "??" * 16,
        "01" + "?" * 32,
    ],
)
def test_what_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        parse_uuid(text)


def test_a_uuid_that_reads_the_same_both_ways_is_one_pattern() -> None:
    assert parse_uuid("0" * 32) == (Pattern(bytes(16), b"\xff" * 16),)


@given(st.binary(min_size=16, max_size=16))
def test_the_swap_of_byte_orders_is_its_own_inverse(uuid: bytes) -> None:
    assert microsoft_order(microsoft_order(uuid)) == uuid


@given(st.binary(min_size=16, max_size=16))
def test_a_written_uuid_is_found_as_sent_and_as_printed(uuid: bytes) -> None:
    text = format_uuid(uuid)
    assert is_uuid(text, uuid)
    assert is_uuid(text, microsoft_order(uuid))


@given(st.text(max_size=40))
def test_any_text_is_a_mac_or_a_value_error(text: str) -> None:
    try:
        pattern = parse_mac(text)
    except ValueError:
        return
    assert len(pattern.value) == len(pattern.mask) == 6


@given(st.text(max_size=60) | st.text("0123456789abcdef-*", max_size=40))
def test_any_text_is_a_uuid_or_a_value_error(text: str) -> None:
    try:
        patterns = parse_uuid(text)
    except ValueError:
        return
    assert {len(p.value) for p in patterns} | {len(p.mask) for p in patterns} == {16}
