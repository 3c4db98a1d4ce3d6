"""The tags of a dnsmasq configuration, as tests of the rules of a fastpxe.toml.

They are set in the order of fastpxe.dnsmasq.engine.tags. A test that no rule can express fails, and
is kept with its reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby
from operator import itemgetter

import msgspec

from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.convert.predicates import (
    IPXE,
    IPXE_CLASS,
    Inexpressible,
    condition_of,
    inexpressible_part,
    macs_of,
)
from fastpxe.dnsmasq.engine.message import octets
from fastpxe.dnsmasq.engine.ranges import Candidate
from fastpxe.dnsmasq.engine.tags import is_in_ranges
from fastpxe.dnsmasq.syntax.model import ClassMatch, DnsmasqConfig, Line, Tag, TagIf, Tags
from fastpxe.policy.conditions import (
    ANYBODY,
    NO,
    YES,
    Test,
    any_of,
    both,
    either,
    negation,
    only,
    when,
)

Env = Mapping[str, Test]
"""The test of each tag that a line sets."""


class Untranslated(msgspec.Struct, frozen=True):
    """A line whose test no rule can express, and the tested part of the request."""

    line: Line
    why: str


class KnownHost(msgspec.Struct, frozen=True):
    """A MAC of a dhcp-host, the test of the line's own tags, and the tags that it sets."""

    mac: Pattern
    filtered: Test
    sets: frozenset[str]


def set_tag(env: Env, name: str, test: Test) -> Env:
    return {**env, name: either(env.get(name, NO), test)}


def holds(tag: Tag, env: Env) -> Test:
    tests = [t for name, t in env.items() if name.startswith(tag.name)] if tag.wildcard else []
    test = env.get(tag.name, NO) if not tag.wildcard else NO
    for more in tests:
        test = either(test, more)
    return negation(test) if tag.negated else test


def all_hold(tags: Tags, env: Env) -> Test:
    test = YES
    for tag in reversed(tags):
        test = both(holds(tag, env), test)
    return test


def derive(lines: Iterable[TagIf], env: Env) -> Env:
    """Add the tags of tag-if, in one pass."""
    for line in lines:
        test = all_hold(line.tags, env)
        for name in line.sets:
            env = set_tag(env, name, test)
    return env


class Tagger:
    """The tags of the requests that arrive on an interface."""

    def __init__(
        self, config: DnsmasqConfig, candidates: Sequence[Candidate], interface: str
    ) -> None:
        self.config = config
        self.candidates = candidates
        self.interface = interface
        self.untranslated: dict[Untranslated, None] = {}
        user_classes = {
            line.substring for line in config.class_matches if line.code == Option.USER_CLASS
        } | {line.where for line in config.matches if line.code == Option.USER_CLASS}
        self.is_ipxe_the_only_class = len(user_classes) == 1

    def by_request(self) -> Env:
        """All tags except those of the range and of tag-if."""
        config = self.config
        env: Env = {self.interface: YES}
        lines: Iterable[Line] = chain(
            config.relay_matches, config.mac_matches, config.matches, config.class_matches
        )
        for line in lines:
            env = self._set_by(env, line)
        hosts = self._hosts(derive(config.tag_ifs, env))
        for line in config.name_matches:
            env = self._set_by(env, line)
        for name in sorted(frozenset().union(*(host.sets for host in hosts))):
            env = set_tag(env, name, _host_test(hosts, name))
        return env

    def _set_by(self, env: Env, line: Line) -> Env:
        """Set the tag of a line; all these records have it as `sets`."""
        try:
            condition = condition_of(line)
            if condition == IPXE_CLASS and self.is_ipxe_the_only_class:
                condition = IPXE
            if self._is_in_all_classes(line):
                condition = ANYBODY
        except Inexpressible as reason:
            self.untranslated[Untranslated(line, str(reason))] = None
            return env
        return set_tag(env, line.sets, only(condition))  # type: ignore[attr-defined]

    def _is_in_all_classes(self, line: Line) -> bool:
        """Whether every answered class has this text, such as PXEClient."""
        return (
            isinstance(line, ClassMatch)
            and line.code == Option.VENDOR_CLASS
            and all(line.substring in octets(vendor) for vendor in self.config.pxe_vendors)
        )

    def _hosts(self, env: Env) -> list[KnownHost]:
        """The dhcp-host lines, by rising precedence; see tags.find_host."""
        ranked = []
        for at, line in enumerate(self.config.hosts):
            why = inexpressible_part(line)
            if why:
                self.untranslated[Untranslated(line, why)] = None
            is_inside = is_in_ranges(line, self.candidates)
            filtered = all_hold(line.tags, env)
            sets = frozenset(("known", *line.sets) if is_inside else ("known-othernet",))
            for mac in macs_of(line):
                octets = sum(m != 0 for m in mac.mask)
                rank = is_inside, bool(line.tags), octets, at
                ranked.append((rank, KnownHost(mac, filtered, sets)))
        return [host for _, host in sorted(ranked, key=itemgetter(0))]


def _host_test(hosts: Sequence[KnownHost], name: str) -> Test:
    """Whether the dhcp-host of a client sets a tag.

    Adjacent hosts with the same result are one test: there may be hundreds.
    """
    test = NO
    for (is_set, filtered), group in groupby(hosts, lambda h: (name in h.sets, h.filtered)):
        known = both(only(any_of("macs", [host.mac for host in group])), filtered)
        test = when(known, YES if is_set else NO, test)
    return test
