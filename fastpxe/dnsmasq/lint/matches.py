"""Traps in the lines that say what a client is: values compared otherwise than they look.

Sources: dnsmasq 2.90 and its behaviour; RFC 4578 (option 97 begins with a zero byte).
"""

import re
from collections.abc import Callable, Iterator, Sequence

from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.identity import microsoft_order
from fastpxe.dnsmasq.syntax.arguments import SOURCE
from fastpxe.dnsmasq.syntax.fields import as_text
from fastpxe.dnsmasq.syntax.lines import SourceLine, read_lines
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpMatch,
    DnsmasqConfig,
    MacMatch,
    Prefix,
    Substring,
)
from fastpxe.dnsmasq.syntax.option_values import read_name
from fastpxe.findings import Finding

UUID_SIZE = 17
OTHERWISE = "match-value"

_OCTETS = re.compile(r"[0-9a-fA-F*]+(?:-[0-9a-fA-F*]+)+")
_DIGITS = re.compile(r"[0-9]{1,99}")
_UUID = re.compile(r"[0-9a-fA-F]{32}")
_TEXTS = (Option.VENDOR_CLASS, Option.USER_CLASS, 12, 81)
_NOT_NUMBERS = (Option.VENDOR_CLASS, Option.USER_CLASS, Option.CLIENT_UUID)

Told = tuple[str, str]  # effect and advice


def check_matches(config: DnsmasqConfig) -> Iterator[Finding]:
    """Every trap of this kind."""
    for match in config.matches:
        yield from _match(match)
    yield from _stars(config.class_matches)
    yield from _dashed_macs(config.mac_matches)


# --- dhcp-match ---------------------------------------------------------------------------------


def _match(line: DhcpMatch) -> Iterator[Finding]:
    value = value_of(line)
    if value is None or line.enterprise is not None:
        return
    for look in _LOOKS:
        told = look(line, value)
        if told is not None:
            effect, advice = told
            yield Finding(name=OTHERWISE, where=str(line.where), effect=effect, advice=advice)
            return


def value_of(line: DhcpMatch) -> str | None:
    """What dnsmasq compares with, before it guesses at its type; quoted text hides its digits."""
    if line.where.file == SOURCE:  # there quotes mean nothing
        text = re.split("[= ]", line.text, maxsplit=1)[-1]
        value = text.encode("utf-8", "surrogateescape").decode("latin-1")
        written = SourceLine(line.where, "dhcp-match", value, line.text)
    else:
        written = next(read_lines(line.text.encode("utf-8", "surrogateescape"), ""))
    return read_name(written, written.value or "", is_match=True)[1]


def _dashes(line: DhcpMatch, value: str) -> Told | None:
    if line.code in _TEXTS or not _OCTETS.fullmatch(value):
        return None
    what = "text" if isinstance(line.value, Substring) else "one decimal number"
    return f"{value} with dashes is {what}, not bytes", _with_colons(line, value.replace("-", ""))


def _with_colons(line: DhcpMatch, digits: str) -> str:
    """The bytes that are meant. A whole UUID is taken for one as labels have it."""
    if line.code == Option.CLIENT_UUID and _UUID.fullmatch(digits):
        wire = microsoft_order(bytes.fromhex(digits)).hex(":")
        return f"write the bytes as the wire has them: 00:{wire}"
    return f"write the bytes with colons: {':'.join(re.findall('..?', digits)[:UUID_SIZE])}"


def _decimal(line: DhcpMatch, value: str) -> Told | None:
    """Digits alone."""
    if not _DIGITS.fullmatch(value) or line.code not in _NOT_NUMBERS:
        return None
    is_uuid = line.code == Option.CLIENT_UUID
    effect = (
        f"{value}, digits without a colon, is one decimal number, and compared with each piece of "
        f"option {line.code} of that number's size"
    )
    return effect, _with_colons(line, value) if is_uuid else f'for text write "{value}"'


def _hex_arch(line: DhcpMatch, value: str) -> Told | None:
    """An architecture is well given in decimal, unless it was meant in hex."""
    if line.code != Option.CLIENT_ARCH or not _DIGITS.fullmatch(value):
        return None
    meant = int(value, 16)
    if value[0] != "0" or not int(value) < meant <= 0xFFFF:
        return None
    return (
        f"{value} is the decimal number {int(value)}",
        f"write {int(value)}, or the bytes in hex: {meant.to_bytes(2).hex(':')}",
    )


def _text_for_arch(line: DhcpMatch, value: str) -> Told | None:
    if line.code != Option.CLIENT_ARCH or not isinstance(line.value, Substring):
        return None
    return (
        f"{as_text(value)} is taken for text, which option 93 never holds",
        "write the architecture as a decimal number: 7",
    )


def _text_for_uuid(line: DhcpMatch, value: str) -> Told | None:
    if line.code != Option.CLIENT_UUID or not isinstance(line.value, Substring):
        return None
    text = as_text(value)
    is_whole = _UUID.fullmatch(text) is not None
    advice = "write the bytes as the wire has them, with colons: 00:44:45:4c:4c:…"
    return (
        f"{text} is taken for text, which option 97 does not hold",
        _with_colons(line, text) if is_whole else advice,
    )


def _star_in_text(line: DhcpMatch, value: str) -> Told | None:
    if not isinstance(line.value, Substring) or "*" not in value:
        return None
    return (
        f"in text `*` is a star and no wildcard: nobody sends {as_text(value)}",
        "leave it out: text is found anywhere in the option",
    )


def _mixed_octet(line: DhcpMatch, value: str) -> Told | None:
    octets = value.split(":")
    mixed = [octet for octet in octets if "*" in octet and octet != "*"]
    if not isinstance(line.value, Prefix) or not mixed:
        return None
    wider = ":".join("*" if octet in mixed else octet for octet in octets)
    effect = (
        f"from {mixed[0]} on every octet is compared as 00, and no `*` counts: it stands for a "
        "whole octet"
    )
    return effect, f"write {wider}"


def _long_group(line: DhcpMatch, value: str) -> Told | None:
    groups = value.split(":")
    if not isinstance(line.value, Prefix) or all(len(group) <= 2 for group in groups):
        return None
    bytes_ = line.value.pattern.value.hex(":")
    return (
        f"of {value} only {bytes_} is compared: as many bytes as there are groups",
        f"write two digits a group: {':'.join(re.findall('..?', ''.join(groups)))}",
    )


def _no_uuid(line: DhcpMatch, value: str) -> Told | None:
    """A pattern is held against the start of the option, which is the type: 00."""
    if line.code != Option.CLIENT_UUID or not isinstance(line.value, Prefix):
        return None
    pattern = line.value.pattern
    if len(pattern.value) > UUID_SIZE:
        return (
            f"the pattern has {len(pattern.value)} bytes, and option 97 has 17: it never matches",
            f"write {pattern.value[:UUID_SIZE].hex(':')}",
        )
    if pattern.value[:1] != b"\0" and pattern.mask[:1] != b"\0":
        effect = (
            f"option 97 begins with a byte 00, its type, and {value} is compared with its start: "
            "it never matches"
        )
        return effect, f"write 00:{value}"
    return None


_LOOKS: tuple[Callable[[DhcpMatch, str], Told | None], ...] = (
    _dashes,
    _decimal,
    _hex_arch,
    _star_in_text,
    _text_for_arch,
    _text_for_uuid,
    _mixed_octet,
    _long_group,
    _no_uuid,
)


# --- other values -------------------------------------------------------------------------------


def _stars(lines: Sequence[ClassMatch]) -> Iterator[Finding]:
    for line in lines:
        if b"*" in line.substring:
            yield Finding(
                name=OTHERWISE,
                where=str(line.where),
                effect="in text `*` is a star and no wildcard: nobody sends "
                + line.substring.decode("latin-1"),
                advice="leave it out: text is found anywhere in the option",
            )


def _dashed_macs(lines: Sequence[MacMatch]) -> Iterator[Finding]:
    for line in lines:
        if line.htype is not None and len(line.pattern.value) == 5:
            yield Finding(
                name=OTHERWISE,
                where=str(line.where),
                effect=f"{line.htype:02x}- in front is a type of hardware, which leaves an address "
                "of 5 octets: no Ethernet card has one",
                advice="write the MAC address with colons",
            )
