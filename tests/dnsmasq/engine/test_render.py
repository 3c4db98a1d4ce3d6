"""The bytes of a reply: the order and place of options, and what happens when they don't fit."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_asked import PROXY, RANGE, answered, options
from hypothesis import given
from hypothesis import strategies as st
from packets import GUID, discover, message, request_4011, tlv

from fastpxe.dhcp.constants import MessageType
from fastpxe.dnsmasq.engine.decision import Reply, To
from fastpxe.dnsmasq.engine.message import read
from fastpxe.dnsmasq.engine.render import (
    FILE_SIZE,
    OPTIONS_AT,
    SNAME_SIZE,
    Layout,
    fill,
    lay_out,
    segments,
)

OWN = IPv4Address("10.77.0.2")


def reply(**changes: object) -> Reply:
    fields: dict[str, object] = {
        "message_type": MessageType.OFFER,
        "own": OWN,
        "siaddr": OWN,
        "vendor": b"PXEClient",
        "limit": 548,
        "has_uuid": False,
        "relay_size": 0,
        "to": To.BROADCAST,
    }
    return Reply(**(fields | changes))  # type: ignore[arg-type]


def size_of(layout: Layout) -> int:
    return OPTIONS_AT + len(layout.template.options)


def test_options_stand_in_dnsmasqs_order() -> None:
    answer = answered(PROXY, discover(0, options={82: tlv(1, b"port")}))
    assert options(answer.data[240:]) == [
        (53, b"\2"),
        (54, OWN.packed),
        (60, b"PXEClient"),
        (97, b"\0" + GUID),
        (43, bytes.fromhex("060108 0a020050 ff")),
        (82, tlv(1, b"port")),
    ]


def test_the_header_keeps_what_the_request_says() -> None:
    request = request_4011(0, hops=3, secs=9, flags=0x1234, yiaddr=OWN, siaddr=OWN, giaddr=OWN)
    data = answered(PROXY, request, port=4011, source="10.77.0.100").data
    assert data[0] == 2
    assert data[1:16] == request[1:16]
    assert data[16:24] == bytes(8)
    assert data[24:44] == request[24:44]


@pytest.mark.parametrize(("flags", "sent"), [(0, 0x8000), (0x1234, 0x9234)])
def test_a_discover_is_answered_by_broadcast(flags: int, sent: int) -> None:
    assert answered(PROXY, discover(flags=flags)).data[10:12] == sent.to_bytes(2)


def test_short_replies_are_padded_to_300_bytes() -> None:
    data = answered(PROXY, discover()).data
    assert len(data) == 300
    assert not any(data[-20:])


def test_a_file_is_cut_so_that_a_nul_ends_it() -> None:
    data = answered(f"{PROXY}dhcp-boot={'f' * 200}\n", discover()).data
    assert data[108:236] == b"f" * 127 + b"\0"


def test_a_full_main_area_overflows_into_file_and_then_sname() -> None:
    layout = lay_out(reply(sub_options=((1, bytes(250)), (2, bytes(100)), (3, bytes(150)))))
    assert layout.warnings == ("cannot send DHCP/BOOTP option 43: no space left in packet",)
    main = dict(options(layout.template.options))
    assert main[52] == b"\3"
    layout = lay_out(reply(sub_options=((1, bytes(250)), (2, bytes(100)))))
    assert dict(options(layout.template.options))[52] == b"\1"
    assert options(layout.template.file) == [(43, tlv(2, bytes(100)) + b"\xff")]
    layout = lay_out(reply(file=b"f", sub_options=((1, bytes(250)), (2, bytes(50)))))
    assert dict(options(layout.template.options))[52] == b"\2"
    assert options(layout.template.sname) == [(43, tlv(2, bytes(50)) + b"\xff")]


def test_nothing_overflows_where_both_fields_are_taken() -> None:
    crowded = ((1, bytes(250)), (2, bytes(50)))
    layout = lay_out(reply(file=b"f", sname=b"s", sub_options=crowded))
    assert 52 not in dict(options(layout.template.options))
    assert len(layout.warnings) == 1


def test_a_larger_limit_leaves_room() -> None:
    layout = lay_out(reply(limit=1472, sub_options=((1, bytes(250)), (2, bytes(250)))))
    assert [len(value) for code, value in options(layout.template.options) if code == 43] == [
        252,
        253,
    ]


def test_sub_options_are_never_cut_in_two() -> None:
    spread = segments(((1, bytes(200)), (2, bytes(50)), (3, bytes(1))))
    assert [[code for code, _ in segment] for segment in spread] == [[1, 2], [3]]


def test_255_bytes_of_sub_options_do_without_their_end() -> None:
    layout = lay_out(reply(sub_options=((1, bytes(253)),)))
    assert options(layout.template.options)[-1] == (43, tlv(1, bytes(253)))


def test_a_prompt_that_is_too_long_is_cut() -> None:
    ((_, vendor),) = options(lay_out(reply(sub_options=((10, b"p" * 300),))).template.options)[3:]
    assert vendor == tlv(10, b"p" * 253)


def test_option_82_has_room_kept_for_it() -> None:
    relay = b"z" * 60
    datagram = message((53, b"\1"), (60, b"PXEClient"), (93, b"\0\0"), (82, relay), (97, bytes(17)))
    data = answered(f"{RANGE}pxe-prompt={'p' * 200}\n", datagram).data
    assert options(data[240:])[-1] == (82, relay)
    assert 52 in dict(options(data[240:]))


@pytest.mark.parametrize(("size", "overload"), [(248, b"\1"), (249, None), (250, None)])
def test_option_52_is_not_written_beyond_the_limit(size: int, overload: bytes | None) -> None:
    layout = lay_out(
        reply(has_uuid=True, sub_options=((1, bytes(9)), (2, bytes(size)), (3, bytes(9))))
    )
    assert size_of(layout) <= 548
    assert dict(options(layout.template.options)).get(52) == overload


def test_a_limit_below_548_counts_for_nothing() -> None:
    assert len(answered(PROXY, discover(0, options={57: b"\0\x80"})).data) == 300


def test_a_template_serves_all_requests_of_its_kind() -> None:
    layout = lay_out(reply(has_uuid=True, relay_size=6))
    for number in range(3):
        relay, uuid = tlv(1, bytes([number] * 4)), bytes([number] * 17)
        data = fill(layout.template, read(discover(options={82: relay, 97: uuid}, xid=number)))
        found = dict(options(data[240:]))
        assert (data[4:8], found[82], found[97]) == (number.to_bytes(4), relay, uuid)


@given(
    st.lists(st.tuples(st.integers(1, 254), st.binary(max_size=300)), max_size=12),
    st.binary(max_size=200),
    st.integers(548, 1600),
    st.integers(0, 255),
)
def test_any_reply_keeps_its_limit_and_can_be_read(
    sub_options: list[tuple[int, bytes]], file: bytes, limit: int, relay_size: int
) -> None:
    sent = reply(sub_options=tuple(sub_options), file=file, limit=limit, relay_size=relay_size)
    layout = lay_out(sent)
    assert 300 <= size_of(layout) <= limit
    assert len(layout.template.file) <= FILE_SIZE
    assert len(layout.template.sname) <= SNAME_SIZE
    found = options(layout.template.options)
    assert [code for code, _ in found[:3]] == [53, 54, 60]
    spread = [value for code, value in found if code == 43]
    assert all(options(value) or not value for value in spread)
