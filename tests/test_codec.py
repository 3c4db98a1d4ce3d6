"""The parser: statements C1 to C37 on what is read and what is written, and any bytes at all."""
# ruff: noqa: N802 - C01 and the like are the numbers of the protocol statements

import inspect
from ipaddress import IPv4Address

import pytest
import reference
from hypothesis import example, given
from hypothesis import strategies as st
from packets import (
    GUID,
    GUID_TEXT,
    HEADER,
    HEADER_FIELDS,
    class_of,
    discover,
    header,
    ipxe_discover,
    message,
    request_4011,
    tlv,
    tlvs,
    u16,
)
from responder import EVERY_KIND, Responder
from strategies import Heard, answerable, datagrams, requests

from fastpxe._codec import REASONS, Matcher
from fastpxe.dhcp._request import Request
from fastpxe.dhcp.constants import MAGIC_COOKIE
from fastpxe.dhcp.identity import format_uuid, microsoft_order
from fastpxe.dhcp.match_rule import MatchRule
from fastpxe.errors import MalformedPacket

EVERY = Responder(EVERY_KIND)


def refusal(datagram: bytes) -> str:
    with pytest.raises(MalformedPacket) as caught:
        Request(datagram)
    return caught.value.reason


def facts_of(request: Request) -> reference.Facts:
    """The same facts as the reference parser gives, from the fast one."""
    found = {code: request.option(code) for code in range(256)}
    asked = {
        name: getattr(request, name)
        for name in reference.Facts._fields
        if name not in {"options", "vendor_classes", "vendor_infos"}
    }
    return reference.Facts(
        options={code: value for code, value in found.items() if value is not None},
        vendor_classes=request.enterprise(124),
        vendor_infos=request.enterprise(125),
        **asked,
    )


def read_by_both(datagram: bytes) -> tuple[reference.Facts | str, reference.Facts | str]:
    """What the fast and the slow parser make of a datagram: facts, or the reason for none."""
    fast: reference.Facts | str
    slow: reference.Facts | str
    try:
        fast = facts_of(Request(datagram))
    except MalformedPacket as malformed:
        fast = malformed.reason
    try:
        slow = reference.read(datagram)
    except reference.RefusedError as refused:
        slow = str(refused)
    return fast, slow


# --- C1 to C8: header, areas, repeats ------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 235, 236, 239])
def test_C01_a_datagram_below_240_bytes_is_refused(size: int) -> None:
    assert refusal(header()[:size]) == "short"


@pytest.mark.parametrize("magic", [b"\0\0\0\0", b"\x63\x82\x53\x64", b"\x63\x53\x82\x63"])
def test_C01_another_magic_is_refused(magic: bytes) -> None:
    assert refusal(message((53, b"\1"), magic=magic)) == "bad_magic"


@pytest.mark.parametrize("op", [0, 2, 3, 255])
def test_C02_only_op_1_is_a_request(op: int) -> None:
    assert refusal(message((53, b"\1"), op=op)) == "not_a_request"


@pytest.mark.parametrize("tail", [b"\x3c", b"\x3c\x09", b"\x3c\xffPXEClient", b"\x3c\x0aPXEClient"])
def test_C03_an_overrunning_option_ends_its_area_and_earlier_ones_stand(tail: bytes) -> None:
    request = Request(message((53, b"\1"), end=tail))
    assert (request.message_type, request.option(60), request.is_truncated) == (1, None, True)


def test_C03_an_overrun_in_the_file_field_is_noted_too() -> None:
    request = Request(message((52, b"\1"), file=tlv(53, b"\1") + b"\x3c\xff"))
    assert (request.message_type, request.is_truncated) == (1, True)


def test_C03_an_overrun_in_the_file_field_does_not_end_the_sname_field() -> None:
    request = Request(message((52, b"\3"), file=b"\x3c\xff", sname=tlv(53, b"\1")))
    assert request.message_type == 1


@given(st.integers(1, 254), st.integers(0, 255), st.binary(max_size=255))
def test_C03_a_value_has_the_bytes_that_are_there_or_none(
    code: int, size: int, rest: bytes
) -> None:
    value = rest[:size]
    request = Request(header() + bytes([code, size]) + value)
    assert request.option(code) == (value if len(value) == size else None)


def test_C04_pads_are_one_byte_each() -> None:
    request = Request(header() + b"\0\0\0" + tlv(53, b"\1") + b"\0" + tlv(60, b"PXEClient"))
    assert (request.message_type, request.option(60)) == (1, b"PXEClient")


def test_C04_nothing_counts_after_the_end() -> None:
    request = Request(message((53, b"\1"), end=b"\xff" + tlv(60, b"PXEClient")))
    assert (request.option(60), request.is_truncated) == (None, False)


@pytest.mark.parametrize("code", [0, 255])
def test_C04_pad_and_end_are_no_options(code: int) -> None:
    assert Request(header() + b"\0\0\0\xff\2ab").option(code) is None


def test_C05_the_end_option_may_be_missing() -> None:
    request = Request(message((53, b"\1"), (60, b"PXEClient"), end=b""))
    assert (request.option(60), request.is_truncated) == (b"PXEClient", False)


@pytest.mark.parametrize(
    ("overload", "expected"),
    [(1, b"options-file"), (2, b"options-sname"), (3, b"options-file-sname")],
)
def test_C06_overload_is_read_options_then_file_then_sname(overload: int, expected: bytes) -> None:
    request = Request(
        message(
            (52, bytes([overload])),
            (12, b"options"),
            file=tlv(12, b"-file") + b"\xff",
            sname=tlv(12, b"-sname") + b"\xff",
        )
    )
    assert request.option(12) == expected


@pytest.mark.parametrize("overload", [b"\0", b"\4", b"\xff", b"", b"\1\1"])
def test_C06_another_overload_value_is_ignored(overload: bytes) -> None:
    area = tlv(12, b"inside") + b"\xff"
    assert Request(message((52, overload), file=area, sname=area)).option(12) is None


def test_C06_an_overload_inside_an_overloaded_field_is_ignored() -> None:
    request = Request(message((52, b"\1"), file=tlv(52, b"\3"), sname=tlv(12, b"inside")))
    assert (request.option(12), request.option(52)) == (None, b"\1")


def test_C06_a_nested_overload_is_ignored_when_options_are_joined_too() -> None:
    parts = ((52, b"\1"), (12, b"a"), (12, b"b"))
    assert Request(message(*parts, file=tlv(52, b"\3"))).option(52) == b"\1"


def test_C06_two_overloads_are_none() -> None:
    request = Request(message((52, b"\1"), (52, b"\2"), file=tlv(12, b"in"), sname=tlv(12, b"in")))
    assert request.option(12) is None


def test_C06_an_end_closes_its_own_area_alone() -> None:
    request = Request(message((52, b"\3"), file=b"\xff" + tlv(12, b"no"), sname=tlv(12, b"yes")))
    assert request.option(12) == b"yes"


def test_C07_repeated_options_are_joined_in_order() -> None:
    request = Request(message((60, b"PXE"), (53, b"\1"), (60, b"Cli"), (60, b"ent")))
    assert request.option(60) == b"PXEClient"


def test_C07_options_are_joined_before_they_are_interpreted() -> None:
    request = Request(message((60, b"PXEClient:Arch:0"), (93, b"\0"), (93, b"\7"), (60, b"0000")))
    assert (request.family, request.arches) == ("PXEClient", (7,))


def test_C07_a_message_type_that_comes_twice_is_none() -> None:
    assert Request(message((53, b"\1"), (53, b"\3"))).message_type == 0


def test_C07_repeats_that_are_empty_leave_the_value() -> None:
    request = Request(message((61, b""), (60, b"PXE"), (60, b""), (60, b"Client"), (61, b"")))
    assert (request.option(60), request.option(61)) == (b"PXEClient", b"")


def test_C07_joined_values_may_be_4096_bytes() -> None:
    value = bytes(256 // 2) * 32
    parts = [(61, value[i : i + 128]) for i in range(0, 4096, 128)]
    assert Request(message(*parts)).option(61) == value


def test_C07_joined_values_above_4096_bytes_are_an_attack() -> None:
    parts = [(61, bytes(128))] * 32 + [(61, b"x")]
    assert refusal(message(*parts)) == "option_too_long"


def test_C08_a_zero_length_option_is_there_and_empty() -> None:
    request = Request(message((12, b""), (53, b"\1")))
    assert (request.option(12), request.message_type) == (b"", 1)


# --- C9 to C17, C21 to C23, C33: what is written; C14 is in policy/test_respond -----------------


def test_C09_a_zero_length_option_is_not_echoed() -> None:
    answer = EVERY.hear(discover(options={97: b"", 82: b"", 118: b""}))
    assert set(answer.reply.order) == {53, 54, 60}


def test_C10_options_end_and_the_rest_is_zero() -> None:
    assert not EVERY.hear(discover()).reply.padding.strip(b"\0")


def test_C10_a_reply_has_300_bytes_at_least() -> None:
    assert len(EVERY.hear(discover()).payload) == 300


def test_C11_no_reply_is_overloaded() -> None:
    assert 52 not in EVERY.hear(discover(options={52: b"\3"})).reply.options


def test_C12_a_reply_takes_what_option_57_gives() -> None:
    long = {57: u16(1000), 82: tlv(1, bytes(250)), 97: bytes(255), 60: b"PXEClient"}
    assert len(EVERY.hear(discover(10, options=long)).payload) <= 1000 - 28


@pytest.mark.parametrize("asked", [0, 300, 575, 576])
def test_C13_a_limit_below_576_is_576(asked: int) -> None:
    assert Request(discover(options={57: u16(asked)})).reply_limit == 576 - 28


@pytest.mark.parametrize("value", [b"", b"\x05", b"\x05\xc0\x00"])
def test_C13_a_limit_of_another_length_is_absent(value: bytes) -> None:
    assert Request(discover(options={57: value})).reply_limit == 576 - 28


@pytest.mark.parametrize("asked", [1501, 0xFF00, 65535])
def test_C12_a_limit_above_ethernet_is_ethernet(asked: int) -> None:
    assert Request(discover(options={57: u16(asked)})).reply_limit == 1500 - 28


def test_C15_what_the_request_fixes_is_copied() -> None:
    giaddr = IPv4Address("10.77.9.1")
    chaddr = bytes(range(16))
    asked = discover(htype=32, hlen=16, xid=0x01020304, chaddr=chaddr, giaddr=giaddr)
    fields = EVERY.hear(asked).reply.fields
    copied = [fields[name] for name in ("htype", "hlen", "xid", "chaddr", "giaddr")]
    assert copied == [32, 16, 0x01020304, chaddr, giaddr.packed]


def test_C16_hops_and_secs_are_zero() -> None:
    fields = EVERY.hear(discover(hops=3, secs=4)).reply.fields
    assert (fields["hops"], fields["secs"]) == (0, 0)


def test_C17_a_reply_that_holds_no_address_says_broadcast() -> None:
    assert EVERY.hear(discover(flags=0)).reply.number("flags") == 0x8000


@pytest.mark.parametrize(("asked", "expected"), [(0, 0), (0x8000, 0x8000), (0xFFFF, 0x8000)])
def test_C17_with_an_address_the_broadcast_flag_is_copied(asked: int, expected: int) -> None:
    assert EVERY.hear_on_4011(request_4011(flags=asked)).reply.number("flags") == expected


@pytest.mark.parametrize("hlen", [0, 1, 6, 16])
def test_C18_hardware_addresses_up_to_16_bytes_are_taken(hlen: int) -> None:
    assert Request(discover(hlen=hlen)).hlen == hlen


@pytest.mark.parametrize("hlen", [17, 255])
def test_C18_longer_hardware_addresses_are_refused(hlen: int) -> None:
    assert refusal(discover(hlen=hlen)) == "bad_hlen"


def test_C19_xid_zero_is_an_xid() -> None:
    assert EVERY.hear(discover(xid=0)).reply.number("xid") == 0


@pytest.mark.parametrize("secs", [0, 1, 256, 65535])
def test_C20_secs_decide_nothing_by_default(secs: int) -> None:
    assert EVERY.hear(discover(secs=secs)).reason == "answered"


def test_C21_a_file_name_of_127_bytes_stands_in_the_header() -> None:
    name = "f" * 127
    answer = Responder(f'[[boot]]\nfile = "{name}"').hear(discover())
    assert (answer.reply.file, 67 in answer.reply.options) == (name, False)


def test_C21_a_longer_file_name_stands_in_option_67_alone() -> None:
    name = "f" * 128
    answer = Responder(f'[[boot]]\nfile = "{name}"').hear(discover())
    assert (answer.reply.file, answer.reply.options[67]) == ("", name.encode() + b"\0")


def test_C22_option_67_counts_its_nul() -> None:
    assert EVERY.hear(discover(16, family="HTTPClient")).reply.options[67].endswith(b".efi\0")


def test_C22_option_66_counts_its_nul() -> None:
    assert EVERY.hear(discover(41)).reply.options[66] == b"10.77.0.2\0"


def test_C23_option_67_and_the_file_field_agree() -> None:
    reply = EVERY.hear(discover(16, family="HTTPClient")).reply
    assert reply.options[67] == reply.file.encode() + b"\0"


# --- C24 to C32, C35: options that are interpreted ----------------------------------------------


def test_C24_option_93_is_a_list() -> None:
    assert Request(discover(options={93: u16(7, 9, 16)})).arches == (7, 9, 16)


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\7\0"])
def test_C24_option_93_of_odd_or_no_length_is_absent(value: bytes) -> None:
    assert Request(discover(options={93: value, 60: b"PXEClient"})).arches == ()


def test_C24_sixteen_values_of_option_93_are_read() -> None:
    assert Request(discover(options={93: u16(*range(100))})).arches == tuple(range(16))


@pytest.mark.parametrize("family", ["PXEClient", "HTTPClient"])
def test_C25_without_93_the_digits_of_60_tell(family: str) -> None:
    assert Request(discover(options={93: None, 60: class_of(11, family)})).arches == (11,)


@pytest.mark.parametrize("value", [b"\0", b"\0\7\0"])
def test_C25_a_broken_93_is_as_good_as_none(value: bytes) -> None:
    assert Request(discover(11, options={93: value})).arches == (11,)


def test_C25_digits_with_a_letter_are_hexadecimal() -> None:
    assert Request(discover(options={93: None, 60: b"PXEClient:Arch:0000b"})).arches == (11,)


@pytest.mark.parametrize(
    "text",
    [b"PXEClient", b"PXEClient:Arch:", b"PXEClient:Arch:0007", b"PXEClient:Arch:-0007",
     b"PXEClient:Arch:99999", b"PXEClient:arch:00007", b"PXEClient.Arch:00007"],
)  # fmt: skip
def test_C25_a_class_without_five_digits_tells_nothing(text: bytes) -> None:
    assert Request(discover(options={93: None, 60: text})).arches == ()


def test_C25_the_digits_end_where_option_60_ends() -> None:
    """The tag of the next option is 55, an ASCII 7."""
    assert Request(message((60, b"PXEClient:Arch:0000"), (55, b"\1"))).arches == ()


def test_C26_option_97_may_be_missing() -> None:
    assert EVERY.hear(discover(options={97: None})).reason == "answered"


@pytest.mark.parametrize(
    "value", [b"", GUID, b"\1" + GUID, b"\0" + GUID + b"\0", b"\0", bytes(255)]
)
def test_C26_another_97_is_no_guid(value: bytes) -> None:
    assert Request(discover(options={97: value})).uuid is None


def test_C26_a_97_of_type_0_and_17_bytes_is_a_guid() -> None:
    assert Request(discover()).uuid == GUID


@pytest.mark.parametrize("value", [GUID, b"\1" + GUID, b"\0" + GUID + b"\0", b"\0"])
def test_C26_another_97_is_echoed_as_it_is(value: bytes) -> None:
    assert EVERY.hear(discover(options={97: value})).reply.options[97] == value


def test_C27_the_first_three_fields_of_a_guid_are_little_endian() -> None:
    assert format_uuid(microsoft_order(GUID)) == GUID_TEXT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"iPXE", (b"iPXE",)),
        (b"\4iPXE", (b"iPXE",)),
        (b"\5GRUB2", (b"GRUB2",)),
        (b"\4iPXE\5GRUB2", (b"iPXE", b"GRUB2")),
        (b"\4iPXE\0", (b"\4iPXE\0",)),
        (b"\5iPXE", (b"\5iPXE",)),
        (b"\4iPXE\6GRUB2", (b"\4iPXE\6GRUB2",)),
        (b"\0iPXE", (b"\0iPXE",)),
        (b"", ()),
    ],
)
def test_C28_user_classes_are_a_list_only_if_it_fills_the_option(
    value: bytes, expected: tuple[bytes, ...]
) -> None:
    assert Request(discover(options={77: value})).user_classes == expected


VENDOR = (343).to_bytes(4) + b"\3abc"


@pytest.mark.parametrize("code", [124, 125])
@pytest.mark.parametrize(
    "value", [b"", b"\0\0\1", VENDOR[:-1], VENDOR + b"\0", VENDOR + b"\0\0\1\x57\1"]
)
def test_C29_a_malformed_vendor_option_is_ignored(code: int, value: bytes) -> None:
    assert Request(discover(options={code: value})).enterprise(code) == ()


def test_C29_option_124_is_a_list_of_enterprises() -> None:
    request = Request(discover(options={124: VENDOR + (311).to_bytes(4) + b"\0"}))
    assert request.enterprise(124) == ((343, b"abc"), (311, b""))


def test_C29_option_125_is_nested() -> None:
    nested = (343).to_bytes(4) + b"\4\1\2ab"
    assert Request(discover(options={125: nested})).enterprise(125) == ((343, b"\1\2ab"),)


@pytest.mark.parametrize("inner", [b"\1", b"\1\2a", b"\1\1ab"])
def test_C29_option_125_is_ignored_when_its_inside_is_malformed(inner: bytes) -> None:
    value = (343).to_bytes(4) + tlv(0, inner)[1:]
    assert Request(discover(options={125: value})).enterprise(125) == ()


@pytest.mark.parametrize("code", [0, 60, 123, 126])
def test_C29_only_124_and_125_are_lists_of_enterprises(code: int) -> None:
    with pytest.raises(ValueError, match="124 and 125"):
        Request(discover()).enterprise(code)


RELAY = tlvs([(1, b"port 7"), (5, b"\x0a\x01\x02\x03"), (11, b"\x0a\x04\x05\x06")])


def test_C30_sub_options_of_82_are_read() -> None:
    request = Request(discover(options={82: RELAY}))
    found = (request.link_selection, request.server_id_override)
    assert found == (0x0A010203, 0x0A040506)


@pytest.mark.parametrize("tail", [b"\1", b"\1\5abcd", b"\0", b"\xff"])
def test_C30_a_malformed_82_says_nothing_but_is_kept(tail: bytes) -> None:
    request = Request(discover(options={82: RELAY + tail}))
    found = (request.link_selection, request.server_id_override, request.option(82))
    assert found == (0, 0, RELAY + tail)


@pytest.mark.parametrize("size", [0, 3, 5])
def test_C30_sub_options_of_another_size_are_ignored(size: int) -> None:
    relay = tlvs([(5, bytes([10] * size)), (11, bytes([10] * size))])
    request = Request(discover(options={82: relay}))
    assert (request.link_selection, request.server_id_override) == (0, 0)


ITEM = tlv(71, u16(0x8001, 2)) + b"\xff"


@pytest.mark.parametrize(
    ("vendor_class", "expected"),
    [(b"PXEClient", (0x8001, 2)), (b"HTTPClient", None), (b"AAPLBSDPC/i386", None), (None, None)],
)
def test_C31_option_43_is_pxe_only_under_pxe_class(
    vendor_class: bytes | None, expected: tuple[int, int] | None
) -> None:
    assert Request(discover(options={43: ITEM, 60: vendor_class})).boot_item == expected


@pytest.mark.parametrize("code", [1, 6, 13, 64, 70, 72, 128, 254])
def test_C32_unknown_tags_of_option_43_are_skipped(code: int) -> None:
    assert Request(discover(options={43: tlv(code, b"ab") + ITEM})).boot_item == (0x8001, 2)


@pytest.mark.parametrize("style", ["auto", "binl", "direct"])
@pytest.mark.parametrize("arch", [0, 7, 41])
def test_C33_an_emitted_43_ends_and_has_253_bytes_at_most(style: str, arch: int) -> None:
    rule = f'[[boot]]\narch = {arch}\nfile = "f"\nstyle = "{style}"'
    value = Responder(rule).hear(discover(arch)).reply.options.get(43, b"\xff")
    assert value.endswith(b"\xff")
    assert len(value) <= 253


@pytest.mark.parametrize("code", range(1, 6))
def test_C34_no_multicast_tftp_is_emitted(code: int) -> None:
    """The tags that would have to be little-endian (43.2, 43.3) and their company."""
    emitted = [tag for arch in (0, 7, 11, 41) for tag, _ in EVERY.hear(discover(arch)).reply.vendor]
    assert code not in emitted


@pytest.mark.parametrize("wanted", [b"", b"\0", bytes(27), b"\xff" * 40, bytes([1, 1, 1])])
def test_C35_junk_in_the_parameter_list_is_tolerated(wanted: bytes) -> None:
    assert EVERY.hear(discover(options={55: wanted})).reason == "answered"


# --- C36, C37: round trips and the second reading -----------------------------------------------


@given(answerable())
def test_C36_a_reply_reads_back_as_what_was_meant(heard: Heard) -> None:
    reply = EVERY.hear(heard.datagram, port=heard.port, source=heard.source).reply
    # With op 1 it is a request to the parser.
    assert facts_of(Request(b"\1" + reply.payload[1:])).options == reply.options


@given(datagrams())
@example(b"")
@example(header())
@example(message((60, b""), (60, b"")))
@example(message(*[(43, b"x" * 255)] * 17))
@example(header() + bytes(65507 - 240))
@example(header() + bytes(65508 - 240))
@example(ipxe_discover())
def test_C37_fast_and_slow_parser_read_the_same(datagram: bytes) -> None:
    fast, slow = read_by_both(datagram)
    assert fast == slow


@given(requests())
def test_C37_fast_and_slow_parser_read_the_same_in_requests_that_make_sense(
    datagram: bytes,
) -> None:
    fast, slow = read_by_both(datagram)
    assert fast == slow


@given(requests(), st.data())
def test_C37_fast_and_slow_parser_read_the_same_in_damaged_requests(
    datagram: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(datagram) - 1))
    piece = data.draw(st.binary(max_size=3))
    fast, slow = read_by_both(datagram[:at] + piece + datagram[at + len(piece) :])
    assert fast == slow


@given(datagrams())
def test_any_bytes_are_a_request_or_malformed(datagram: bytes) -> None:
    try:
        facts_of(Request(datagram))
    except MalformedPacket as malformed:
        assert malformed.reason in REASONS  # noqa: PT017 - the only exception that is allowed


# --- the table of header fields, iPXE, and the edges of the API ---------------------------------


def test_the_header_fields_tile_0_to_240() -> None:
    """Each field, in the RFC's order, is exactly where the parser and the renderer look."""
    assert HEADER.size == 240
    sizes = (1, 1, 1, 1, 4, 2, 2, 4, 4, 4, 4, 16, 64, 128, 4)
    marks = {
        name: bytes([0x40 + i]) * size
        for i, (name, size) in enumerate(zip(HEADER_FIELDS, sizes, strict=True))
    }
    assert sum(sizes) == 240
    joined = b"".join(
        (marks | {"op": b"\1", "hlen": b"\6", "hops": b"\2", "magic": MAGIC_COOKIE}).values()
    )
    request = Request(joined)
    numbers = ("htype", "xid", "secs", "flags", "ciaddr", "giaddr")
    read = {name: getattr(request, name) for name in numbers}
    assert read == {name: int.from_bytes(marks[name]) for name in numbers}
    assert request.chaddr == marks["chaddr"]


def test_user_class_ipxe_is_ipxe() -> None:
    assert Request(discover(options={77: b"iPXE"})).is_ipxe


@pytest.mark.parametrize("value", [b"ipxe", b"iPXE2", b"\5iPXE2", b"xiPXE"])
def test_another_user_class_is_not_ipxe(value: bytes) -> None:
    assert not Request(discover(options={77: value})).is_ipxe


def test_a_feature_in_option_175_is_ipxe() -> None:
    request = Request(discover(options={175: tlv(0xB1, b"12345") + tlv(0x24, b"\1")}))
    assert (request.is_ipxe, request.ipxe_features) == (True, (0x24,))


@pytest.mark.parametrize("code", [0x10, 0x2F])
def test_the_features_of_option_175_are_16_to_47(code: int) -> None:
    assert Request(discover(options={175: tlv(code, b"\1")})).ipxe_features == (code,)


@pytest.mark.parametrize("value", [b"", tlv(1, b"\5"), tlv(0x0F, b"\1"), tlv(0x30, b"\1"), b"\x24"])
def test_option_175_without_a_feature_is_not_ipxe(value: bytes) -> None:
    assert not Request(discover(options={175: value})).is_ipxe


@pytest.mark.parametrize("code", [-1, 256])
def test_an_option_code_is_a_byte(code: int) -> None:
    with pytest.raises(ValueError, match="0 to 255"):
        Request(discover()).option(code)


def test_a_request_that_was_never_parsed_has_no_facts() -> None:
    request = Request.__new__(Request)
    with pytest.raises(TypeError, match="never parsed"):
        request.option(53)


@pytest.mark.parametrize(
    "name", [name for name, value in vars(Request).items() if inspect.isgetsetdescriptor(value)]
)
def test_no_fact_of_a_request_that_was_never_parsed(name: str) -> None:
    request = Request.__new__(Request)
    with pytest.raises(TypeError, match="never parsed"):
        getattr(request, name)


def test_every_reason_has_one_name() -> None:
    assert len(set(REASONS)) == len(REASONS)


# --- the matcher's own refusals; which rule wins stands in test_policy ---------------------------


def test_a_matcher_finds_the_first_rule_that_holds() -> None:
    rules = [
        MatchRule(arches=(0,), replies=(0,) * 5),
        MatchRule(arches=(7,), replies=(0,) * 5),
        MatchRule(replies=(0,) * 5),
    ]
    assert [Matcher(rules, 1).find_in(discover(arch)) for arch in (0, 7, 11)] == [0, 1, 2]


def test_a_matcher_refuses_what_is_no_request() -> None:
    with pytest.raises(MalformedPacket) as caught:
        Matcher([], 0).find_in(b"")
    assert caught.value.reason == "short"


@pytest.mark.parametrize(
    ("has", "rule"), [([], -1), ([0x10], -1), ([0x10, 0x13, 0x2F], 0), ([0x10, 0x2F], 0)]
)
def test_a_rule_wants_all_its_ipxe_features(has: list[int], rule: int) -> None:
    matcher = Matcher([MatchRule(ipxe_features=1 << 0 | 1 << 31, replies=(0,) * 5)], 1)
    value = b"".join(tlv(code, b"\1") for code in has)
    assert matcher.find_in(discover(options={77: b"iPXE", 175: value})) == rule


@pytest.mark.parametrize("reply", [1, 7, -3])
def test_a_matcher_refuses_replies_that_are_not_there(reply: int) -> None:
    with pytest.raises(ValueError, match=f"no reply {reply}"):
        Matcher([MatchRule(replies=(reply,) * 5)], 1)


def test_a_matcher_knows_63_architectures() -> None:
    rules = [MatchRule(arches=(arch,), replies=(0,) * 5) for arch in range(1000, 1063)]
    assert Matcher(rules, 1).find_in(discover(1062)) == 62
    with pytest.raises(ValueError, match="63"):
        Matcher([*rules, MatchRule(arches=(2000,), replies=(0,) * 5)], 1)
