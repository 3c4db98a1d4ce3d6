"""How dnsmasq reads a request."""

from ipaddress import IPv4Address

import pytest
from packets import CLIENT, discover, header, message, request_4011, tlv

from fastpxe.dnsmasq.engine.message import Message, legal_name, read, without_counts
from fastpxe.errors import MalformedPacket

DISCOVER, REQUEST = (53, b"\1"), (53, b"\3")


def refused(datagram: bytes) -> str:
    with pytest.raises(MalformedPacket) as caught:
        read(datagram)
    return caught.value.reason


def overloaded(flag: int, file: bytes = b"", sname: bytes = b"") -> Message:
    return read(message(DISCOVER, (52, bytes([flag])), file=file, sname=sname))


def test_a_header_without_options_is_enough() -> None:
    assert read(discover()[:236]).message_type == 0
    assert refused(discover()[:235]) == "short"


@pytest.mark.parametrize(
    ("at", "value", "reason"), [(0, 2, "op"), (2, 17, "hlen"), (1, 0, "htype")]
)
def test_odd_headers_are_dropped(at: int, value: int, reason: str) -> None:
    datagram = bytearray(discover())
    datagram[at] = value
    assert refused(bytes(datagram)) == reason


def test_no_hardware_address_at_all_is_taken() -> None:
    assert read(b"\1\0\0" + discover()[3:]).hardware == b""


def test_the_cookie_is_only_asked_of_dhcp() -> None:
    assert refused(message(DISCOVER, magic=bytes(4))) == "cookie"
    assert read(message((60, b"PXEClient"), magic=bytes(4))).message_type == 0


def test_the_first_option_that_is_long_enough_counts() -> None:
    found = read(message(DISCOVER, (93, b"\0"), (93, b"\0\7"), (93, b"\0\0")))
    assert found.arch == 7
    assert found.option(93) == b"\0"


def test_pieces_of_an_option_are_not_joined() -> None:
    assert read(message(DISCOVER, (60, b"PXE"), (60, b"Client"))).option(60) == b"PXE"


def test_a_missing_end_is_taken() -> None:
    assert read(message(DISCOVER, (93, b"\0\7"), end=b"")).arch == 7


def test_nothing_is_read_after_what_is_cut_short() -> None:
    cut = header() + tlv(*DISCOVER) + b"\x3c\x50PXEClient" + tlv(93, b"\0\7")
    assert read(cut).arch is None


def test_pads_are_skipped() -> None:
    assert read(header() + b"\0\0" + tlv(*DISCOVER) + b"\0" + tlv(93, b"\0\7")).arch == 7


def test_file_and_sname_hold_options_if_52_says_so() -> None:
    file, sname = tlv(93, b"\0\7") + b"\xff", tlv(60, b"PXEClient") + b"\xff"
    both = overloaded(3, file, sname)
    assert (both.arch, both.option(60)) == (7, b"PXEClient")
    only_file = overloaded(1, file, sname)
    assert (only_file.arch, only_file.option(60)) == (7, None)


def test_the_main_area_comes_first() -> None:
    file = tlv(93, b"\0\7")
    assert read(message(DISCOVER, (52, b"\1"), (93, b"\0\6"), file=file)).arch == 6


def test_ciaddr_is_not_believed_in_a_discover_or_beside_option_50() -> None:
    assert read(request_4011()).ciaddr == CLIENT
    assert int(read(discover(ciaddr=CLIENT)).ciaddr) == 0
    assert int(read(request_4011(options={50: CLIENT.packed})).ciaddr) == 0
    assert read(request_4011(options={50: b"\0\0\0"})).ciaddr == CLIENT


@pytest.mark.parametrize(
    ("asked", "limit"),
    [(None, 548), (1500, 1472), (576, 548), (300, 548), (28, 548), (27, 16384), (65535, 16384)],
)
def test_option_57_is_the_size_of_the_ip_packet(asked: int | None, limit: int) -> None:
    size = None if asked is None else asked.to_bytes(2)
    assert read(discover(options={57: size})).limit == limit


def test_a_boot_item_needs_four_bytes_and_a_request() -> None:
    item = tlv(71, b"\x80\0\0\0")
    assert read(message(REQUEST, (43, item))).boot_item == b"\x80\0\0\0"
    assert read(message(DISCOVER, (43, item))).boot_item is None
    assert read(message(REQUEST, (43, tlv(71, b"\x80\0")))).boot_item is None


def test_a_uuid_is_the_first_17_bytes() -> None:
    assert read(discover(options={97: bytes(range(20))})).uuid == bytes(range(17))
    assert read(discover(options={97: bytes(16)})).uuid is None


def test_the_relays_link_beats_the_clients_subnet() -> None:
    subnet = {118: bytes([10, 9, 0, 0])}
    assert read(discover(options=subnet)).subnet == IPv4Address("10.9.0.0")
    link = subnet | {82: tlv(5, bytes([10, 8, 0, 0]))}
    assert read(discover(options=link)).subnet == IPv4Address("10.8.0.0")


def test_option_82_is_only_sent_back_if_the_request_has_an_end() -> None:
    relay = tlv(1, b"port")
    assert read(message(DISCOVER, (82, relay))).echoed_relay == relay
    assert read(message(DISCOVER, (82, relay), end=b"")).echoed_relay is None


def test_option_82_needs_room_behind_the_requests_end() -> None:
    relay = bytes(200)
    options = [DISCOVER, (82, relay), (43, bytes(91))]
    assert read(message(*options)).echoed_relay is None
    assert read(message(*options, (57, b"\5\xdc"))).echoed_relay == relay


def test_counts_of_the_user_class_are_zeroed_if_they_add_up() -> None:
    assert without_counts(b"\4iPXE\2ab") == b"\0iPXE\0ab"
    assert without_counts(b"iPXE") == b"iPXE"


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        (b"lab1", b"lab1"), (b"lab1.", b"lab1"), (b"lab1\0junk", b"lab1"), (b"-lab", b""),
        (b"la b", b""), (b"lab1.any thing", b"lab1.any thing"), (b"x" * 64, b""), (b"a\7.b", b""),
        (b"", b""),
    ],
)  # fmt: skip
def test_only_host_names_are_names(name: bytes, legal: bytes) -> None:
    assert legal_name(name) == legal


def test_option_81_beats_option_12() -> None:
    both = {12: b"short", 81: b"\0\0\0full.example"}
    assert read(discover(options=both)).client_name == b"full.example"
    assert read(discover(options={81: b"\4\0\0\4full\7example\0"})).client_name == b"full.example"
