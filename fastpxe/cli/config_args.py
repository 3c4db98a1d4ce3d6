"""Which configuration a command works on: flags, and reading it."""

import argparse
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.errors import ConfigError
from fastpxe.policy import config
from fastpxe.policy.config import Config

# argparse keeps the type of its sub-command registry private.
Commands = Any


def add_source(command: argparse.ArgumentParser, *, takes_path: bool = False) -> None:
    """Add what names a configuration: flags, and for some commands a path without one."""
    choice = command.add_mutually_exclusive_group()
    if takes_path:
        choice.add_argument(
            "path",
            metavar="CONFIG",
            nargs="?",
            help="the configuration: .toml is a fastpxe.toml, anything else dnsmasq's",
        )
    choice.add_argument("-c", "--config", metavar="FILE", help="a fastpxe.toml")
    choice.add_argument(
        "--dnsmasq-conf",
        metavar="FILE",
        action="append",
        default=[],
        help="a dnsmasq configuration, or a directory of them; may be repeated",
    )
    command.set_defaults(path=None, dnsmasq_options=[])


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before and after `--`: the rest are dnsmasq's own options."""
    words = list(arguments)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def add_json(command: argparse.ArgumentParser) -> None:
    """Add --json."""
    command.add_argument("--json", action="store_true", help="print JSON instead of text")


def load(parsed: argparse.Namespace) -> Config | DnsmasqConfig:
    """Read the configuration that was named, or the built-in one. Raises ConfigError."""
    path, dnsmasq_files = named(parsed)
    if dnsmasq_files or parsed.dnsmasq_options:
        if path:
            raise ConfigError("a fastpxe.toml takes no dnsmasq options", where=path)
        return read_config(dnsmasq_files, arguments=parsed.dnsmasq_options, disk=DISK)
    if path is None:
        return config.default_config()
    return config.parse(read_text(path), path)


def named(parsed: argparse.Namespace) -> tuple[str | None, list[str]]:
    """The fastpxe.toml, and the files of dnsmasq's, that were named."""
    path: str | None = parsed.path
    if path is None:
        return parsed.config, parsed.dnsmasq_conf
    return (path, []) if path.endswith(".toml") else (None, [path])


def source_of(parsed: argparse.Namespace) -> str:
    """What was named, for people."""
    path, dnsmasq_files = named(parsed)
    options = ["command line"] if parsed.dnsmasq_options else []
    return path or ", ".join([*dnsmasq_files, *options]) or config.default_config().source


def read_text(path: str) -> str:
    """Read a file. Raises ConfigError."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"can't be read: {reason}", where=path) from None


def _read_bytes(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _list_dir(path: str) -> list[str] | None:
    try:
        return [entry.name for entry in Path(path).iterdir() if entry.is_file()]
    except OSError:
        return None


def _identity(path: str) -> Hashable:
    try:
        status = Path(path).stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


DISK = Disk(_read_bytes, _list_dir, _identity)
