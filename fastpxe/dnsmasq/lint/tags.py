"""Findings about tags that are never set, never tested, or misspelled.

Sources: dnsmasq 2.90 and its behaviour.
"""

import difflib
from collections.abc import Collection, Iterator, Sequence

from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses, Location, Tag
from fastpxe.findings import Finding

# Tags that dnsmasq itself sets, besides the names of interfaces.
BUILT_IN = frozenset({"known", "known-othernet", "cpewan-id", "bootp", "dhcpv6"})


def check_tags(
    config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses] | None
) -> Iterator[Finding]:
    """Every finding of this kind."""
    yield from _kept_prefixes(config)
    yield from _never_tested(config)
    yield from _never_set(config, interfaces)


def _setters(config: DnsmasqConfig) -> Iterator[tuple[str, Location]]:
    """Every tag that a line sets, and its location."""
    yield from ((line.sets, line.where) for line in config.matches)
    yield from ((line.sets, line.where) for line in config.class_matches)
    yield from ((line.sets, line.where) for line in config.mac_matches)
    yield from ((line.sets, line.where) for line in config.relay_matches)
    yield from ((line.sets, line.where) for line in config.name_matches)
    yield from ((name, line.where) for line in config.hosts for name in line.sets)
    yield from ((name, line.where) for line in config.tag_ifs for name in line.sets)
    yield from ((line.sets, line.where) for line in config.ranges if line.sets is not None)


def _tests(config: DnsmasqConfig) -> Iterator[tuple[Tag, Location]]:
    """Every tag that a line of the proxy tests, and its location."""
    yield from ((tag, line.where) for line in config.boots for tag in line.tags)
    yield from ((tag, line.where) for line in config.services for tag in line.tags)
    yield from ((tag, line.where) for line in config.vendor_options for tag in line.tags)
    yield from ((tag, line.where) for line in config.pxe_options for tag in line.tags)
    yield from ((tag, line.where) for line in config.ignores for tag in line.tags)
    yield from ((tag, line.where) for line in config.reply_delays for tag in line.tags)
    yield from ((tag, line.where) for line in config.ranges for tag in line.tags)
    yield from ((tag, line.where) for line in config.hosts for tag in line.tags)
    yield from ((tag, line.where) for line in config.tag_ifs for tag in line.tags)


def _matches(tag: Tag, name: str) -> bool:
    return name.startswith(tag.name) if tag.wildcard else name == tag.name


def _with_prefix(name: str) -> bool:
    return name.startswith(("net:", "tag:"))


def _kept_prefixes(config: DnsmasqConfig) -> Iterator[Finding]:
    """Only dhcp-match removes any prefix; the other lines remove only `set:`."""
    for name, where in _setters(config):
        if _with_prefix(name):
            yield Finding(
                name="prefix-in-tag",
                where=str(where),
                effect=f'the name of the tag is "{name}", with the prefix: tag:{name[4:]} tests '
                "another tag",
                advice=f"write set:{name[4:]}",
            )


def _never_tested(config: DnsmasqConfig) -> Iterator[Finding]:
    tested = [tag for tag, _ in _tests(config)]
    reported = set()
    for name, where in _setters(config):
        if name in reported or _with_prefix(name) or any(_matches(tag, name) for tag in tested):
            continue
        reported.add(name)
        yield Finding(
            name="tag-never-tested",
            where=str(where),
            effect=f"tag {name} is set, and no line of the proxy tests it: it has no effect",
            advice=f"use tag:{name} in the lines that need it, or remove this line",
        )


def _never_set(
    config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses] | None
) -> Iterator[Finding]:
    known = {name for name, _ in _setters(config)}
    present = {interface.name for interface in interfaces or ()}
    reported = set()
    for tag, where in _tests(config):
        if tag in reported or _can_be_set(config, tag, known | present):
            continue
        reported.add(tag)
        result = "this line applies to every client" if tag.negated else "this line never applies"
        if {f"net:{tag.name}", f"tag:{tag.name}"} & known:
            continue  # a finding of the line that sets it
        yield Finding(
            name="tag-never-set",
            where=str(where),
            effect=f"no line sets tag {tag.name}, and no interface has that name: {result}",
            advice=_suggest(tag.name, known),
        )


def _can_be_set(config: DnsmasqConfig, tag: Tag, known: Collection[str]) -> bool:
    network = config.network
    if any(_matches(tag, name) for name in {*known, *BUILT_IN, *network.interfaces}):
        return True
    targets = {target for target, _ in network.bridge_interfaces}
    stems = [name[:-1] for name in network.interfaces if name.endswith("*")]
    return tag.name in targets or any(tag.name.startswith(stem) for stem in stems)


def _suggest(name: str, known: Collection[str]) -> str:
    """The tag that is probably meant, if there is one with a similar name."""
    close = [other for other in sorted(known) if other.lower() == name.strip().lower()]
    close += difflib.get_close_matches(name, sorted(known), n=1)
    if close:
        return f"did you mean tag:{close[0]}? Tags are case-sensitive, and blanks count"
    return f"set it, as in dhcp-match=set:{name.strip()},OPTION,VALUE, or remove it"
