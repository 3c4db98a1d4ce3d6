"""What `fastpxe doctor` says: findings, as text and as JSON.

They are made from facts by fastpxe.doctor.machine and fastpxe.doctor.network.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from fastpxe.firmware.error_codes import Code
from fastpxe.json_text import indented
from fastpxe.text import escaped

Level = Literal["ok", "warning", "problem", "unknown"]

LEVELS: tuple[Level, ...] = ("problem", "warning", "unknown", "ok")
"""The worst first."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    name: a short word for it, stable across versions. about: what was looked at, for people.
    saw: what was seen. advice: what to do next, "" where all is well.
    """

    level: Level
    name: str
    about: str
    saw: str
    advice: str = ""


def has_problem(found: Sequence[Finding]) -> bool:
    """Whether machines can't boot, by any of these."""
    return any(finding.level == "problem" for finding in found)


def lines(finding: Finding) -> Iterator[str]:
    """One finding for a terminal."""
    yield escaped(f"{finding.level:8}{finding.about}: {finding.saw}")
    if finding.advice:
        yield f"        {finding.advice}  [{finding.name}]"


def summary(found: Sequence[Finding]) -> str:
    """How many are of each level, such as "1 problem, 2 warnings, 9 ok"."""
    counts = Counter(finding.level for finding in found)
    return ", ".join(
        f"{counts[level]} {level}{'s' if counts[level] > 1 and level in _COUNTED else ''}"
        for level in LEVELS
        if counts[level]
    )


_COUNTED = ("problem", "warning")


def json(found: Sequence[Finding]) -> str:
    """Findings and their counts, indented."""
    counts = Counter(finding.level for finding in found)
    shown = {"counts": {level: counts[level] for level in LEVELS}, "findings": found}
    return indented(shown)


def code_text(code: Code) -> Iterator[str]:
    """A code of firmware's, explained."""
    yield f"{code.code} ({code.firmware}): {code.meaning}"
    yield "usual causes, the likeliest first:"
    for number, cause in enumerate(code.causes, 1):
        yield f"  {number}. {cause.why}"
        yield f"     {cause.remedy}"
    yield f"in fastpxe's log: {code.log}"
