"""Bytes as hexadecimal groups: MAC addresses, relay ids and the patterns of dhcp-match."""

import re

import msgspec

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.lines import plain

CHADDR_SIZE = 16
MASK_OCTETS = 32  # dnsmasq keeps one bit for each wildcard in an int of this many bits

_GROUP = re.compile(r"([^-: ]*)([-: ]?)")
_NOT_HEX = re.compile(r"[^0-9a-fA-F*]")
_PAIR = re.compile(r"..?")


class HexText(msgspec.Struct, frozen=True):
    """What was read. `htype` is the number before a first `-`, 0 if there is none.

    It is not `is_valid` when a group holds something else; `octets` is then what came before.
    """

    octets: bytes
    wild: tuple[bool, ...]
    htype: int = 0
    is_valid: bool = True

    def pattern(self) -> Pattern:
        """The bytes with a mask: wildcards count among the last 32 octets only."""
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
    found = [(match[1], match[2]) for match in _GROUP.finditer(value)]
    return found[:-1] if len(found) > 1 and found[-2][1] == "" else found


def _read_pairs(group: str, at_most: int, octets: bytearray, wild: list[bool]) -> bool:
    """Append the octets of a group; no when a digit and a `*` share one."""
    for pair in _PAIR.findall(group):
        if "*" in pair:
            return False
        octets.append(int(pair, 16))
        wild.append(False)
        if len(octets) == at_most:
            break
    return True
