"""Which configuration a command works on: flags, and reading it."""

import argparse
from pathlib import Path
from typing import Any

from fastpxe import config
from fastpxe.config import Config
from fastpxe.errors import ConfigError

# argparse keeps the type of its sub-command registry private.
Commands = Any


def add_source(command: argparse.ArgumentParser) -> None:
    """Add the flags that name a configuration."""
    command.add_argument("-c", "--config", metavar="FILE", help="a fastpxe.toml")


def add_json(command: argparse.ArgumentParser) -> None:
    """Add --json."""
    command.add_argument("--json", action="store_true", help="print JSON instead of text")


def load(parsed: argparse.Namespace) -> Config:
    """Read the configuration that was named, or the built-in one. Raises ConfigError."""
    path: str | None = parsed.config
    if path is None:
        return config.default_config()
    return config.parse(read_text(path), path)


def read_text(path: str) -> str:
    """Read a file. Raises ConfigError."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"can't be read: {reason}", where=path) from None
