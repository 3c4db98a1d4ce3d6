"""The option of a dhcp-match or dhcp-option line: its code, and its value as bytes.

dnsmasq guesses the type of a value from its characters. A value that looks like an address and is
not one is refused; text never is.

Sources:
  dnsmasq 2.90, its manual (--dhcp-option) and its behaviour.
"""

import re
from typing import Literal

import msgspec

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.fields import (
    as_bytes,
    as_text,
    leading_number,
    plain,
    read_hex,
    read_ipv4,
    read_ipv6,
    split,
    split_all,
)
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.option_names import IPV4, IPV6, UNKNOWN, KnownOption, by_code, by_name
from fastpxe.errors import ConfigError

Form = Literal["none", "hex", "number", "addresses", "names", "text"]

_DIGITS = re.compile("[0-9]*")
_HEX = re.compile(r"(?=.*:)[0-9a-fA-F:]*")
_HEX_OR_WILD = re.compile(r"(?=.*:)[0-9a-fA-F:*]*")
_NUMBER = re.compile(r"(?=.*[0-9])[0-9-]*")
_ADDRESSES = re.compile(r"(?!/)(?=.*[0-9])[0-9.,/ ]*")
_ADDRESSES_6 = re.compile(r"[0-9a-fA-F:.,\[\] ]*")
_WIDTH = {"b": 1, "s": 2, "i": 4}
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}

VALUE_MAX = 255
VENDOR_VALUE_MAX = 253
ENTERPRISE_VALUE_MAX = 250


class OptionName(msgspec.Struct, kw_only=True):
    """The fields before a value: tags, the option, and the option that it is inside."""

    is_match: bool
    tags: list[str] = []
    code: int = -1
    vendor_class: str | None = None
    encap: int | None = None
    enterprise: int | None = None
    is_ipv6: bool = False
    known: KnownOption = UNKNOWN

    @property
    def is_inside(self) -> bool:
        """Part of another option: the code has another meaning there."""
        return not (self.vendor_class is None and self.encap is None and self.enterprise is None)


class OptionValue(msgspec.Struct, frozen=True):
    """The value, its form, and, for hexadecimal with wildcards, its pattern."""

    form: Form
    data: bytes = b""
    pattern: Pattern = Pattern(b"", b"")
    can_be_own_address: bool = False


def read_name(line: SourceLine, value: str, *, is_match: bool) -> tuple[OptionName, str | None]:
    """Read up to the option's number or name. The rest is its value, None without one."""
    name = OptionName(is_match=is_match)
    rest: str | None = value
    while rest is not None:
        field, rest = split(rest)
        if _is_option(line, name, field):
            return name, rest
    raise _no_option(line)


def _no_option(line: SourceLine) -> ConfigError:
    return line.error(
        "the option is missing or unknown; write a number such as 93, or option:NAME with a name"
        " of `dnsmasq --help dhcp`"
    )


def _is_option(line: SourceLine, name: OptionName, field: str) -> bool:
    """Take one field; True for the option itself, False for a field before it."""
    if _DIGITS.fullmatch(field):
        _take_number(name, field, IPV4)
    elif field.startswith("option:"):
        _take_known(line, name, by_name(IPV4, field[7:]))
    elif field.startswith("option6:"):
        _take_ipv6(line, name, field[8:])
    elif field.startswith("vi-encap:"):
        name.enterprise = leading_number(field[9:])
        return name.is_match
    else:
        _take_front(line, name, field)
        return False
    return True


def _take_front(line: SourceLine, name: OptionName, field: str) -> None:
    """The option that this one is inside, or a tag."""
    if field.startswith("vendor:"):
        name.vendor_class = field[7:]
    elif field.startswith("encap:"):
        name.encap = leading_number(field[6:])
    else:
        name.tags.append(re.sub("^(tag|net|set):", "", field))
        return
    if name.is_match or not (name.vendor_class is None or name.encap is None):
        raise line.error(f'"{plain(field)}" is not allowed here; remove it')


def _take_number(name: OptionName, field: str, table: dict[str, KnownOption]) -> None:
    name.code = leading_number(field)
    name.known = UNKNOWN if name.is_inside else by_code(table, name.code)


def _take_known(line: SourceLine, name: OptionName, known: KnownOption) -> None:
    """Options that dnsmasq itself writes can be matched by name, and not set."""
    if known is UNKNOWN or (known.is_internal and not name.is_match):
        raise _no_option(line)
    name.code, name.known = known.code, known


def _take_ipv6(line: SourceLine, name: OptionName, field: str) -> None:
    name.is_ipv6 = True
    if name.vendor_class is not None or name.encap is not None:
        raise line.error("an IPv6 option can't be inside vendor: or encap:; remove those")
    if _DIGITS.fullmatch(field):
        _take_number(name, field, IPV6)
    else:
        _take_known(line, name, by_name(IPV6, field))


# --- values -------------------------------------------------------------------------------------


def read_value(line: SourceLine, name: OptionName, value: str | None) -> OptionValue:
    """The value's bytes. Raises ConfigError for too many, or for a wrong address."""
    parsed = OptionValue("none") if value is None else _guess(line, name, value)
    longest = VALUE_MAX
    if name.vendor_class is not None or name.encap is not None:
        longest = VENDOR_VALUE_MAX
    elif name.enterprise is not None:
        longest = ENTERPRISE_VALUE_MAX
    if not name.is_ipv6 and len(parsed.data) > longest:
        raise line.error(f"the value has {len(parsed.data)} bytes; at most {longest} fit")
    return parsed


def _guess(line: SourceLine, name: OptionName, value: str) -> OptionValue:
    known = name.known
    value, width = _without_width(value)
    if known.kind == "addresses":
        return _addresses(line, name, value)
    if known.kind not in ("any", "time"):
        return _text(name, value)
    if (_HEX_OR_WILD if name.is_match else _HEX).fullmatch(value):
        return _hex(value)
    if known.kind == "time" and re.search("[0-9]", value):
        return OptionValue("number", _seconds(value).to_bytes(4))
    if _NUMBER.fullmatch(value):
        return _number(line, known, value, width)
    if name.is_ipv6 and ":" in value and _ADDRESSES_6.fullmatch(value):
        return OptionValue("addresses", _read_ipv6_addresses(line, value))
    if not name.is_ipv6 and _ADDRESSES.fullmatch(value):
        return _addresses(line, name, value)
    return _text(name, value)


def _without_width(value: str) -> tuple[str, str]:
    """Remove a final b, s or i after decimal digits; from text such as "5b" and "s", too."""
    if re.fullmatch("[0-9-]*[bsi]", value):
        return value[:-1], value[-1]
    return value, ""


def _hex(value: str) -> OptionValue:
    """As many bytes as there are groups; the surplus of a group with more digits is lost.

    A group that mixes digits and `*` ends the value: it and the bytes after it are 00, and no `*`
    before it counts. After an empty group the bytes move to the front, and the mask doesn't.
    """
    size = value.count(":") + 1
    read = read_hex(value, size)
    data = read.octets.ljust(size, b"\0")
    mask = read.pattern().mask if read.is_valid else b""
    return OptionValue("hex", data, Pattern(data, mask.rjust(size, b"\xff")))


def _number(line: SourceLine, known: KnownOption, value: str, width: str) -> OptionValue:
    numeric = leading_number(value) & 0xFFFFFFFF
    if width:
        size = _WIDTH[width]
    elif known.is_internal:
        raise line.error(
            f"option {known.code} doesn't accept a plain number; write its bytes in hexadecimal,"
            " as in 00:07, or its size: 7b, 7s or 7i for 1, 2 or 4 bytes"
        )
    elif known.size:
        size = known.size
    else:
        size = 4 if numeric > 0xFFFF else 2 if numeric > 0xFF else 1
    return OptionValue("number", (numeric & ((1 << 8 * size) - 1)).to_bytes(size))


def _seconds(value: str) -> int:
    unit = _SECONDS.get(value[-1].lower(), 1)
    return leading_number(value) * unit & 0xFFFFFFFF


def _addresses(line: SourceLine, name: OptionName, value: str) -> OptionValue:
    if name.is_ipv6:
        return OptionValue("addresses", _read_ipv6_addresses(line, value))
    data = b""
    has_prefix = False
    for field in split_all(value):
        address, prefix = split(field, "/")
        has_prefix |= prefix is not None
        data += _address(line, address, prefix)
    is_sip = name.code == 120 and not name.is_inside
    return OptionValue(
        "addresses",
        b"\x01" + data if is_sip else data,  # RFC 3361: 1 is for addresses
        can_be_own_address=not (has_prefix or is_sip),
    )


def _address(line: SourceLine, text: str, prefix: str | None) -> bytes:
    """Four bytes; with a prefix length, that and its significant bytes (RFC 3442)."""
    address = read_ipv4(text)
    if address is None:
        raise line.error(
            f'"{plain(text)}" is not an IPv4 address; write 192.0.2.1, or put text in quotes'
        )
    if prefix is None:
        return address.packed
    length = leading_number(prefix)
    return bytes([length & 0xFF]) + address.packed[: min(max(-(-length // 8), 0), 4)]


def _read_ipv6_addresses(line: SourceLine, value: str) -> bytes:
    """The brackets are optional."""
    data = b""
    for field in split_all(value):
        address = read_ipv6(field.removeprefix("[").removesuffix("]"))
        if address is None:
            raise line.error(f'"{plain(field)}" is not an IPv6 address; write [2001:db8::1]')
        data += address.packed
    return data


def _text(name: OptionName, value: str) -> OptionValue:
    """A text; for 119 and 120 as domain names on the wire (RFC 3397, RFC 3361)."""
    if name.is_ipv6 or name.is_inside or name.code not in (119, 120):
        return OptionValue("text", as_bytes(value))
    data = b"\0" if name.code == 120 else b""
    for domain in split_all(value):
        labels = as_text(domain).lower().rstrip(".").encode(errors="surrogateescape").split(b".")
        data += b"".join(bytes([len(label) & 0x3F]) + label for label in labels if label) + b"\0"
    return OptionValue("names", data)
