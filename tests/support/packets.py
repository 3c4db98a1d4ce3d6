"""DHCP messages for tests: requests are built, replies are read. Names as in the RFCs.

Sources: RFC 2131 section 2 (header), RFC 2132 (options), RFC 4578 (93, 94, 97), PXE 2.1 (43).
"""

import struct
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import TypedDict, Unpack

from fastpxe.dhcp.constants import MAGIC_COOKIE, MessageType

HEADER = struct.Struct("!4BIHH4s4s4s4s16s64s128s4s")
HEADER_FIELDS = (
    "op", "htype", "hlen", "hops", "xid", "secs", "flags", "ciaddr", "yiaddr", "siaddr", "giaddr",
    "chaddr", "sname", "file", "magic",
)  # fmt: skip

MAC = bytes.fromhex("525400123456")
GUID = bytes.fromhex("44454c4c38001036804ec4c04f4a5831")  # as on the wire
GUID_TEXT = "4c4c4544-0038-3610-804e-c4c04f4a5831"  # as on the machine's label

OUR_ADDRESS = IPv4Address("10.77.0.2")
OTHER_OWN_ADDRESS = IPv4Address("10.78.0.2")
NETMASK = 0xFFFFFF00
DHCP_SERVER = IPv4Address("10.77.0.1")
CLIENT = IPv4Address("10.77.0.100")
NOWHERE = IPv4Address("0.0.0.0")
EVERYONE = IPv4Address("255.255.255.255")

Option = tuple[int, bytes]


class Header(TypedDict, total=False):
    op: int
    htype: int
    hlen: int
    hops: int
    xid: int
    secs: int
    flags: int
    ciaddr: IPv4Address
    yiaddr: IPv4Address
    siaddr: IPv4Address
    giaddr: IPv4Address
    chaddr: bytes
    sname: bytes
    file: bytes
    magic: bytes


def header(**fields: Unpack[Header]) -> bytes:
    """The 240 bytes in front of the options; a client's BOOTREQUEST unless told otherwise."""
    return HEADER.pack(
        fields.get("op", 1),
        fields.get("htype", 1),
        fields.get("hlen", 6),
        fields.get("hops", 0),
        fields.get("xid", 0xDECAFBAD),
        fields.get("secs", 0),
        fields.get("flags", 0x8000),
        fields.get("ciaddr", NOWHERE).packed,
        fields.get("yiaddr", NOWHERE).packed,
        fields.get("siaddr", NOWHERE).packed,
        fields.get("giaddr", NOWHERE).packed,
        fields.get("chaddr", MAC),
        fields.get("sname", b""),
        fields.get("file", b""),
        fields.get("magic", MAGIC_COOKIE),
    )


def tlv(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def tlvs(options: Iterable[Option]) -> bytes:
    return b"".join(tlv(code, value) for code, value in options)


def message(*options: Option, end: bytes = b"\xff", **fields: Unpack[Header]) -> bytes:
    return header(**fields) + tlvs(options) + end


def u16(*values: int) -> bytes:
    return struct.pack(f"!{len(values)}H", *values)


def class_of(arch: int, family: str = "PXEClient") -> bytes:
    return f"{family}:Arch:{arch:05}:UNDI:003000".encode()


def discover(
    arch: int = 7,
    *,
    family: str = "PXEClient",
    options: Mapping[int, bytes | None] | None = None,
    **fields: Unpack[Header],
) -> bytes:
    """A DHCPDISCOVER as EDK2 sends it; `options` replaces (or with None removes) and adds."""
    return _request(MessageType.DISCOVER, arch, family, options, fields)


def request_4011(
    arch: int = 7,
    *,
    family: str = "PXEClient",
    options: Mapping[int, bytes | None] | None = None,
    **fields: Unpack[Header],
) -> bytes:
    """A DHCPREQUEST for the PXE service on port 4011: no 50, no 54, the leased address inside."""
    given: Header = {"ciaddr": CLIENT, "flags": 0}
    return _request(MessageType.REQUEST, arch, family, options, given | fields)


def _request(
    kind: MessageType,
    arch: int,
    family: str,
    changes: Mapping[int, bytes | None] | None,
    fields: Header,
) -> bytes:
    options: dict[int, bytes | None] = {
        53: bytes([kind]),
        57: u16(1472),
        55: bytes([1, 3, 6, 43, 60, 66, 67, 97]),
        97: b"\0" + GUID,
        94: b"\1\3\0",
        93: u16(arch),
        60: class_of(arch, family),
    }
    options |= changes or {}
    kept = ((code, value) for code, value in options.items() if value is not None)
    return message(*kept, **fields)


def ipxe_discover(arch: int = 7, **fields: Unpack[Header]) -> bytes:
    """A DHCPDISCOVER as iPXE sends it: user class without RFC 3004's length, features in 175."""
    return discover(arch, options={77: b"iPXE", 175: bytes.fromhex("130101240101")}, **fields)


def discovery(kind: int, layer: int = 0, **fields: Unpack[Header]) -> bytes:
    """A PXE boot-server discovery: option 43.71 names the kind of server (PXE 2.1)."""
    return request_4011(options={43: tlv(71, u16(kind, layer)) + b"\xff"}, **fields)


class Reply:
    """A reply, read strictly: what a client could stumble over is an assertion here."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.fields = dict(zip(HEADER_FIELDS, HEADER.unpack(payload[:240]), strict=True))
        self.order: list[int] = []
        self.options: dict[int, bytes] = {}
        at = 240
        while payload[at] != 255:
            code, size = payload[at], payload[at + 1]
            value = payload[at + 2 : at + 2 + size]
            assert len(value) == size, f"option {code} runs off the end"
            assert code not in self.options, f"option {code} comes twice"
            self.order.append(code)
            self.options[code] = value
            at += 2 + size
        self.padding = payload[at + 1 :]

    def number(self, field: str) -> int:
        value = self.fields[field]
        assert isinstance(value, int)
        return value

    def raw(self, field: str) -> bytes:
        value = self.fields[field]
        assert isinstance(value, bytes)
        return value

    def address(self, field: str) -> IPv4Address:
        return IPv4Address(self.raw(field))

    @property
    def kind(self) -> MessageType:
        return MessageType(self.options[53][0])

    @property
    def server_id(self) -> IPv4Address:
        return IPv4Address(self.options[54])

    @property
    def siaddr(self) -> IPv4Address:
        return self.address("siaddr")

    @property
    def file(self) -> str:
        name, nul, rest = self.raw("file").partition(b"\0")
        assert nul, "file field without NUL"
        assert not rest.strip(b"\0"), "something after the NUL of the file field"
        return name.decode("ascii")

    @property
    def vendor(self) -> list[Option]:
        """Option 43 as PXE reads it; it must close with its own END."""
        value = self.options.get(43)
        if value is None:
            return []
        found, at = [], 0
        while value[at] != 255:
            size = value[at + 1]
            found.append((value[at], value[at + 2 : at + 2 + size]))
            at += 2 + size
        assert at + 1 == len(value), "something after the END of option 43"
        return found
