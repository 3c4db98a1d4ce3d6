"""The text of a fastpxe.toml: comments, [tftp] and [[boot]]."""

import textwrap
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import msgspec

from fastpxe.dhcp.constants import ARCH_NAMES
from fastpxe.dhcp.identity import Pattern
from fastpxe.policy.conditions import Condition, Texts

WIDTH = 100

# 7 and 9 together are "uefi-x64"; a number without a name is written as a number.
_NAMES = {numbers: name for name, numbers in ARCH_NAMES.items()}


class Trap(msgspec.Struct, frozen=True):
    """A remark on a line that fastpxe handles in another way, or not at all."""

    where: str
    text: str
    why: str


class BootRule(msgspec.Struct, frozen=True, kw_only=True):
    """A [[boot]]. Without file and URL the client is ignored."""

    name: str
    condition: Condition
    file: str = ""
    url: str = ""
    server: IPv4Address | None = None
    ipxe_too: bool = False
    comments: tuple[str, ...] = ()
    traps: tuple[Trap, ...] = ()


def document(
    title: str,
    traps: Sequence[Trap],
    tables: dict[str, dict[str, Any]],
    rules: Sequence[BootRule],
) -> str:
    """The whole file. The table named "" has the top-level keys."""
    parts = ["\n".join(["# " + title, *(line for trap in traps for line in _trap(trap))])]
    for name, keys in tables.items():
        head = [f"[{name}]"] if name else []
        if keys:
            parts.append("\n".join([*head, *(f"{key} = {value(v)}" for key, v in keys.items())]))
    parts += ["\n".join(_boot(rule)) for rule in rules]
    return "\n\n".join(parts) + "\n"


def value(data: Any) -> str:
    """A TOML value."""
    if isinstance(data, str):
        return _quoted(data)
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, dict):
        return "{ " + ", ".join(f"{_quoted(k)} = {value(v)}" for k, v in data.items()) + " }"
    if isinstance(data, list | tuple):
        return _list([value(item) for item in data])
    return str(data)


def _quoted(text: str) -> str:
    """A basic string; JSON's escapes are valid in TOML, except for DEL."""
    safe = text.encode("utf-8", "replace").decode()
    return msgspec.json.encode(safe).decode().replace("\x7f", "\\u007f")


def _list(items: Sequence[str]) -> str:
    line = f"[{', '.join(items)}]"
    if len(line) <= WIDTH - 20:
        return line
    return "[\n" + "".join(f"  {item},\n" for item in items) + "]"


def _boot(rule: BootRule) -> Iterator[str]:
    yield from ("# " + comment if comment else "#" for comment in rule.comments)
    for trap in rule.traps:
        yield from _trap(trap)
    yield "[[boot]]"
    yield f"name = {value(rule.name)}"
    yield from (f"{key} = {value(v)}" for key, v in _conditions(rule.condition))
    for key in "file", "url":
        if getattr(rule, key):
            yield f"{key} = {value(getattr(rule, key))}"
    if not (rule.file or rule.url):
        yield "ignore = true"
    if rule.server is not None:
        yield f"server = {value(str(rule.server))}"
    if rule.ipxe_too:
        yield "ipxe_too = true"


def _trap(trap: Trap) -> Iterator[str]:
    """The line as a comment, and below it the remark."""
    yield f"# TRAP {trap.where}: {_printable(trap.text)}" if trap.text else f"# TRAP {trap.where}"
    yield from textwrap.wrap(
        trap.why,
        WIDTH,
        initial_indent="#   ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _printable(text: str) -> str:
    """Replace control characters, which a comment can't have."""
    return "".join(c if c.isprintable() else "?" for c in text)


# --- conditions ---------------------------------------------------------------------------------


def _conditions(condition: Condition) -> Iterator[tuple[str, Any]]:
    if condition.arches is not None:
        yield "arch", _one_or_many(list(_arches(condition.arches)))
    if condition.ipxe is not None:
        yield "ipxe", condition.ipxe[0]
    for key, values in (
        ("mac", _each(condition.macs, _mac)),
        ("uuid", _each(condition.uuids, _uuid)),
        ("subnet", _each(condition.subnets, IPv4Network.__str__)),
        ("vendor_class", sorted(_each(condition.vendor_classes, _parts))),
        ("user_class", sorted(_each(condition.user_classes, _parts))),
    ):
        if values:
            yield key, _one_or_many(values)


def is_writable(condition: Condition) -> bool:
    """Whether a rule can express it: a rule tests one text of a class."""
    classes = *(condition.vendor_classes or ()), *(condition.user_classes or ())
    return all(len(parts) == 1 for parts in classes)


def _each(values: Sequence[Any] | None, write: Any) -> list[str]:
    return [] if values is None else [write(item) for item in values]


def _one_or_many(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _arches(numbers: Sequence[int]) -> Iterator[str | int]:
    left = dict.fromkeys(numbers)
    for names, name in sorted(_NAMES.items(), key=lambda pair: -len(pair[0])):
        if all(number in left for number in names):
            yield name
            for number in names:
                del left[number]
    yield from left


def _mac(pattern: Pattern) -> str:
    octets = zip(pattern.value, pattern.mask, strict=True)
    return ":".join(f"{octet:02x}" if mask else "*" for octet, mask in octets)


def _uuid(pattern: Pattern) -> str:
    """All 17 bytes of option 97: the only form with a definite byte order."""
    octets = zip(pattern.value, pattern.mask, strict=True)
    return "00:" + ":".join(f"{octet:02x}" if mask else "??" for octet, mask in octets)


def _parts(texts: Texts) -> str:
    text = texts[0]
    start = "*" if text.how == "contains" else ""
    return f"{start}{text.text.decode('ascii')}*"
