"""Every word that the engine has for its silence is one of the reasons that all share."""

import re
from pathlib import Path

from fastpxe.dnsmasq import engine
from fastpxe.dnsmasq.engine.reasons import REASONS

FOLDER = Path(engine.__file__).parent
WORDS = re.compile(
    r"""refuse\(\w+, "([\w-]+)"|refused="([\w-]+)"|Place\(\w+, refused="([\w-]+)"|"""
    r"""MalformedPacket\("([\w-]+)"|return "([\w-]+)", """
)


def test_every_word_has_a_reason_and_every_reason_a_word() -> None:
    found = {
        next(filter(None, groups))
        for path in FOLDER.glob("*.py")
        for groups in WORDS.findall(path.read_text())
    }
    assert {"short", "no-arch", "ignored", "no-range", "pool"} <= found
    assert found == set(REASONS)
