"""The files of a configuration: which of a directory's count, and that each is read once.

Sources:
  dnsmasq 2.90, its manual (--conf-dir) and its behaviour.
"""

import posixpath
from collections.abc import Callable, Hashable, Iterable

import msgspec

# Left by Debian's package manager; its service file makes dnsmasq skip them in /etc/dnsmasq.d.
DEBIAN_LEFTOVERS = (".dpkg-dist", ".dpkg-old", ".dpkg-new")


class Disk(msgspec.Struct, frozen=True):
    """How the files are reached; this package itself opens none.

    read gives a file's content, or None when there is none that can be read; list_dir the names of
    the regular files in a directory, None when it is no directory; identity what two names of one
    file have in common, such as its device and inode.
    """

    read: Callable[[str], bytes | None]
    list_dir: Callable[[str], list[str] | None]
    identity: Callable[[str], Hashable] = posixpath.normpath


def chosen(names: Iterable[str], suffixes: Iterable[str] = ()) -> list[str]:
    """The names that dnsmasq reads, in order. `.bak` skips a suffix, `*.conf` asks for it.

    Editors' backups and hidden files are always skipped.
    """
    rules = [suffix for suffix in suffixes if suffix not in ("", "*")]
    wanted = [rule[1:] for rule in rules if rule.startswith("*")]
    unwanted = [rule for rule in rules if not rule.startswith("*")]
    found = [
        name
        for name in names
        if not _is_backup(name)
        and (not wanted or _ends_with_any(name, wanted))
        and not _ends_with_any(name, unwanted)
    ]
    return sorted(found, key=lambda name: name.encode("utf-8", "surrogateescape"))


def _is_backup(name: str) -> bool:
    return (
        not name
        or name.startswith(".")
        or name.endswith("~")
        or (name.startswith("#") and name.endswith("#"))
    )


def _ends_with_any(name: str, suffixes: list[str]) -> bool:
    """A name that is nothing but the suffix doesn't end with it."""
    return any(name.endswith(suffix) and name != suffix for suffix in suffixes)
