"""What a reload changed, for the log: key by key, rule by rule."""

from collections.abc import Iterator

import msgspec

from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.policy.config import Config

SHOWN_MAX = 20


def changes(old: Config | DnsmasqConfig, new: Config | DnsmasqConfig) -> list[str]:
    """Every difference in a line of its own; of many, the first ones and a count of the rest."""
    if isinstance(old, Config) and isinstance(new, Config):
        found = list(_native(old, new))
    elif type(old) is type(new):
        found = [f"{name} changed" for name in _different(old, new)]
    else:
        found = ["the other syntax"]
    more = len(found) - SHOWN_MAX
    return found[:SHOWN_MAX] + ([f"and {more} more"] if more > 0 else [])


def _native(old: Config, new: Config) -> Iterator[str]:
    for table in ("dhcp", "tftp", "http", "admin"):
        before, after = getattr(old, table), getattr(new, table)
        for key in _different(before, after):
            shown = "" if key == "token" else f": {_shown(before, key)} -> {_shown(after, key)}"
            yield f"{table}.{key}{shown}"
    for key in ("interfaces", "state"):
        if getattr(old, key) != getattr(new, key):
            yield f"{key}: {_shown(old, key)} -> {_shown(new, key)}"
    yield from _named("rule", _rules(old), _rules(new))
    yield from _named(
        "host", {host.name: host.boot for host in old.hosts},
        {host.name: host.boot for host in new.hosts},
    )  # fmt: skip


def _rules(config: Config) -> dict[str, object]:
    """What each name stands for, and in which order, wherever in the file."""
    found: dict[str, list[object]] = {}
    for rule in config.rules:
        found.setdefault(rule.name, []).append((rule.match, rule.boot, rule.hosts_only))
    return dict(found)


def _named(kind: str, old: dict[str, object], new: dict[str, object]) -> Iterator[str]:
    for name in old.keys() - new.keys():
        yield f"{kind} {name!r} is gone"
    for name, value in new.items():
        if name not in old:
            yield f"{kind} {name!r} is new"
        elif old[name] != value:
            yield f"{kind} {name!r} changed"
    both = [name for name in new if name in old]
    if both != [name for name in old if name in new]:
        yield f"{kind}s are in another order"


def _different(old: msgspec.Struct, new: msgspec.Struct) -> list[str]:
    return [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]


def _shown(table: msgspec.Struct, key: str) -> str:
    return repr(getattr(table, key))
