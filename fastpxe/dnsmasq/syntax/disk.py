"""Access to the files of a configuration, and the choice of files in a directory.

Sources:
  dnsmasq 2.90, its manual (--conf-dir) and its behaviour.
"""

import posixpath
from collections.abc import Callable, Hashable, Iterable

import msgspec

# Debian's package manager leaves these; its service has dnsmasq skip them in /etc/dnsmasq.d.
DEBIAN_LEFTOVERS = (".dpkg-dist", ".dpkg-old", ".dpkg-new")


class Disk(msgspec.Struct, frozen=True):
    """Functions that access files; this package itself opens none.

    read: the content of a file, None if it can't be read. list_dir: the names of the regular files
    in a directory, None if it is not a directory. identity: a value that all names of the same file
    share, such as its device and inode.
    """

    read: Callable[[str], bytes | None]
    list_dir: Callable[[str], list[str] | None]
    identity: Callable[[str], Hashable] = posixpath.normpath


def chosen(names: Iterable[str], suffixes: Iterable[str] = ()) -> list[str]:
    """The names that dnsmasq reads, in order. `.bak` excludes a suffix, `*.conf` requires one.

    Backup files of editors and hidden files are always skipped.
    """
    rules = [suffix for suffix in suffixes if suffix not in ("", "*")]
    wanted = [rule[1:] for rule in rules if rule.startswith("*")]
    unwanted = [rule for rule in rules if not rule.startswith("*")]
    kept = [
        name
        for name in names
        if not _is_backup(name)
        and (not wanted or _ends_with_any(name, wanted))
        and not _ends_with_any(name, unwanted)
    ]
    return sorted(kept, key=lambda name: name.encode("utf-8", "surrogateescape"))


def _is_backup(name: str) -> bool:
    return (
        not name
        or name.startswith(".")
        or name.endswith("~")
        or (name.startswith("#") and name.endswith("#"))
    )


def _ends_with_any(name: str, suffixes: list[str]) -> bool:
    """A name that is only the suffix doesn't count."""
    return any(name.endswith(suffix) and name != suffix for suffix in suffixes)
