"""Traps in a fastpxe.toml: rules that can't win, clients that get the wrong thing or nothing."""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address
from typing import TypeVar

from fastpxe._codec import KINDS
from fastpxe.dhcp.constants import Arch
from fastpxe.dhcp.identity import Pattern
from fastpxe.findings import Finding
from fastpxe.firmware.binaries import is_bios_file, is_ipxe_binary
from fastpxe.policy.compiler import NO_REPLY, NOT_SERVED, Compiled
from fastpxe.policy.config import Config
from fastpxe.policy.rules import Match, Rule, Text

T = TypeVar("T")

_X86_BIOS = frozenset({Arch.BIOS, Arch.BIOS_HTTP})


def check(
    config: Config,
    compiled: Compiled,
    is_served: Callable[[str], bool] | None,
    bad_scripts: Iterable[str] = (),
) -> list[Finding]:
    """Every trap, in file order. `is_served` tells whether a file is there; None asks nothing.

    bad_scripts: what is wrong with templates of [tftp] scripts, each "name:line: why".
    """
    findings = [
        *_no_rules(config),
        *_unreachable(compiled, {host.boot for host in config.hosts}),
        *_unused_clients(config),
        *_bios_file_for_all(config),
        *_ipxe_without_rule(config),
        *_unknown_arches(config),
        *_names_in_urls(config),
        *_bad_scripts(config, bad_scripts),
        *(_missing_files(config, is_served) if is_served and config.tftp.enabled else ()),
    ]
    order = {rule.where: number for number, rule in enumerate(config.rules)}
    return sorted(findings, key=lambda finding: order.get(finding.where, -1))


def _no_rules(config: Config) -> Iterator[Finding]:
    if not config.rules:
        yield Finding(
            name="no-rules",
            where=config.source,
            effect="no client is ever answered: there is no [[boot]]",
            advice='add one, such as: [[boot]] arch = "uefi-x64" file = "snponly.efi"',
        )


def _unreachable(compiled: Compiled, asked_for: set[str]) -> Iterator[Finding]:
    """A rule whose every client is taken by one earlier rule.

    asked_for: boots of hosts, for whom the rules of that name come first.
    """
    for index, rule in enumerate(compiled.rules):
        served = [k for k in range(len(KINDS)) if compiled.kinds[index][k] != NOT_SERVED]
        if not served:
            yield _never(rule, "it has nothing that any client could use")
            continue
        for earlier in range(index):
            other = compiled.rules[earlier]
            takes = all(compiled.kinds[earlier][k] != NOT_SERVED for k in served)
            takes &= _comes_before(other, rule, asked_for)
            if takes and _covers(other.match, rule.match):
                denied = compiled.kinds[earlier][served[0]] == NO_REPLY
                yield _never(rule, f"{'ignored by' if denied else 'taken by'} rule {other.name!r}")
                break


def _comes_before(earlier: Rule, rule: Rule, asked_for: set[str]) -> bool:
    """Whether whoever may get `rule` is asked `earlier` first."""
    if rule.hosts_only or rule.name in asked_for:
        return earlier.name == rule.name
    return not earlier.hosts_only


def _never(rule: Rule, why: str) -> Finding:
    return Finding(
        name="dead-rule",
        where=rule.where,
        effect=f"rule {rule.name!r} never answers anybody: {why}",
        advice="move it up, or take it out",
    )


def _covers(wide: Match, narrow: Match) -> bool:
    """True when every client that `narrow` matches is matched by `wide` as well."""
    return (
        (not wide.arches or (bool(narrow.arches) and set(narrow.arches) <= set(wide.arches)))
        and (wide.ipxe is None or wide.ipxe == narrow.ipxe)
        and set(wide.ipxe_features) <= set(narrow.ipxe_features)
        and _all_within(wide.macs, narrow.macs, _pattern_covers)
        and _all_within(wide.uuids, narrow.uuids, _pattern_covers)
        and _all_within(wide.vendor_classes, narrow.vendor_classes, _text_covers)
        and _all_within(wide.user_classes, narrow.user_classes, _text_covers)
        and _all_within(wide.subnets, narrow.subnets, lambda w, n: n.subnet_of(w))
    )


def _all_within(wide: tuple[T, ...], narrow: tuple[T, ...], covers: Callable[[T, T], bool]) -> bool:
    """True when `wide` asks nothing, or each alternative of `narrow` is within one of its own."""
    if not wide:
        return True
    return bool(narrow) and all(any(covers(w, n) for w in wide) for n in narrow)


def _pattern_covers(wide: Pattern, narrow: Pattern) -> bool:
    return all(
        w & ~n & 0xFF == 0 and (a ^ b) & w == 0
        for w, n, a, b in zip(wide.mask, narrow.mask, wide.value, narrow.value, strict=True)
    )


def _text_covers(wide: Text, narrow: Text) -> bool:
    if wide.how == "contains":
        return wide.text in narrow.text
    if wide.how == "prefix":
        return narrow.how != "contains" and narrow.text.startswith(wide.text)
    return narrow.how == "exact" and narrow.text == wide.text


def _unused_clients(config: Config) -> Iterator[Finding]:
    """A [[tftp.client]] all of whose addresses an earlier one has."""
    tables = config.tftp.client
    for index, (table, where) in enumerate(zip(tables, config.client_places, strict=True)):
        earlier = (one.subnet for one in tables[:index] if table.subnet.subnet_of(one.subnet))
        for subnet in earlier:
            yield Finding(
                name="dead-client",
                where=where,
                effect=f"the [[tftp.client]] of {table.subnet} is never used: the one of {subnet}, "
                "which comes first, has all its clients",
                advice="move it up, or take it out",
            )
            break


def _bios_file_for_all(config: Config) -> Iterator[Finding]:
    for rule in config.rules:
        file = rule.boot.file or ""
        others = [n for n in rule.match.arches if n not in _X86_BIOS]
        if not is_bios_file(file) or (rule.match.arches and not others):
            continue
        if rule.match.macs or rule.match.uuids or rule.match.ipxe or rule.hosts_only:
            continue  # named machines: their owner knows what they are
        yield Finding(
            name="bios-file-for-uefi",
            where=rule.where,
            effect=f"{file} is for BIOS machines, and UEFI machines that no earlier rule takes get "
            "it too: they download it, refuse it and stop",
            advice='add arch = "bios"',
        )


def _ipxe_without_rule(config: Config) -> Iterator[Finding]:
    rules = [rule for rule in config.rules if not rule.hosts_only]
    loads_ipxe = [r for r in rules if r.boot.file and is_ipxe_binary(r.boot.file)]
    serves_ipxe = any(
        (rule.match.ipxe is not False)
        and not rule.boot.ignore
        and (rule.boot.ipxe_too or not (rule.boot.file and is_ipxe_binary(rule.boot.file)))
        for rule in rules
    )
    if loads_ipxe and not serves_ipxe:
        yield Finding(
            name="ipxe-ends",
            where=loads_ipxe[0].where,
            effect=f"{loads_ipxe[0].boot.file} starts iPXE, which asks again and gets no answer; "
            "it goes on only if a script is built into it",
            advice='add in front: [[boot]] ipxe = true file = "default.ipxe"',
        )


def _unknown_arches(config: Config) -> Iterator[Finding]:
    known = {arch.value for arch in Arch}
    for rule in config.rules:
        for number in rule.match.arches:
            if number not in known:
                yield Finding(
                    name="unknown-arch",
                    where=rule.where,
                    effect=f"architecture {number} is not in the IANA table: nobody sends it",
                    advice="write a name, such as uefi-x64 (7), or its decimal number",
                )


def _names_in_urls(config: Config) -> Iterator[Finding]:
    for rule in config.rules:
        host = re.sub(r"^https?://([^/:]+).*", r"\1", rule.boot.url or "")
        if host and host != "{server}" and not _is_address(host):
            yield Finding(
                name="name-in-url",
                where=rule.where,
                effect=f"UEFI HTTP Boot takes the name {host} only where the DHCP server itself "
                "gives a DNS server; elsewhere it drops the offer",
                advice="write the server's IPv4 address in the URL",
            )


def _bad_scripts(config: Config, bad_scripts: Iterable[str]) -> Iterator[Finding]:
    for bad in bad_scripts:
        yield Finding(
            name="bad-script",
            where=f"{config.tftp.scripts}/{bad}",
            effect="who asks for this script gets an error in its place",
            advice="correct the template; docs: iPXE scripts for each machine",
        )


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


def _missing_files(config: Config, is_served: Callable[[str], bool]) -> Iterator[Finding]:
    for rule in config.rules:
        file = rule.boot.file
        if file and rule.boot.server is None and not is_served(file):
            yield Finding(
                name="missing-file",
                where=rule.where,
                effect=f"{file} is not under the TFTP root: the clients of rule {rule.name!r} are "
                "told of it, don't find it, and give up",
                advice="put the file there, or correct the name",
            )
