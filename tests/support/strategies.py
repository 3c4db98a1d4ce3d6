"""Hypothesis strategies for DHCP: any bytes, soups of options, requests that make sense."""

from functools import cache
from ipaddress import IPv4Address
from typing import NamedTuple

from hypothesis import strategies as st
from packets import (
    CLIENT,
    GUID,
    MAC,
    NOWHERE,
    Option,
    class_of,
    header,
    message,
    tlv,
    tlvs,
    u16,
)

# The codes that the parser looks at, and some that it doesn't.
CODES = [0, 1, 12, 43, 50, 51, 52, 53, 54, 55, 57, 60, 61, 66, 67, 77, 82, 93, 94, 97, 118, 124,
         125, 175, 255]  # fmt: skip

ADDRESSES = st.sampled_from(
    ["0.0.0.0", "10.77.0.1", "10.77.0.2", "10.77.0.100", "192.0.2.7", "127.0.0.1", "224.0.0.1",
     "255.255.255.255", "0.0.0.1", "10.78.0.2"]
).map(IPv4Address)  # fmt: skip

ARCHES = st.sampled_from([0, 6, 7, 9, 10, 11, 15, 16, 19, 27, 41, 0xFFFF])

CLASSES = st.one_of(
    st.builds(class_of, ARCHES, st.sampled_from(["PXEClient", "HTTPClient", "AAPLBSDPC"])),
    st.sampled_from([b"PXEClient", b"PXEClien", b"HTTPClient", b"MSFT 5.0", b"pxeclient", b""]),
    st.binary(max_size=246).map(lambda tail: b"PXEClient" + tail),
    st.sampled_from([b"PXEClient:Arch:0000b:", b"HTTPClient:Arch:99999:", b"PXEClient:Arch:-0007"]),
)

BOOT_ITEMS = st.builds(
    lambda kind, layer: tlv(71, u16(kind, layer)) + b"\xff",
    st.sampled_from([0, 1, 0x8001]),
    st.sampled_from([0, 1, 0x8000]),
)


UUIDS = st.one_of(
    st.sampled_from([b"\0" + GUID, b"\1" + GUID, GUID, bytes(17), b"\0" + b"\xff" * 16]),
    st.binary(min_size=1, max_size=255),
)

RELAYS = st.binary(min_size=1, max_size=255)


@cache
def short(max_size: int = 12) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=max_size)


@cache  # to make a strategy takes hypothesis longer than to draw from it
def values(code: int) -> st.SearchStrategy[bytes]:
    """What may stand in an option: mostly what belongs there, else anything."""
    known: dict[int, st.SearchStrategy[bytes]] = {
        43: BOOT_ITEMS | st.lists(st.tuples(st.integers(0, 255), short(6)), max_size=4).map(tlvs),
        50: ADDRESSES.map(lambda a: a.packed),
        52: st.sampled_from([b"\0", b"\1", b"\2", b"\3", b"\4", b"\xff"]),
        53: st.integers(0, 10).map(lambda n: bytes([n])),
        54: ADDRESSES.map(lambda a: a.packed),
        57: st.integers(0, 65535).map(u16),
        60: CLASSES,
        77: st.sampled_from([b"iPXE", b"\4iPXE", b"\5GRUB2", b"\4iPXE\5GRUB2", b"\xffiPXE"]),
        82: st.lists(st.tuples(st.sampled_from([1, 2, 5, 11]), short(4)), max_size=4).map(tlvs),
        93: st.lists(ARCHES, max_size=20).map(lambda arches: u16(*arches)),
        97: st.sampled_from([b"\0" + GUID, b"\1" + GUID, GUID, b"\0RPi4" + b"\1" * 12]),
        118: ADDRESSES.map(lambda a: a.packed),
        175: st.lists(st.tuples(st.integers(8, 50), short(3)), max_size=4).map(tlvs),
    }
    return known.get(code, short()) | short(40)


@cache
def options() -> st.SearchStrategy[list[Option]]:
    codes = st.sampled_from(CODES) | st.integers(0, 255)
    return st.lists(codes.flatmap(lambda code: st.tuples(st.just(code), values(code))), max_size=14)


def long_repeats() -> st.SearchStrategy[list[Option]]:
    """The same option over and over: RFC 3396 up to its limit, and past it."""
    part = st.binary(min_size=200, max_size=255)
    return st.builds(
        lambda code, value, count: [(code, value)] * count,
        st.sampled_from([43, 52, 77, 82, 97, 124]),
        part,
        st.integers(2, 24),
    )


def areas(size: int) -> st.SearchStrategy[bytes]:
    """The file or sname field: text, or options, with or without their END."""
    fitting = st.tuples(options(), st.sampled_from([b"", b"\xff"])).map(
        lambda drawn: (tlvs(drawn[0]) + drawn[1])[:size]
    )
    return fitting | st.binary(max_size=size) | st.just(b"")


@st.composite
def soups(draw: st.DrawFn) -> bytes:
    """A header, then options in any order, repeated, overloaded, cut short."""
    head = header(
        op=draw(st.sampled_from([1, 1, 1, 1, 1, 1, 1, 2])),
        hlen=draw(st.sampled_from([6, 6, 6, 0, 16, 17, 255])),
        hops=draw(st.sampled_from([0, 0, 0, 16, 17, 255])),
        ciaddr=draw(ADDRESSES),
        giaddr=draw(ADDRESSES),
        sname=draw(areas(64)),
        file=draw(areas(128)),
    )
    body = tlvs(draw(options()) + draw(long_repeats() | st.just([])))
    tail = draw(st.sampled_from([b"\xff", b"", b"\0\0\xff", b"5", b"5\1", b"\xff\x35\1\1"]))
    datagram = head + body + tail
    return datagram[: len(datagram) - draw(st.just(0) | st.integers(0, len(body)))]


def datagrams() -> st.SearchStrategy[bytes]:
    raw = st.binary(max_size=600)
    return raw | raw.map(lambda tail: header() + tail) | soups()


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that a firmware, a relay or a tired engineer might send."""
    arch = draw(ARCHES)
    needed = [
        (53, bytes([draw(st.sampled_from([1, 1, 3, 8]))])),
        (60, draw(st.just(class_of(arch)) | CLASSES)),
        (93, u16(arch)),
        (97, draw(UUIDS)),
    ]
    return draw(messages(needed + draw(options()), draw(ADDRESSES), draw(ADDRESSES)))


class Heard(NamedTuple):
    datagram: bytes
    port: int
    source: IPv4Address


def maybe(code: int, value: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[Option]]:
    return st.lists(st.tuples(st.just(code), value), max_size=1)


@st.composite
def answerable(draw: st.DrawFn) -> Heard:
    """A request that gets an answer from responder.EVERY_KIND, whatever else stands in it."""
    arch, family = draw(
        st.sampled_from([0, 6, 7, 9, 10, 11, 41]).map(lambda arch: (arch, "PXEClient"))
        | st.just((16, "HTTPClient"))
    )
    port = 67 if family == "HTTPClient" else draw(st.sampled_from([67, 4011]))
    kind = draw(st.sampled_from([1, 3, 8] if port == 4011 else [1]))
    giaddr = draw(st.sampled_from([NOWHERE, IPv4Address("10.77.0.1"), IPv4Address("10.9.9.9")]))
    needed = {53: bytes([kind]), 60: class_of(arch, family), 93: u16(arch)}
    extra = {
        code: value
        for code, value in draw(options())
        if code not in {0, 43, 52, 54, 77, 82, 175, 255, *needed}
    }
    rest = [
        *draw(maybe(97, UUIDS)),
        *draw(maybe(82, RELAYS)),
        *draw(maybe(43, st.just(tlv(71, u16(0, 0)) + b"\xff"))),
    ]
    extra |= dict(rest)
    ciaddr = draw(st.sampled_from([NOWHERE, CLIENT]))
    datagram = draw(messages([*needed.items(), *extra.items()], ciaddr, giaddr))
    return Heard(datagram, port, CLIENT)


@st.composite
def messages(
    draw: st.DrawFn, kept: list[Option], ciaddr: IPv4Address, giaddr: IPv4Address
) -> bytes:
    """The options in any order, under a header with anything in it that a client may choose."""
    return message(
        *draw(st.permutations(kept)),
        hlen=draw(st.sampled_from([6, 6, 6, 0, 16])),
        htype=draw(st.integers(0, 255)),
        hops=draw(st.integers(0, 16)),
        xid=draw(st.integers(0, 2**32 - 1)),
        secs=draw(st.integers(0, 65535)),
        flags=draw(st.integers(0, 65535)),
        ciaddr=ciaddr,
        giaddr=giaddr,
        chaddr=draw(st.just(MAC) | st.binary(min_size=6, max_size=16)),
    )
