"""The directives that test a client and set tags.

Sources:
  dnsmasq 2.90, its manual and its behaviour. Each directive has its own spelling of a tag.
"""

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder, Directive
from fastpxe.dnsmasq.syntax.fields import (
    CHADDR_SIZE,
    as_bytes,
    as_text,
    has_test_prefix,
    read_hex,
    read_tag,
    split,
    split_all,
    without_set,
)
from fastpxe.dnsmasq.syntax.keywords import ABOUT_IPV6
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpMatch,
    Elements,
    Ignore,
    MacMatch,
    NameMatch,
    Prefix,
    Present,
    RelayMatch,
    Substring,
    Tag,
    TagIf,
    Value,
)
from fastpxe.dnsmasq.syntax.option_values import OptionValue, read_name, read_value

VENDOR_CLASS = 60
USER_CLASS = 77
CIRCUIT_ID, REMOTE_ID, SUBSCRIBER_ID = 1, 2, 6
VENDOR_OPTIONS = 124  # RFC 3925


def dhcp_match(line: SourceLine, builder: ConfigBuilder) -> None:
    name, rest = read_name(line, line.value or "", is_match=True)
    value = read_value(line, name, rest)
    if len(name.tags) != 1:
        raise line.error(
            f"one tag is required, and there are {len(name.tags)}; write set:TAG,OPTION,VALUE"
        )
    if name.is_ipv6:
        builder.note(line, ABOUT_IPV6)
        return
    builder.matches.append(
        DhcpMatch(
            where=line.where,
            text=line.text,
            sets=as_text(name.tags[0]),
            code=VENDOR_OPTIONS if name.enterprise is not None else name.code,
            enterprise=name.enterprise,
            value=_comparison(value),
        )
    )


def _comparison(value: OptionValue) -> Value:
    if not value.data:
        return Present()
    if value.form == "hex":
        return Prefix(value.pattern)
    if value.form == "text":
        return Substring(value.data)
    return Elements(value.data)


def dhcp_vendorclass(line: SourceLine, builder: ConfigBuilder) -> None:
    """The `enterprise:` of DHCPv6 is skipped: DHCPv4 compares the class in option 60."""
    tag, value = _tag_and_value(line)
    first, rest = split(value)
    if rest is not None and first.startswith("enterprise:"):
        value = rest
    elif rest is not None:
        raise _has_comma(line)
    _class_match(line, builder, tag, VENDOR_CLASS, value)


def dhcp_userclass(line: SourceLine, builder: ConfigBuilder) -> None:
    tag, value = _tag_and_value(line)
    if "," in value:
        raise _has_comma(line)
    _class_match(line, builder, tag, USER_CLASS, value)


def _class_match(line: SourceLine, builder: ConfigBuilder, tag: str, code: int, value: str) -> None:
    builder.class_matches.append(
        ClassMatch(where=line.where, text=line.text, sets=tag, code=code, substring=as_bytes(value))
    )


def _relay_match(code: int) -> Directive:
    def relay_match(line: SourceLine, builder: ConfigBuilder) -> None:
        tag, value = _tag_and_value(line)
        if "," in value:
            raise _has_comma(line)
        is_hex = set(value) <= _HEX_AND_COLON and ":" in value and value.strip(":")
        octets = read_hex(value, len(value)).octets if is_hex else as_bytes(value)
        builder.relay_matches.append(
            RelayMatch(where=line.where, text=line.text, sets=tag, code=code, value=octets)
        )

    return relay_match


_HEX_AND_COLON = frozenset("0123456789abcdefABCDEF:")


def dhcp_mac(line: SourceLine, builder: ConfigBuilder) -> None:
    tag, value = _tag_and_value(line)
    mac = read_hex(value, CHADDR_SIZE, has_type=True)
    if not mac.is_valid:
        raise line.error(
            f'"{as_text(value)}" is not a MAC address; write 52:54:00:12:34:56, or 52:54:00:*:*:*'
        )
    builder.mac_matches.append(
        MacMatch(
            where=line.where,
            text=line.text,
            sets=tag,
            htype=mac.htype or None,
            pattern=mac.pattern(),
        )
    )


def dhcp_name_match(line: SourceLine, builder: ConfigBuilder) -> None:
    tag, value = _tag_and_value(line)
    if not value:
        raise line.error("the name is missing; write set:TAG,NAME or set:TAG,NAME*")
    builder.name_matches.append(
        NameMatch(
            where=line.where,
            text=line.text,
            sets=tag,
            name=as_text(value.removesuffix("*")),
            is_prefix=value.endswith("*"),
        )
    )


def _tag_and_value(line: SourceLine) -> tuple[str, str]:
    tag, value = split(line.value or "")
    if value is None:
        raise line.error("a tag and a value are required; write set:TAG,VALUE")
    return without_set(tag), value


def _has_comma(line: SourceLine) -> Exception:
    return line.error('the value has a comma; put the value in "quotes"')


# --- tags from tags -----------------------------------------------------------------------------


def tag_if(line: SourceLine, builder: ConfigBuilder) -> None:
    sets: list[str] = []
    tags: list[Tag] = []
    for field in split_all(line.value or ""):
        if field.startswith("set:") and len(field) > 4:
            sets.append(as_text(field[4:]))
        elif field.startswith("tag:") and len(field) > 4:
            tags.append(_with_wildcard(read_tag(field[4:])))
        else:
            raise line.error(
                f'"{as_text(field)}" is neither set:TAG nor tag:TAG; write set:NEW,tag:OLD'
            )
    if not sets:
        raise line.error("the tag to set is missing; write set:NEW,tag:OLD")
    builder.tag_ifs.append(
        TagIf(where=line.where, text=line.text, sets=tuple(sets), tags=tuple(tags))
    )


def _with_wildcard(tag: Tag) -> Tag:
    if tag.name.endswith("*"):
        return Tag(tag.name[:-1], negated=tag.negated, wildcard=True)
    return tag


def dhcp_ignore(line: SourceLine, builder: ConfigBuilder) -> None:
    names = (f[4:] if has_test_prefix(f) else f for f in split_all(line.value or ""))
    builder.ignores.append(
        Ignore(where=line.where, text=line.text, tags=tuple(read_tag(name) for name in names))
    )


MATCH_LINES: dict[str, Directive] = {
    "dhcp-circuitid": _relay_match(CIRCUIT_ID),
    "dhcp-ignore": dhcp_ignore,
    "dhcp-mac": dhcp_mac,
    "dhcp-match": dhcp_match,
    "dhcp-name-match": dhcp_name_match,
    "dhcp-remoteid": _relay_match(REMOTE_ID),
    "dhcp-subscrid": _relay_match(SUBSCRIBER_ID),
    "dhcp-userclass": dhcp_userclass,
    "dhcp-vendorclass": dhcp_vendorclass,
    "tag-if": tag_if,
}
