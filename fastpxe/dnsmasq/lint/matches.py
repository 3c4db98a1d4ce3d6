"""Findings about lines that test a client: values that dnsmasq reads in an unexpected way.

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
NAME = "match-value"

_OCTETS = re.compile(r"[0-9a-fA-F*]+(?:-[0-9a-fA-F*]+)+")
_DIGITS = re.compile(r"[0-9]{1,99}")
_UUID = re.compile(r"[0-9a-fA-F]{32}")
_TEXTS = (Option.VENDOR_CLASS, Option.USER_CLASS, 12, 81)
_NOT_NUMBERS = (Option.VENDOR_CLASS, Option.USER_CLASS, Option.CLIENT_UUID)

EffectAndAdvice = tuple[str, str]


def check_matches(config: DnsmasqConfig) -> Iterator[Finding]:
    """Every finding of this kind."""
    for match in config.matches:
        yield from _match(match)
    yield from _stars(config.class_matches)
    yield from _dashed_macs(config.mac_matches)


# --- dhcp-match ---------------------------------------------------------------------------------


def _match(line: DhcpMatch) -> Iterator[Finding]:
    value = value_of(line)
    if value is None or line.enterprise is not None:
        return
    for check in _CHECKS:
        result = check(line, value)
        if result is not None:
            effect, advice = result
            yield Finding(name=NAME, where=str(line.where), effect=effect, advice=advice)
            return


def value_of(line: DhcpMatch) -> str | None:
    """The value as dnsmasq reads it, before it guesses the type; quoted digits are marked."""
    if line.where.file == SOURCE:  # quotes have no meaning there
        text = re.split("[= ]", line.text, maxsplit=1)[-1]
        value = text.encode("utf-8", "surrogateescape").decode("latin-1")
        written = SourceLine(line.where, "dhcp-match", value, line.text)
    else:
        written = next(read_lines(line.text.encode("utf-8", "surrogateescape"), ""))
    return read_name(written, written.value or "", is_match=True)[1]


def _dashes(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    if line.code in _TEXTS or not _OCTETS.fullmatch(value):
        return None
    what = "text" if isinstance(line.value, Substring) else "one decimal number"
    return f"{value} with dashes is {what}, not bytes", _with_colons(line, value.replace("-", ""))


def _with_colons(line: DhcpMatch, digits: str) -> str:
    """The advice with the bytes. A whole UUID is assumed to be in the form of labels."""
    if line.code == Option.CLIENT_UUID and _UUID.fullmatch(digits):
        wire = microsoft_order(bytes.fromhex(digits)).hex(":")
        return f"write the bytes as they are on the wire: 00:{wire}"
    return f"write the bytes with colons: {':'.join(re.findall('..?', digits)[:UUID_SIZE])}"


def _decimal(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    """Digits alone."""
    if not _DIGITS.fullmatch(value) or line.code not in _NOT_NUMBERS:
        return None
    is_uuid = line.code == Option.CLIENT_UUID
    effect = (
        f"{value}, digits without a colon, is one decimal number, and compared with each part of "
        f"option {line.code} that has the number's size"
    )
    return effect, _with_colons(line, value) if is_uuid else f'for text write "{value}"'


def _hex_arch(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    """An architecture in decimal is right, unless it was meant in hexadecimal."""
    if line.code != Option.CLIENT_ARCH or not _DIGITS.fullmatch(value):
        return None
    meant = int(value, 16)
    if value[0] != "0" or not int(value) < meant <= 0xFFFF:
        return None
    return (
        f"{value} is the decimal number {int(value)}",
        f"write {int(value)}, or the bytes in hexadecimal: {meant.to_bytes(2).hex(':')}",
    )


def _text_for_arch(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    if line.code != Option.CLIENT_ARCH or not isinstance(line.value, Substring):
        return None
    return (
        f"{as_text(value)} is read as text, which option 93 never has",
        "write the architecture as a decimal number: 7",
    )


def _text_for_uuid(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    if line.code != Option.CLIENT_UUID or not isinstance(line.value, Substring):
        return None
    text = as_text(value)
    is_whole = _UUID.fullmatch(text) is not None
    advice = "write the bytes as they are on the wire, with colons: 00:44:45:4c:4c:…"
    return (
        f"{text} is read as text, which option 97 doesn't have",
        _with_colons(line, text) if is_whole else advice,
    )


def _star_in_text(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    if not isinstance(line.value, Substring) or "*" not in value:
        return None
    return (
        f"in text `*` is a literal star, not a wildcard: no client sends {as_text(value)}",
        "remove it: text is found anywhere in the option",
    )


def _mixed_octet(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    octets = value.split(":")
    mixed = [octet for octet in octets if "*" in octet and octet != "*"]
    if not isinstance(line.value, Prefix) or not mixed:
        return None
    wider = ":".join("*" if octet in mixed else octet for octet in octets)
    effect = (
        f"a `*` is a wildcard for a whole octet: {mixed[0]} and the octets after it are compared "
        "with 00, and no `*` counts"
    )
    return effect, f"write {wider}"


def _long_group(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    groups = value.split(":")
    if not isinstance(line.value, Prefix) or all(len(group) <= 2 for group in groups):
        return None
    bytes_ = line.value.pattern.value.hex(":")
    return (
        f"only {bytes_} of {value} is compared: as many bytes as there are groups",
        f"write two digits per group: {':'.join(re.findall('..?', ''.join(groups)))}",
    )


def _no_uuid(line: DhcpMatch, value: str) -> EffectAndAdvice | None:
    """A pattern is compared with the start of the option, which is the type: 00."""
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
            f"option 97 starts with its type, a byte 00, and {value} is compared with the start: "
            "it never matches"
        )
        return effect, f"write 00:{value}"
    return None


_CHECKS: tuple[Callable[[DhcpMatch, str], EffectAndAdvice | None], ...] = (
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
                name=NAME,
                where=str(line.where),
                effect="in text `*` is a literal star, not a wildcard: no client sends "
                + line.substring.decode("latin-1"),
                advice="remove it: text is found anywhere in the option",
            )


def _dashed_macs(lines: Sequence[MacMatch]) -> Iterator[Finding]:
    for line in lines:
        if line.htype is not None and len(line.pattern.value) == 5:
            yield Finding(
                name=NAME,
                where=str(line.where),
                effect=f"the leading {line.htype:02x}- is a hardware type, and 5 octets are left: "
                "no Ethernet address matches",
                advice="write the MAC address with colons",
            )
