"""TFTP packets, negotiation and netascii."""
# ruff: noqa: N802 - T16 and the like are the numbers of the protocol statements

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies_tftp import datagrams, packets

from fastpxe.errors import MalformedPacket
from fastpxe.tftp.packets import (
    MAX_BLKSIZE,
    MAX_IN_FLIGHT,
    Ack,
    Data,
    Error,
    Packet,
    Rrq,
    Terms,
    TftpSettings,
    Wrq,
    default_max_blksize,
    negotiate,
    netascii,
    parse,
)


def terms(**asked: str) -> Terms:
    return negotiate(asked, max_blksize=1468, max_windowsize=16, size_bytes=5000)


@given(datagrams())
@example(b"")
@example(b"\0")
@example(b"\0\4\0")
@example(b"\0\1x\0octet\0blksize\0" + b"9" * 5000 + b"\0")
def test_parse_raises_only_malformed_packet(datagram: bytes) -> None:
    try:
        packet = parse(datagram)
    except MalformedPacket as malformed:
        assert malformed.reason in {"short", "opcode", "long", "filename", "mode"}  # noqa: PT017 - the only one allowed
    else:
        if isinstance(packet, Rrq):
            terms(**packet.options)


@given(packets())
def test_a_packet_survives_the_wire(packet: Packet) -> None:
    assert parse(bytes(packet)) == packet


def test_T2_mode_and_option_names_have_no_case() -> None:
    assert parse(b"\0\1a\0OcTeT\0BlkSize\x001400\0") == Rrq(
        filename=b"a", mode="octet", options={"blksize": "1400"}
    )


def test_T3_a_mode_is_read_whatever_it_is() -> None:
    assert parse(b"\0\1a\0mail\0") == Rrq(filename=b"a", mode="mail")


def test_T4_a_write_request_is_read_as_one() -> None:
    assert parse(b"\0\2a\0octet\0tsize\x005\0") == Wrq(
        filename=b"a", mode="octet", options={"tsize": "5"}
    )


@pytest.mark.parametrize("datagram", [b"\0\1", b"\0\1name", b"\0\1\0octet\0", b"\0\1\0"])
def test_row32_a_request_needs_a_file_name(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        parse(datagram)
    assert caught.value.reason == "filename"


@pytest.mark.parametrize("datagram", [b"\0\1a\0", b"\0\1a\0octet", b"\0\1a\0\0"])
def test_row33_a_request_needs_a_mode(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        parse(datagram)
    assert caught.value.reason == "mode"


@pytest.mark.parametrize("tail", [b"tsize\0", b"tsize\x000", b"\0\x000\0tsize\x000\0", b"junk"])
def test_row34_options_before_the_garbage_stand(tail: bytes) -> None:
    packet = parse(b"\0\1a\0octet\0blksize\x001400\0" + tail)
    assert packet == Rrq(filename=b"a", mode="octet", options={"blksize": "1400"})


def test_the_first_of_a_repeated_option_counts() -> None:
    packet = parse(b"\0\1a\0octet\0blksize\x001400\0BLKSIZE\x008\0")
    assert packet == Rrq(filename=b"a", mode="octet", options={"blksize": "1400"})


def test_row38_a_nul_ends_the_name() -> None:
    assert parse(b"\0\1ok\0../x\0octet\0") == Rrq(filename=b"ok", mode="../x")


def test_a_request_may_fill_a_frame_but_not_more() -> None:
    base = b"\0\1" + b"x" * 100 + b"\0octet\0"
    assert isinstance(parse(base + b"y" * (1500 - len(base))), Rrq)
    with pytest.raises(MalformedPacket):
        parse(base + b"y" * (1501 - len(base)))


@pytest.mark.parametrize("datagram", [b"", b"\0", b"\0\0", b"\0\0\0", b"\0\4", b"\0\3\0"])
def test_row43_less_than_a_packet_is_short(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        parse(datagram)
    assert caught.value.reason == "short"


@pytest.mark.parametrize("datagram", [b"\0\0\0\0", b"\0\x07\0\1", b"\xff\xff\0\1", b"GET / "])
def test_row43_other_opcodes_are_named(datagram: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        parse(datagram)
    assert caught.value.reason == "opcode"


def test_T13_an_ack_may_be_longer() -> None:
    assert parse(b"\0\4\x12\x34\x08") == Ack(block=0x1234)


@pytest.mark.parametrize(
    ("datagram", "error"),
    [
        (b"\0\5", Error(code=0)),
        (b"\0\5\0", Error(code=0)),
        (b"\0\5\0\x08", Error(code=8)),
        (b"\0\5\0\x08text without end", Error(code=8, text="text without end")),
    ],
)
def test_row42_a_cut_error_is_still_an_error(datagram: bytes, error: Error) -> None:
    assert parse(datagram) == error


def test_T44_an_error_text_is_printable_short_and_ends_in_nul() -> None:
    datagram = bytes(Error(code=0, text="caf\u00e9\n\0\x1b" + "x" * 600))
    text = datagram[4:-1]
    assert datagram[-1] == 0
    assert len(text) <= 500
    assert all(0x20 <= byte <= 0x7E for byte in text)


def test_T5_only_what_was_asked_and_is_granted_is_in_the_oack() -> None:
    granted = terms(tsize="0", blksize="1432", multicast="", utimeout="9")
    assert granted.oack == b"\0\6tsize\x005000\0blksize\x001432\0"
    assert terms(blksize="1432").options == {"blksize": 1432}


def test_T6_nothing_granted_is_no_oack() -> None:
    assert terms(multicast="", blksize="0") == Terms()


@pytest.mark.parametrize(
    ("asked", "granted"), [("8", 8), ("512", 512), ("1468", 1468), ("65464", 1468)]
)
def test_T7_blksize_is_that_asked_up_to_the_cap(asked: str, granted: int) -> None:
    assert terms(blksize=asked).options == {"blksize": granted}
    assert terms(blksize=asked).blksize == granted


def test_T7_T28_the_cap_is_what_fits_the_mtu() -> None:
    assert default_max_blksize(1500) == 1468
    assert default_max_blksize(1496) == 1464
    assert default_max_blksize(65536) == MAX_BLKSIZE


@pytest.mark.parametrize("name", ["blksize", "windowsize", "timeout", "tsize"])
@pytest.mark.parametrize(
    "value", ["", "-1", "1e3", "abc", "+8", " 8", "8 ", "\u00b2", "9" * 21, "0x10"]
)
def test_T8_invalid_values_are_left_out(name: str, value: str) -> None:
    assert terms(**{name: value}) == Terms()


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("0", {}),
        ("7", {}),
        ("-1", {}),
        ("1e3", {}),
        ("99999999999", {"blksize": 1468}),
        ("65465", {"blksize": 1468}),
    ],
)
def test_row35_odd_block_sizes(value: str, options: dict[str, int]) -> None:
    assert terms(blksize=value).options == options


def test_T9_tsize_is_exact_and_left_out_where_it_is_unknown() -> None:
    assert terms(tsize="0").options == {"tsize": 5000}
    unknown = negotiate({"tsize": "0"}, max_blksize=1468, max_windowsize=16, size_bytes=None)
    assert unknown == Terms()
    empty = negotiate({"tsize": "0"}, max_blksize=1468, max_windowsize=16, size_bytes=0)
    assert empty.options == {"tsize": 0}


@pytest.mark.parametrize("value", [1, 5, 255])
def test_T10_timeout_is_echoed(value: int) -> None:
    assert terms(timeout=str(value)).options == {"timeout": value}
    assert terms(timeout=str(value)).timeout_s == value


@pytest.mark.parametrize("value", ["0", "256", "99999"])
def test_T10_other_timeouts_are_left_out(value: str) -> None:
    assert terms(timeout=value) == Terms()


@pytest.mark.parametrize(
    ("asked", "granted"), [("1", 1), ("4", 4), ("16", 16), ("17", 16), ("65535", 16)]
)
def test_T11_windowsize_is_that_asked_up_to_the_cap(asked: str, granted: int) -> None:
    assert terms(windowsize=asked).options == {"windowsize": granted}


def test_T11_windowsize_0_is_left_out() -> None:
    assert terms(windowsize="0") == Terms()


@pytest.mark.parametrize("blksize", [8, 512, 1468, 8192, 40000, 65464])
def test_row36_a_window_holds_at_most_64_kib(blksize: int) -> None:
    asked = {"windowsize": "65535", "blksize": str(blksize)}
    granted = negotiate(asked, max_blksize=MAX_BLKSIZE, max_windowsize=64, size_bytes=1)
    assert 1 <= granted.windowsize <= 64
    assert granted.windowsize == 1 or granted.windowsize * blksize <= MAX_IN_FLIGHT


def test_T12_other_options_are_ignored() -> None:
    assert terms(multicast="", msftwindow="31416", utimeout="250000", rollover="0") == Terms()


@given(
    st.dictionaries(
        st.sampled_from(["blksize", "windowsize", "timeout", "tsize", "multicast"]),
        st.integers(-5, 100_000).map(str) | st.text(max_size=6),
    ),
    st.integers(8, MAX_BLKSIZE),
    st.integers(1, 64),
)
def test_T5_nothing_granted_exceeds_what_was_asked(
    asked: dict[str, str], max_blksize: int, max_windowsize: int
) -> None:
    granted = negotiate(asked, max_blksize=max_blksize, max_windowsize=max_windowsize, size_bytes=7)
    assert set(granted.options) <= set(asked)
    for name in {"blksize", "windowsize"} & set(granted.options):
        assert granted.options[name] <= int(asked[name])


def test_netascii_of_line_ends() -> None:
    assert netascii(b"a\nb\rc\r\n") == b"a\r\nb\r\0c\r\0\r\n"


def back_to_octets(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"x", b"\r\n"])).map(b"".join))
def test_netascii_gives_the_file_back(octets: bytes) -> None:
    assert back_to_octets(netascii(octets)) == octets


def test_settings_have_defaults_and_limits() -> None:
    assert msgspec.convert({}, TftpSettings) == TftpSettings()
    for wrong in ({"max_blksize": 7}, {"max_windowsize": 65}, {"retry_timeout_s": 0}, {"x": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, TftpSettings)


def test_parse_reads_a_block_whole() -> None:
    payload = bytes(i % 251 for i in range(1468))
    assert parse(b"\0\3\xff\xff" + payload) == Data(block=65535, payload=payload)
