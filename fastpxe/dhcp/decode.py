"""A DHCP message as people read it: header fields, then options in the order of the wire.

Never raises for what a client may send: what can't be read is shown as the bytes it is.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import Arch, IpxeFeature, MessageType
from fastpxe.dhcp.identity import format_uuid, microsoft_order
from fastpxe.dhcp.options import tlvs
from fastpxe.dhcp.pxe_options import SubOption, boot_servers, menu_entries

OPTION_NAMES = {
    1: "subnet mask", 3: "router", 6: "DNS server", 12: "host name", 43: "vendor specific",
    50: "requested address", 51: "lease time", 52: "overload", 53: "message type",
    54: "server identifier", 55: "parameter list", 57: "maximum message size",
    60: "vendor class", 61: "client identifier", 66: "TFTP server name", 67: "boot file name",
    77: "user class", 81: "FQDN", 82: "relay agent", 93: "client architecture",
    94: "network interface", 97: "client UUID", 118: "subnet selection",
    124: "vendor class (RFC 3925)", 125: "vendor information (RFC 3925)", 175: "iPXE",
}  # fmt: skip

PXE_NAMES = {option.value: option.name.lower().replace("_", " ") for option in SubOption}

_ADDRESSES = frozenset({1, 3, 6, 50, 54, 118})
_NUMBERS = frozenset({51, 52, 57})


class Option(msgspec.Struct, frozen=True):
    """One option: its code, name, meaning in words, and bytes as hex."""

    code: int
    name: str
    meaning: str
    hex: str


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """A DHCP message in words. `size` is the UDP payload in bytes."""

    op: int
    htype: int
    hops: int
    xid: str
    secs: int
    flags: str
    ciaddr: str
    yiaddr: str
    siaddr: str
    giaddr: str
    chaddr: str
    sname: str
    file: str
    options: tuple[Option, ...]
    size: int

    def lines(self) -> Iterator[str]:
        """Text for a terminal: fields that say something, then the options."""
        yield f"{self.size} bytes, xid {self.xid}, flags {self.flags}, chaddr {self.chaddr}"
        for name in ("ciaddr", "yiaddr", "siaddr", "giaddr"):
            if int(IPv4Address(getattr(self, name))):
                yield f"{name} {getattr(self, name)}"
        for name in ("sname", "file"):
            if getattr(self, name):
                yield f"{name} {getattr(self, name)!r}"
        for option in self.options:
            yield f"option {option.code:3} {option.name}: {option.meaning}"


def decode(payload: bytes) -> Decoded:
    """Read a message of at least 240 bytes; a shorter one reads as if zeros followed."""
    p = payload.ljust(240, b"\0")
    return Decoded(
        op=p[0],
        htype=p[1],
        hops=p[3],
        xid=p[4:8].hex(),
        secs=int.from_bytes(p[8:10]),
        flags=f"0x{p[10:12].hex()}",
        ciaddr=str(IPv4Address(p[12:16])),
        yiaddr=str(IPv4Address(p[16:20])),
        siaddr=str(IPv4Address(p[20:24])),
        giaddr=str(IPv4Address(p[24:28])),
        chaddr=p[28 : 28 + min(p[2], 16)].hex(":"),
        sname=_text_field(p[44:108]),
        file=_text_field(p[108:236]),
        options=tuple(
            Option(code, OPTION_NAMES.get(code, "option"), meaning(code, value), value.hex())
            for code, value in tlvs(payload[240:])
        ),
        size=len(payload),
    )


def meaning(code: int, value: bytes) -> str:
    """What an option's bytes say, in words where there are words."""
    if code == 53 and len(value) == 1:
        return _name_of(MessageType, value[0])
    if code in _ADDRESSES and value and len(value) % 4 == 0:
        return ", ".join(str(IPv4Address(value[i : i + 4])) for i in range(0, len(value), 4))
    if code in _NUMBERS and value:
        return str(int.from_bytes(value))
    if code == 93 and value and len(value) % 2 == 0:
        numbers = [int.from_bytes(value[i : i + 2]) for i in range(0, len(value), 2)]
        return ", ".join(f"{arch_name(number)} ({number})" for number in numbers)
    if code == 97 and len(value) == 17 and value[0] == 0:
        return f"{format_uuid(microsoft_order(value[1:]))}, on the wire {value.hex(':')}"
    if code == 175:
        return ", ".join(_ipxe(sub, inner) for sub, inner in tlvs(value)) or "empty"
    if code == 43:
        return "; ".join(_pxe(sub, inner) for sub, inner in tlvs(value)) or value.hex(":")
    text = value.removesuffix(b"\0").decode("latin-1")
    if len(text) > 2 and text.isascii() and text.isprintable():
        return repr(text)
    return value.hex(":") or "empty"


def arch_name(number: int) -> str:
    """The name that a configuration uses for an architecture, or "unknown"."""
    return _name_of(Arch, number).lower().replace("_", "-")


def feature_name(code: int) -> str:
    """The name that a configuration uses for a feature of iPXE, or "unknown"."""
    return _name_of(IpxeFeature, code).lower().replace("_", "-")


def _ipxe(code: int, value: bytes) -> str:
    """A feature by its name; what else iPXE says of itself by its number."""
    name = feature_name(code)
    return f"sub-option {code} {value.hex(':')}" if name == "unknown" else name


def _pxe(code: int, value: bytes) -> str:
    name = PXE_NAMES.get(code, f"sub-option {code}")
    text = value.hex(":")
    if code == SubOption.BOOT_MENU:
        text = ", ".join(f"{entry.type} {entry.text!r}" for entry in menu_entries(value)) or text
    elif code == SubOption.BOOT_SERVERS:
        listed = (f"{kind} at {_any_of(addresses)}" for kind, addresses in boot_servers(value))
        text = ", ".join(listed) or text
    elif code == SubOption.MENU_PROMPT and value:
        text = f"{value[1:].decode('latin-1')!r}, {value[0]} s"
    return f"{name} {text}"


def _any_of(addresses: Sequence[IPv4Address]) -> str:
    return " ".join(map(str, addresses)) or "any server"


def _name_of(kinds: type[Arch | IpxeFeature | MessageType], number: int) -> str:
    try:
        return kinds(number).name
    except ValueError:
        return "unknown"


def _text_field(field: bytes) -> str:
    return field.split(b"\0")[0].decode("latin-1")
