"""What `check` finds: a place, what will happen there, and what to write instead."""

from collections.abc import Iterable, Iterator

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A trap in a configuration that is not refused.

    name: a short word for it, stable across versions. where: "file:line". effect: what happens to
    which clients. advice: what to write.
    """

    name: str
    where: str
    effect: str
    advice: str


def text(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings for a terminal."""
    for finding in findings:
        yield f"{finding.where}: {finding.effect}"
        yield f"    {finding.advice}  [{finding.name}]"
