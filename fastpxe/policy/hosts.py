"""Single hosts that are to get a boot of their own, whatever the rules would give them."""

from collections.abc import Iterable, Mapping

import msgspec

from fastpxe.dhcp.identity import (
    Pattern,
    format_mac,
    format_uuid,
    microsoft_order,
    parse_mac,
    parse_uuid,
)

Key = bytes  # 6 bytes of a MAC address, or 16 of a UUID as option 97 has them


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A host, and the boot that it is to get: the rules of that name come first for it.

    name: its MAC address or UUID, written one way. keys: what it may be on the wire.
    once: until that boot was seen to start. where: what asked for it, such as "file:line".
    set_at: when, in seconds since 1970: the same wish twice is two. 0 for a configuration's.
    """

    name: str
    keys: tuple[Key, ...]
    boot: str
    once: bool = False
    where: str = ""
    set_at: float = 0


def parse_host(text: str) -> tuple[str, tuple[Key, ...]]:
    """Read a whole MAC address or a whole UUID; its name and its keys. Raises ValueError.

    A UUID is taken in both byte orders, as in rules, and named in that of its label.
    """
    try:
        patterns: tuple[Pattern, ...] = (parse_mac(text),)
    except ValueError:
        try:
            patterns = parse_uuid(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is neither a MAC address nor a UUID; "
                'write "18:66:da:01:02:03" or "4c4c4544-0038-3610-804e-c4c04f4a5831"'
            ) from None
    if any(set(pattern.mask) != {0xFF} for pattern in patterns):
        raise ValueError(f"{text!r} may be more than one host; write it whole")
    keys = tuple(pattern.value for pattern in patterns)
    if len(keys[0]) == 6:
        return format_mac(1, keys[0]), keys
    # One key alone is option 97 itself, of which the label says the other order.
    return format_uuid(keys[0] if len(keys) == 2 else microsoft_order(keys[0])), keys


def entries(hosts: Iterable[Host], boots: Mapping[str, int]) -> list[tuple[Key, int]]:
    """Entries of a HostBootTable: each key with the number of its boot, if there is such a boot.

    Of hosts with the same key, the first counts.
    """
    found: dict[Key, int] = {}
    for host in hosts:
        if host.boot in boots:
            for key in host.keys:
                found.setdefault(key, boots[host.boot])
    return list(found.items())
