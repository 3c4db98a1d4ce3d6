"""The lines of a dnsmasq configuration that test a client, as conditions of a [[boot]].

A line that a fastpxe.toml can't express raises Inexpressible.
"""

from collections.abc import Iterator

from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpHost,
    DhcpMatch,
    DnsmasqConfig,
    Elements,
    Line,
    MacMatch,
    NameMatch,
    Prefix,
    Present,
    RelayMatch,
    Substring,
)
from fastpxe.policy.conditions import ANYBODY, Condition
from fastpxe.policy.rules import Text

ETHERNET = 1
MAC_SIZE, UUID_SIZE = 6, 16

_NAME = "the host name of the client (options 12 and 81)"
_HARDWARE_ADDRESS = "a hardware address that is not of Ethernet"

IPXE = Condition(ipxe=(True,))
IPXE_CLASS = Condition(user_classes=((Text(b"iPXE", "contains"),),))


class Inexpressible(Exception):  # noqa: N818 - not an error: the configuration is right
    """A test that a [[boot]] has no key for. Its text is the tested part of the request."""


def client_tests(config: DnsmasqConfig) -> Iterator[Line]:
    """The lines that test a client and set a tag, in the order in which dnsmasq evaluates them."""
    yield from config.relay_matches
    yield from config.mac_matches
    yield from config.matches
    yield from config.class_matches
    yield from config.name_matches
    yield from config.hosts


def condition_of(line: Line) -> Condition:
    """The clients for which a line sets its tag. Raises Inexpressible."""
    match line:
        case ClassMatch(code=code, substring=substring):
            return _class(code, Text(substring, "contains"))
        case MacMatch(htype=htype, pattern=pattern):
            return Condition(macs=(_mac(htype, pattern),))
        case DhcpMatch():
            return _match(line)
        case RelayMatch():
            raise Inexpressible("the option of a relay (82)")
        case NameMatch():
            raise Inexpressible(_NAME)
    raise Inexpressible("a test without a key")


def macs_of(line: DhcpHost) -> list[Pattern]:
    """The MAC addresses that identify the clients of a dhcp-host."""
    usual = [mac for mac in line.macs if _is_usual(mac.htype, mac.pattern)]
    return [_clean(mac.pattern) for mac in usual]


def inexpressible_part(line: DhcpHost) -> str:
    """The part of the request that identifies its clients otherwise; "" for none."""
    if any(i != b"*" for i in line.client_ids):
        return "the client identifier (option 61)"
    if not line.macs:
        return _NAME
    return "" if macs_of(line) else _HARDWARE_ADDRESS


def has_text(text: bytes, *, is_prefix: bool = False) -> Condition:
    """The clients whose vendor class has a text, or starts with it. Raises Inexpressible."""
    return _class(Option.VENDOR_CLASS, Text(text, "prefix" if is_prefix else "contains"))


def _mac(htype: int | None, pattern: Pattern) -> Pattern:
    if not _is_usual(htype, pattern):
        raise Inexpressible(_HARDWARE_ADDRESS)
    return _clean(pattern)


def _is_usual(htype: int | None, pattern: Pattern) -> bool:
    return htype in (None, ETHERNET) and len(pattern.value) == MAC_SIZE


def _class(code: int, text: Text) -> Condition:
    if code == Option.VENDOR_CLASS:
        if not text.text:
            return ANYBODY  # every PXE client has one
        return Condition(vendor_classes=((_writable(text),),))
    if not text.text:
        raise Inexpressible("the presence of a user class (option 77)")
    return Condition(user_classes=((_writable(text),),))


def _writable(text: Text) -> Text:
    if b"*" in text.text or not text.text.isascii() or not text.text.decode().isprintable():
        raise Inexpressible(f"the text {text.text!r} in a class")
    return text


def _match(line: DhcpMatch) -> Condition:
    if line.enterprise is not None:
        raise Inexpressible("an item of option 124")
    match line.code, line.value:
        case (Option.CLIENT_ARCH | Option.VENDOR_CLASS, Present()):
            return ANYBODY  # other clients get no reply
        case (Option.IPXE, Present()):
            return IPXE
        case (Option.CLIENT_ARCH, Elements(value)) if len(value) == 2:
            return Condition(arches=(int.from_bytes(value),))
        case (Option.CLIENT_ARCH, Prefix(pattern)) if pattern.mask == b"\xff\xff":
            return Condition(arches=(int.from_bytes(pattern.value),))
        case (Option.VENDOR_CLASS | Option.USER_CLASS, Substring(text)):
            return _class(line.code, Text(text, "contains"))
        case (Option.VENDOR_CLASS | Option.USER_CLASS, Prefix(pattern)) if _is_whole(pattern):
            return _class(line.code, Text(pattern.value, "prefix"))
        case (Option.CLIENT_UUID, Present()):
            return Condition(uuids=(Pattern(bytes(UUID_SIZE), bytes(UUID_SIZE)),))
        case (Option.CLIENT_UUID, Prefix(pattern)) if _is_guid(pattern):
            value, mask = (b[1:].ljust(UUID_SIZE, b"\0") for b in (pattern.value, pattern.mask))
            return Condition(uuids=(_clean(Pattern(value, mask)),))
    raise Inexpressible(f"option {line.code} in this way")


def _is_whole(pattern: Pattern) -> bool:
    return pattern.mask == b"\xff" * len(pattern.mask)


def _is_guid(pattern: Pattern) -> bool:
    """Option 97 has a type, which is always 0, and the UUID."""
    is_type_0 = pattern.value[0] & pattern.mask[0] == 0
    return is_type_0 and 1 < len(pattern.value) <= UUID_SIZE + 1


def _clean(pattern: Pattern) -> Pattern:
    """Without masked bits, so that equivalent patterns are equal."""
    pairs = zip(pattern.value, pattern.mask, strict=True)
    return Pattern(bytes(value & mask for value, mask in pairs), pattern.mask)
