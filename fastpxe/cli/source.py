"""Which configuration a command works on: flags, and reading it."""

import argparse
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from fastpxe import config
from fastpxe.config import Config
from fastpxe.dnsmasq.files import Disk
from fastpxe.dnsmasq.model import DnsmasqConfig
from fastpxe.dnsmasq.read import read_config
from fastpxe.errors import ConfigError

# argparse keeps the type of its sub-command registry private.
Commands = Any


def add_source(command: argparse.ArgumentParser) -> None:
    """Add the flags that name a configuration."""
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("-c", "--config", metavar="FILE", help="a fastpxe.toml")
    choice.add_argument(
        "--dnsmasq-conf",
        metavar="FILE",
        action="append",
        default=[],
        help="a dnsmasq configuration, or a directory of them; may be repeated",
    )
    command.set_defaults(dnsmasq_options=[])


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
    if parsed.dnsmasq_conf or parsed.dnsmasq_options:
        if parsed.config:
            raise ConfigError("a fastpxe.toml takes no dnsmasq options", where=parsed.config)
        return read_config(parsed.dnsmasq_conf, arguments=parsed.dnsmasq_options, disk=DISK)
    path: str | None = parsed.config
    if path is None:
        return config.default_config()
    return config.parse(read_text(path), path)


def load_native(parsed: argparse.Namespace) -> Config:
    """As `load`, for what works on a fastpxe.toml only."""
    found = load(parsed)
    if not isinstance(found, Config):
        raise ConfigError("not yet for dnsmasq's syntax", where="command line")
    return found


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
