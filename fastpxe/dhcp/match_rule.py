"""A rule as the matcher takes it: see _codec.Matcher."""

from typing import NamedTuple

import msgspec

from fastpxe._codec import MatchHow, MatchKind


class MatchTest(NamedTuple):
    """One alternative of one condition. mask: as many bytes as `value`, for addresses and UUIDs."""

    kind: MatchKind
    value: bytes
    mask: bytes = b""
    how: MatchHow = MatchHow.HOW_EXACT


class MatchRule(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that must all hold, and what each kind of client then gets.

    arches: numbers of option 93, () = any. ipxe: 1 for iPXE alone, 0 for others, -1 = any.
    ipxe_features: bits, from sub-option FIRST_FEATURE of option 175 on, all of which must be set.
    tests: sorted by kind; those of one kind are alternatives. replies: for each Kind an index of a
    reply, or a NoReply. boot: the number of the boot that it belongs to, 0 = none; hosts_only: it
    is for hosts alone that are to get that boot.
    """

    arches: tuple[int, ...] = ()
    ipxe: int = -1
    ipxe_features: int = 0
    tests: tuple[MatchTest, ...] = ()
    replies: tuple[int, ...]
    boot: int = 0
    hosts_only: bool = False
