"""The tags of a client, in the order in which dnsmasq sets them, each with its reason.

Most directives are read from the last line to the first, so tags come in that order; tag-if is
read forwards, once, so that a line sees only tags that earlier ones set.

Sources: dnsmasq 2.90, its manual and its log of tags.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from fastpxe.dnsmasq.engine.facts import Facts, HostHit
from fastpxe.dnsmasq.engine.ranges import Candidate, same_net
from fastpxe.dnsmasq.syntax.model import DhcpHost, DnsmasqConfig, Location, Tag, TagIf, Tags


class Tagged(msgspec.Struct, frozen=True):
    """A tag that is set, and why: the line that sets it, or what does."""

    name: str
    why: Location | str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


TagList = tuple[Tagged, ...]


def names(tags: Iterable[Tagged]) -> frozenset[str]:
    return frozenset(tag.name for tag in tags)


def is_set(tag: Tag, have: Collection[str]) -> bool:
    if tag.wildcard:
        return any(name.startswith(tag.name) for name in have)
    return tag.name in have


def unmet(tags: Tags, have: Collection[str]) -> Tag | None:
    """The first tag of a line that does not hold."""
    return next((tag for tag in tags if is_set(tag, have) == tag.negated), None)


def explain_unmet(tag: Tag) -> str:
    name = f"{tag.name}*" if tag.wildcard else tag.name
    return f"tag {name} is set" if tag.negated else f"tag {name} is not set"


def derive(lines: Sequence[TagIf], tags: TagList) -> TagList:
    """Add what tag-if sets: one pass, in the order of the configuration."""
    have = list(tags)
    for line in lines:
        if unmet(line.tags, names(have)) is None:
            have += (Tagged(name, line.where) for name in reversed(line.sets))
    return tuple(have)


def own_tags(config: DnsmasqConfig, facts: Facts) -> Iterator[Tagged]:
    """What the request itself sets, before anything is known of the machine."""
    yield Tagged(facts.place.interface, "the interface")
    if facts.hits.is_cpewan:
        yield Tagged("cpewan-id", "option 125")
    for table, hits in (
        (config.relay_matches, facts.hits.relays),
        (config.mac_matches, facts.hits.macs),
        (config.matches, facts.hits.matches),
        (config.class_matches, facts.hits.classes),
    ):
        for index in reversed(hits):
            yield Tagged(table[index].sets, table[index].where)


def is_in_ranges(host: DhcpHost, candidates: Sequence[Candidate]) -> bool:
    """A dhcp-host with an address counts only where the address may be used."""
    return host.address is None or any(
        same_net(host.address, c.start, int(c.netmask)) for c in candidates
    )


def find_host(
    config: DnsmasqConfig,
    hits: Sequence[HostHit],
    have: Collection[str],
    candidates: Sequence[Candidate] | None,
    keys: Sequence[str] = ("by_id", "by_mac"),
) -> DhcpHost | None:
    """The dhcp-host of a client: one whose tag: fields hold first, then one without any.

    By the keys in turn, else by the wildcard MAC with most octets; later lines first.
    `candidates` None: wherever its address lies.
    """
    usable = [
        (hit, config.hosts[hit.index])
        for hit in reversed(hits)
        if unmet(config.hosts[hit.index].tags, have) is None
        and (candidates is None or is_in_ranges(config.hosts[hit.index], candidates))
    ]
    for group in [found for found in usable if found[1].tags], usable:
        for key in keys:
            for hit, host in group:
                if getattr(hit, key):
                    return host
        wild = [(hit, host) for hit, host in group if hit.literal_octets]
        if wild:
            return max(wild, key=lambda found: found[0].literal_octets)[1]
    return None


def find_host_by_name(
    config: DnsmasqConfig, facts: Facts, have: Collection[str]
) -> DhcpHost | None:
    """The dhcp-host of the name that the client gives: not one that names a MAC or a client id."""
    host = find_host(config, facts.hits.hosts, have, facts.place.candidates, ("by_mac", "by_name"))
    if host is None or host.macs or any(i != b"*" for i in host.client_ids):
        return None
    return host


def collect(config: DnsmasqConfig, facts: Facts) -> TagList:
    """All tags but those of the range and of tag-if, oldest first."""
    tags = tuple(own_tags(config, facts))
    have = names(derive(config.tag_ifs, tags))
    host = find_host(config, facts.hits.hosts, have, facts.place.candidates)
    if host is not None:
        tags += (Tagged("known", host.where),)
    else:
        elsewhere = find_host(config, facts.hits.hosts, have, None)
        if elsewhere is not None:
            tags += (Tagged("known-othernet", elsewhere.where),)
    lines = [config.name_matches[i] for i in reversed(facts.hits.names)]
    tags += tuple(Tagged(line.sets, line.where) for line in lines)
    if host is None:
        host = find_host_by_name(config, facts, names(derive(config.tag_ifs, tags)))
        if host is not None:
            tags += (Tagged("known", host.where),)
    if host is not None:
        tags += tuple(Tagged(name, host.where) for name in reversed(host.sets))
    return tags


def with_range(config: DnsmasqConfig, tags: TagList, index: int) -> TagList:
    """Add the tag of the range that serves the client, and what tag-if makes of them all."""
    line = config.ranges[index]
    if line.sets is not None:
        tags = (*tags, Tagged(line.sets, line.where))
    return derive(config.tag_ifs, tags)
