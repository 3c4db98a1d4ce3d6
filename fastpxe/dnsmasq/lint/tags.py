"""Traps in tags: those that nobody sets, or nobody tests, or that are called otherwise.

Sources: dnsmasq 2.90 and its behaviour.
"""

import difflib
from collections.abc import Collection, Iterator, Sequence

from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses, Location, Tag
from fastpxe.findings import Finding

# Tags that dnsmasq sets by itself, besides the names of interfaces.
BUILT_IN = frozenset({"known", "known-othernet", "cpewan-id", "bootp", "dhcpv6"})


def check_tags(
    config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses] | None
) -> Iterator[Finding]:
    """Every trap of this kind."""
    yield from _kept_prefixes(config)
    yield from _never_tested(config)
    yield from _never_set(config, interfaces)


def _setters(config: DnsmasqConfig) -> Iterator[tuple[str, Location]]:
    """Every tag that a line sets, and where."""
    yield from ((line.sets, line.where) for line in config.matches)
    yield from ((line.sets, line.where) for line in config.class_matches)
    yield from ((line.sets, line.where) for line in config.mac_matches)
    yield from ((line.sets, line.where) for line in config.relay_matches)
    yield from ((line.sets, line.where) for line in config.name_matches)
    yield from ((name, line.where) for line in config.hosts for name in line.sets)
    yield from ((name, line.where) for line in config.tag_ifs for name in line.sets)
    yield from ((line.sets, line.where) for line in config.ranges if line.sets is not None)


def _tests(config: DnsmasqConfig) -> Iterator[tuple[Tag, Location]]:
    """Every tag that a line which counts for a proxy tests, and where."""
    yield from ((tag, line.where) for line in config.boots for tag in line.tags)
    yield from ((tag, line.where) for line in config.services for tag in line.tags)
    yield from ((tag, line.where) for line in config.vendor_options for tag in line.tags)
    yield from ((tag, line.where) for line in config.pxe_options for tag in line.tags)
    yield from ((tag, line.where) for line in config.ignores for tag in line.tags)
    yield from ((tag, line.where) for line in config.reply_delays for tag in line.tags)
    yield from ((tag, line.where) for line in config.ranges for tag in line.tags)
    yield from ((tag, line.where) for line in config.hosts for tag in line.tags)
    yield from ((tag, line.where) for line in config.tag_ifs for tag in line.tags)


def _is_meant(tag: Tag, name: str) -> bool:
    return name.startswith(tag.name) if tag.wildcard else name == tag.name


def _with_prefix(name: str) -> bool:
    return name.startswith(("net:", "tag:"))


def _kept_prefixes(config: DnsmasqConfig) -> Iterator[Finding]:
    """Only dhcp-match drops any prefix; the others drop `set:` alone."""
    for name, where in _setters(config):
        if _with_prefix(name):
            yield Finding(
                name="prefix-in-tag",
                where=str(where),
                effect=f'the tag is called "{name}", with its prefix: lines with tag:{name[4:]} '
                "don't see it",
                advice=f"write set:{name[4:]}",
            )


def _never_tested(config: DnsmasqConfig) -> Iterator[Finding]:
    tested = [tag for tag, _ in _tests(config)]
    told = set()
    for name, where in _setters(config):
        if name in told or _with_prefix(name) or any(_is_meant(tag, name) for tag in tested):
            continue
        told.add(name)
        yield Finding(
            name="tag-never-tested",
            where=str(where),
            effect=f"tag {name} is set, and no line that counts for a proxy tests it: that "
            "changes nothing",
            advice=f"write tag:{name} where it is meant, or take this line out",
        )


def _never_set(
    config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses] | None
) -> Iterator[Finding]:
    known = {name for name, _ in _setters(config)}
    present = {interface.name for interface in interfaces or ()}
    told = set()
    for tag, where in _tests(config):
        if tag in told or _can_be_set(config, tag, known | present):
            continue
        told.add(tag)
        holds = "this line holds for everybody" if tag.negated else "this line never counts"
        if {f"net:{tag.name}", f"tag:{tag.name}"} & known:
            continue  # told where it is set
        yield Finding(
            name="tag-never-set",
            where=str(where),
            effect=f"no line sets tag {tag.name}, nor has an interface here that name: {holds}",
            advice=_meant(tag.name, known),
        )


def _can_be_set(config: DnsmasqConfig, tag: Tag, known: Collection[str]) -> bool:
    network = config.network
    if any(_is_meant(tag, name) for name in {*known, *BUILT_IN, *network.interfaces}):
        return True
    targets = {target for target, _ in network.bridge_interfaces}
    stems = [name[:-1] for name in network.interfaces if name.endswith("*")]
    return tag.name in targets or any(tag.name.startswith(stem) for stem in stems)


def _meant(name: str, known: Collection[str]) -> str:
    """The tag that is meant, when one is spelled almost like it."""
    close = [other for other in sorted(known) if other.lower() == name.strip().lower()]
    close += difflib.get_close_matches(name, sorted(known), n=1)
    if close:
        return f"is tag:{close[0]} meant? Capitals and blanks count"
    return f"set it, as in dhcp-match=set:{name.strip()},OPTION,VALUE, or leave it out"
