"""Conditions on a client, and lists of cases of which the first that holds decides.

A condition is what a [[boot]] can say: within a field any alternative will do, and every field
must hold. A list of cases ends with one that always holds, so that there is always an answer; one
of booleans is a test. `when` alone combines them: no condition has to be negated, since what an
earlier case took is not left for a later one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Network
from typing import Any, Protocol, Self, TypeVar

import msgspec

from fastpxe.dhcp.identity import Pattern
from fastpxe.policy.rules import Text

CASES_MAX = 2000
TEXTS_MAX = 3  # in one class, at once

Texts = tuple[Text, ...]
"""Parts of one text: all must be found in it."""


class TooManyCases(Exception):  # noqa: N818 - what it is
    """A configuration whose tags cut the clients into more cases than anybody would read."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What a client must be; a field that is None asks nothing. Names are those of rules.Match."""

    arches: tuple[int, ...] | None = None
    ipxe: tuple[bool, ...] | None = None
    macs: tuple[Pattern, ...] | None = None
    uuids: tuple[Pattern, ...] | None = None
    subnets: tuple[IPv4Network, ...] | None = None
    vendor_classes: tuple[Texts, ...] | None = None
    user_classes: tuple[Texts, ...] | None = None


class Mergeable(Protocol):
    """An answer; `|` of equal ones is an answer with the origins of both. So is a bool's."""

    def __or__(self, other: Any, /) -> Self: ...


T = TypeVar("T", bound=Mergeable)
Cases = tuple[tuple[Condition, T], ...]
Test = Cases[bool]

ANYBODY = Condition()
YES: Test = ((ANYBODY, True),)
NO: Test = ((ANYBODY, False),)


# --- one condition and another ------------------------------------------------------------------


def any_of(field: str, alternatives: Sequence[Any]) -> Condition:
    """A condition on one field."""
    distinct = tuple(dict.fromkeys(alternatives))
    return Condition(**{field: _without_covered(distinct, _MEETS[field])})


def meet(one: Condition, other: Condition) -> Condition | None:
    """Both at once, in the order of the other's alternatives; None when no client is both."""
    found: dict[str, Any] = {}
    for name, both in _MEETS.items():
        left, right = getattr(one, name), getattr(other, name)
        if left is None or right is None or left == right:
            found[name] = left if right is None else right
            continue
        found[name] = _meet_alternatives(left, right, both)
        if not found[name]:
            return None
    return Condition(**found)


def covers(wide: Condition, narrow: Condition) -> bool:
    """Whether every client of `narrow` is one of `wide`."""
    return meet(wide, narrow) == narrow


def _meet_alternatives(
    left: Sequence[T], right: Sequence[T], both: Callable[[T, T], T | None]
) -> tuple[T, ...]:
    known = set(left)
    found: dict[T, None] = {}
    for one in right:
        if one in known:
            found[one] = None
        elif not _is_exact(one):
            found |= dict.fromkeys(m for other in left if (m := both(other, one)) is not None)
        else:
            wider = (m for other in left if not _is_exact(other) and (m := both(other, one)))
            found |= dict.fromkeys(wider)
    return _without_covered(tuple(found), both)


def _without_covered(values: tuple[T, ...], both: Callable[[T, T], T | None]) -> tuple[T, ...]:
    """Leave out alternatives that another one includes."""
    wide = [value for value in values if not _is_exact(value)]
    return tuple(v for v in values if not any(w != v and both(w, v) == v for w in wide))


def _is_exact(value: object) -> bool:
    """A whole MAC address or UUID: there may be hundreds, and two are never both."""
    return isinstance(value, Pattern) and value.mask.count(0xFF) == len(value.mask)


def _same(one: T, other: T) -> T | None:
    return one if one == other else None


def _patterns(one: Pattern, other: Pattern) -> Pattern | None:
    pairs = zip(one.value, one.mask, other.value, other.mask, strict=True)
    if any((a ^ b) & m & n for a, m, b, n in pairs):
        return None
    return Pattern(
        bytes(a | b for a, b in zip(one.value, other.value, strict=True)),
        bytes(m | n for m, n in zip(one.mask, other.mask, strict=True)),
    )


def _subnets(one: IPv4Network, other: IPv4Network) -> IPv4Network | None:
    if one.subnet_of(other):
        return one
    return other if other.subnet_of(one) else None


def _texts(one: Texts, other: Texts) -> Texts | None:
    """All parts, without those that others imply. Raises TooManyCases."""
    parts = sorted({*one, *other}, key=lambda part: (part.text, part.how))
    needed = tuple(
        part for part in parts if not any(p != part and _implies(p, part) for p in parts)
    )
    if len(needed) > TEXTS_MAX:
        raise TooManyCases
    arches = {arch for part in needed for arch in re.findall(rb"Arch:(\d{5})", part.text)}
    starts = {part.text for part in needed if part.how == "prefix"}
    return None if len(arches) > 1 or len(starts) > 1 else needed


def _implies(narrow: Text, wide: Text) -> bool:
    if wide.how == "contains":
        return wide.text in narrow.text
    return narrow.how == "prefix" and narrow.text.startswith(wide.text)


_MEETS: dict[str, Callable[[Any, Any], Any]] = {
    "arches": _same,
    "ipxe": _same,
    "macs": _patterns,
    "uuids": _patterns,
    "subnets": _subnets,
    "vendor_classes": _texts,
    "user_classes": _texts,
}


# --- cases --------------------------------------------------------------------------------------


def always(value: T) -> Cases[T]:
    return ((ANYBODY, value),)


def only(condition: Condition) -> Test:
    return ((condition, True), (ANYBODY, False))


def negation(test: Test) -> Test:
    return tuple((condition, not holds) for condition, holds in test)


def either(one: Test, other: Test) -> Test:
    return when(one, YES, other)


def both(one: Test, other: Test) -> Test:
    return when(one, other, NO)


def when(test: Test, then: Cases[T], otherwise: Cases[T]) -> Cases[T]:
    """`then` for the clients of the test, `otherwise` for all others. Raises TooManyCases."""
    if test == YES or then == otherwise:
        return then
    if test == NO:
        return otherwise
    first = [
        case
        for condition, is_met in test[:-1]
        for case in within(condition, then if is_met else otherwise)
    ]
    return _in_front(first, then if test[-1][1] else otherwise)


def within(condition: Condition, cases: Cases[T]) -> Iterator[tuple[Condition, T]]:
    """The cases among the clients of a condition."""
    for inner, value in cases:
        found = meet(inner, condition)
        if found is not None:
            yield found, value
            if found == condition:
                return


def _in_front(first: Sequence[tuple[Condition, T]], cases: Cases[T]) -> Cases[T]:
    """The same decisions in fewer cases; those of `cases` are few already."""
    kept: list[tuple[Condition, T]] = []
    for condition, value in first:
        if not any(covers(earlier, condition) for earlier, _ in kept):
            kept.append((condition, value))
    rest = [case for case in cases if not any(covers(earlier, case[0]) for earlier, _ in kept)]
    for at in reversed(range(len(kept))):
        if _goes_without_saying(kept[at], (*kept[at + 1 :], *rest)):
            del kept[at]
    merged = _merge((*kept, *rest))
    if len(merged) > CASES_MAX:
        raise TooManyCases
    return merged


def _goes_without_saying(case: tuple[Condition, T], later: Iterable[tuple[Condition, T]]) -> bool:
    """Whether the later cases say the same of all its clients."""
    condition, value = case
    for other, answer in later:
        if meet(condition, other) is None:
            continue
        if answer != value:
            return False
        if covers(other, condition):
            return True
    return False


def _merge(cases: Iterable[tuple[Condition, T]]) -> Cases[T]:
    """Put neighbours together that differ in the alternatives of one field only."""
    merged: list[tuple[Condition, T]] = []
    for condition, value in cases:
        if merged and covers(merged[-1][0], condition):
            continue  # since that one grew
        if merged and merged[-1][1] == value:
            joined = _join(merged[-1][0], condition)
            if joined is not None:
                merged[-1] = joined, merged[-1][1] | value
                continue
        merged.append((condition, value))
    return tuple(merged)


def _join(one: Condition, other: Condition) -> Condition | None:
    differing = [name for name in _MEETS if getattr(one, name) != getattr(other, name)]
    if len(differing) != 1:
        return None
    name = differing[0]
    left, right = getattr(one, name), getattr(other, name)
    if left is None or right is None:
        return None
    if name == "ipxe":
        return msgspec.structs.replace(one, ipxe=None)
    alternatives = _without_covered(tuple(dict.fromkeys((*left, *right))), _MEETS[name])
    return msgspec.structs.replace(one, **{name: alternatives})
