"""A DHCP message as text that a person can check: fields, options in order, and every byte."""

from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import HEADER, HEADER_FIELDS
from responder import Answer

from fastpxe.dhcp.constants import MessageType

NAMES = {
    1: "subnet mask", 43: "vendor specific", 50: "requested address", 53: "message type",
    54: "server identifier", 55: "parameter list", 57: "maximum message size",
    60: "vendor class", 61: "client identifier", 66: "TFTP server name", 67: "bootfile name",
    77: "user class", 93: "client architecture", 94: "network interface", 97: "client UUID",
    175: "iPXE",
}  # fmt: skip
ADDRESSES = {"ciaddr", "yiaddr", "siaddr", "giaddr"}
ADDRESS_OPTIONS = {50, 54}
NUMBERS = {53, 57}


def describe(answer: Answer) -> str:
    if not answer.payload:
        return f"silence: {answer.reason}\n"
    title = f'answered by rule "{answer.rule}", to {answer.to}:{answer.to_port}\n'
    return f"{title}{decode(answer.payload)}{dump(answer.payload)}"


def decode(payload: bytes) -> str:
    lines = [*fields(payload), *options(payload)]
    return "".join(f"  {line}\n" for line in lines)


def fields(payload: bytes) -> Iterator[str]:
    for name, value in zip(HEADER_FIELDS, HEADER.unpack(payload[:240]), strict=True):
        if name in ADDRESSES:
            yield f"{name} {IPv4Address(value)}"
        elif name in {"sname", "file"}:
            yield f'{name} "{value.rstrip(bytes(1)).decode()}"'
        elif name in {"xid", "flags"}:
            yield f"{name} {value:#x}"
        elif name != "magic":
            yield f"{name} {value.hex() if isinstance(value, bytes) else value}"


def options(payload: bytes) -> Iterator[str]:
    at = 240
    while payload[at] != 255:
        code, size = payload[at], payload[at + 1]
        value = payload[at + 2 : at + 2 + size]
        yield f"{code} {NAMES.get(code, 'option')}: {meaning(code, value)}"
        at += 2 + size
    yield f"255 end, {len(payload) - at - 1} bytes of padding, {len(payload)} bytes in all"


def meaning(code: int, value: bytes) -> str:
    if code == 53:
        return MessageType(value[0]).name
    if code in ADDRESS_OPTIONS:
        return str(IPv4Address(value))
    if code in NUMBERS:
        return str(int.from_bytes(value))
    text = value.removesuffix(b"\0").decode("latin-1")
    if len(text) > 3 and text.isascii() and text.isprintable():
        return f'"{text}"' + (" and NUL" if value.endswith(b"\0") else "")
    return value.hex(" ")


def dump(payload: bytes) -> str:
    rows = (payload[at : at + 16] for at in range(0, len(payload), 16))
    return "".join(f"{16 * i:04x}  {row.hex(' ')}\n" for i, row in enumerate(rows))
