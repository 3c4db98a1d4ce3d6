"""Texts of fastpxe.toml: each is read, or refused with a ConfigError; one that is read answers.

example: .venv/bin/python fuzz/fuzz_toml.py --seconds 60
"""

import re

from fuzz_dhcp import ADDRESS, TEXTS
from fuzzing import TESTS, packets, run

from fastpxe.errors import ConfigError
from fastpxe.policy import compiler, config

REQUESTS = packets()
WORDS = (
    "[dhcp]", "[tftp]", "[http]", "[[boot]]", "[[boot.item]]", "[[host]]", "[[tftp.client]]",
    " = ", '"', "'", '"""', "[", "]", "{", "}", ",", "\n", "#", "\\u0000", "\\", "true", "0",
    "-1", "1e9", "99999999999999999999", "nan", "1979-05-27", "10.0.0.0/8", "52:54:00:12:34:56",
    "uefi-x64", "*", "name", "file", "url", "server", "mac", "uuid", "arch", "style", "boot",
    "remap", "root", "ports",
)  # fmt: skip
TOKENS = tuple(word.encode() for word in WORDS)


def seeds() -> list[bytes]:
    """Every configuration that the documentation shows."""
    page = (TESTS.parent / "docs" / "reference" / "configuration.md").read_text()
    shown = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text.encode() for text in (*TEXTS, *shown)]


def check(data: bytes) -> None:
    try:
        read = config.parse(data.decode("utf-8", "replace"), "fuzz")
    except ConfigError:
        return
    compiled = compiler.build(read, []).native
    for datagram in REQUESTS:
        compiled.decide(datagram, port=67, source=0, source_port=68, address=ADDRESS)


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__)
