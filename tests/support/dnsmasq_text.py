"""Configurations written in a test, and what dnsmasq itself says to them."""

import subprocess
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import pytest

from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.fields import quote
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.errors import ConfigError

FILE = "f.conf"


def disk(files: dict[str, bytes], folders: dict[str, list[str]] | None = None) -> Disk:
    return Disk(files.get, (folders or {}).get)


def read(text: str, *arguments: str, **files: str) -> DnsmasqConfig:
    """Read one file; `files` are the others, of which `a_conf` is named a.conf."""
    others = {name.replace("_", "."): content.encode() for name, content in files.items()}
    content = text.encode("utf-8", "surrogateescape")
    return read_config([FILE], arguments=arguments, disk=disk({FILE: content, **others}))


def quoted(text: str) -> str:
    """A value that is in quotes, as it is read."""
    return "".join(map(quote, text))


def refused(text: str, *arguments: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text, *arguments)
    return caught.value


def refusal(reading: Callable[[], object]) -> ConfigError | None:
    """What the reading of a configuration was refused with, if it was."""
    try:
        reading()
    except ConfigError as error:
        return error
    return None


class Verdict(NamedTuple):
    """Whether dnsmasq takes a configuration, and what it says if not."""

    is_accepted: bool
    message: str


def dnsmasq(content: bytes, *arguments: str) -> Verdict:
    """Ask the installed dnsmasq (Debian: dnsmasq-base), which must be there."""
    with tempfile.NamedTemporaryFile(suffix=".conf") as file:
        file.write(content)
        file.flush()
        command = ["dnsmasq", "--test", f"--conf-file={file.name}", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
    return Verdict(done.returncode == 0, done.stderr.replace(file.name, FILE).strip())
