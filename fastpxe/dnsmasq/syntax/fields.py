"""The fields of a line: separators, text, numbers, tags, addresses and hexadecimal groups.

Text is kept as one character for each byte of the file. A character that was in quotes and would
mean something to a directive has bit 8 set: the search for a comma and the guess at a value's type
pass over it. `plain`, `as_text` and `as_bytes` give the text without that bit.

Sources:
  dnsmasq 2.90, its manual and its behaviour.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import msgspec

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.model import Tag, Tags

INT_BITS = 32
LONG_MAX = (1 << 63) - 1

_QUOTED = 0x100
_MARKED_IN_QUOTES = frozenset("0123456789abcdefABCDEF :,.")


# --- separators -----------------------------------------------------------------------------------


def split(value: str, separator: str = ",") -> tuple[str, str | None]:
    """The text before the first separator, and the text after it; None without a separator."""
    first, found, rest = value.partition(separator)
    if not found:
        return value, None
    return first.rstrip(" "), rest.lstrip(" ")


def split_all(value: str, at_most: int = 0) -> list[str]:
    """The comma-separated parts; of `at_most` parts the last one keeps its commas."""
    parts: list[str] = []
    rest: str | None = value
    while rest is not None and len(parts) + 1 != at_most:
        first, rest = split(rest)
        parts.append(first)
    return parts if rest is None else [*parts, rest]


# --- text and numbers -----------------------------------------------------------------------------


def quote(char: str) -> str:
    """A character as it is kept when it is in quotes."""
    return chr(ord(char) | _QUOTED) if char in _MARKED_IN_QUOTES else char


def plain(value: str) -> str:
    """The text without the mark of quoted characters."""
    return "".join(chr(ord(char) & 0xFF) for char in value)


def as_bytes(value: str) -> bytes:
    """The bytes of the file, quotes and escapes resolved."""
    return plain(value).encode("latin-1")


def as_text(value: str) -> str:
    """The same as a str: UTF-8, and bytes that are not UTF-8 as os.fsdecode has them."""
    return as_bytes(value).decode("utf-8", "surrogateescape")


def whole_number(value: str) -> int | None:
    """A number of digits only, quoted or not; an empty text counts as 0. None for anything else."""
    digits = plain(value)
    return leading_number(digits) if re.fullmatch("[0-9]*", digits) else None


def leading_number(value: str) -> int:
    """The result of C's atoi, wrapped to 32 bits; 0 for a text that starts with no number."""
    match = re.match("([+-]?)0*([0-9]{1,20})", value)  # 20 digits are too many already
    wide = max(-LONG_MAX - 1, min(int(match[1] + match[2]) if match else 0, LONG_MAX))
    half = 1 << INT_BITS - 1
    return (wide + half) % (2 * half) - half


# --- tags: `tag:x`, `net:x`, `set:x`, a bare `x`, and `!x` ----------------------------------------


def read_tag(name: str) -> Tag:
    """A tag to test; `!`, and in old files `#`, before the name negates it."""
    if name[:1] in ("!", "#"):
        return Tag(as_text(name[1:]), negated=True)
    return Tag(as_text(name))


def has_test_prefix(field: str) -> bool:
    return field.startswith(("tag:", "net:"))


def without_set(field: str) -> str:
    """The name of a tag to set: `set:x` or a bare `x`."""
    return as_text(field.removeprefix("set:"))


def leading_tags(value: str) -> tuple[Tags, str | None]:
    """The tests before a value, and the rest of the line: None without one."""
    tags: list[Tag] = []
    rest: str | None = value
    while rest is not None and has_test_prefix(rest):
        field, rest = split(rest)
        tags.append(read_tag(field[4:]))
    return tuple(tags), rest


# --- addresses; a quoted digit is not part of one -------------------------------------------------


def read_ipv4(field: str) -> IPv4Address | None:
    """The address; None for anything else."""
    try:
        return IPv4Address(field)
    except AddressValueError:
        return None


def read_ipv6(field: str) -> IPv6Address | None:
    """The address; None for anything else, and for one with a zone (`%eth0`)."""
    try:
        return None if "%" in field else IPv6Address(field)
    except AddressValueError:
        return None


# --- hexadecimal groups: MAC addresses, relay ids and the patterns of dhcp-match ------------------

CHADDR_SIZE = 16
MASK_OCTETS = 32  # dnsmasq keeps one bit for each wildcard in an int of this many bits

_GROUP = re.compile(r"([^-: ]*)([-: ]?)")
_NOT_HEX = re.compile(r"[^0-9a-fA-F*]")
_PAIR = re.compile(r"..?")


class HexText(msgspec.Struct, frozen=True):
    """Octets, which of them are wildcards, and the number before a first `-` (0 without one).

    is_valid: every group is hexadecimal or `*`. Else `octets` ends before the first other group.
    """

    octets: bytes
    wild: tuple[bool, ...]
    htype: int = 0
    is_valid: bool = True

    def pattern(self) -> Pattern:
        """The bytes with a mask; only the last 32 octets can be wildcards."""
        first = len(self.octets) - MASK_OCTETS
        mask = (0 if wild and i >= first else 0xFF for i, wild in enumerate(self.wild))
        return Pattern(self.octets, bytes(mask))


def read_hex(value: str, at_most: int, *, has_type: bool = False) -> HexText:
    """Read groups of hex digits, or `*`, between `:`, `-` or blanks; `at_most` octets of them."""
    octets = bytearray()
    wild: list[bool] = []
    htype: int | None = None
    for group, separator in _groups(plain(value)):
        if len(octets) >= at_most:
            break
        if _NOT_HEX.search(group):
            return HexText(bytes(octets), tuple(wild), htype or 0, is_valid=False)
        if group and separator == "-" and not octets and has_type and htype is None:
            htype = int(group.partition("*")[0] or "0", 16)
        elif group == "*":
            octets.append(0)
            wild.append(True)
        elif not _read_pairs(group, at_most, octets, wild):
            return HexText(bytes(octets), tuple(wild), htype or 0, is_valid=False)
    return HexText(bytes(octets), tuple(wild), htype or 0)


def _groups(value: str) -> list[tuple[str, str]]:
    groups = [(match[1], match[2]) for match in _GROUP.finditer(value)]
    return groups[:-1] if len(groups) > 1 and groups[-2][1] == "" else groups


def _read_pairs(group: str, at_most: int, octets: bytearray, wild: list[bool]) -> bool:
    """Append the octets of a group; False if one octet has both a digit and a `*`."""
    for pair in _PAIR.findall(group):
        if "*" in pair:
            return False
        octets.append(int(pair, 16))
        wild.append(False)
        if len(octets) == at_most:
            break
    return True
