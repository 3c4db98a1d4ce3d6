"""The live table of `fastpxe watch`: which boots it shows, in which order, and how."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from rich.table import Table
from rich.text import Text

from fastpxe.monitor.journal import MACHINES_MAX, Boot
from fastpxe.monitor.page import share

Order = Literal["seen", "began", "mac", "stage"]

WIDE = 110  # columns; in fewer, what is wrong has no room beside the rest
VERY_WIDE = 160  # in fewer, nor has the UUID

_COLOURS = {"stuck": "red", "done": "green", "tftp": "cyan", "http": "cyan"}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What to show: machines with a text about them, and at some stages; "" and none are all.

    text: in lower case.
    """

    text: str = ""
    stages: frozenset[str] = frozenset()

    def takes(self, boot: Boot) -> bool:
        """Whether a boot is to be shown."""
        about = f"{boot.mac} {boot.uuid} {boot.address} {boot.rule} {boot.file}".lower()
        return self.text in about and (not self.stages or boot.stage in self.stages)


class Watched:
    """The last boot of each machine, as a server tells of them."""

    def __init__(self) -> None:
        self._boots: dict[str, Boot] = {}

    def take(self, boots: Iterable[Boot]) -> None:
        """Take in those that changed; of more than a server remembers, those seen last stay."""
        self._boots.update((boot.mac, boot) for boot in boots)
        if len(self._boots) > MACHINES_MAX:
            latest = sorted(self._boots.values(), key=lambda boot: boot.seen_at)[-MACHINES_MAX:]
            self._boots = {boot.mac: boot for boot in latest}

    def boots(self, wanted: Filter, order: Order) -> list[Boot]:
        """Those that are wanted, in that order."""
        found = [boot for boot in self._boots.values() if wanted.takes(boot)]
        if order == "mac":
            return sorted(found, key=lambda boot: boot.mac)
        if order == "stage":
            return sorted(found, key=lambda boot: (boot.stage != "stuck", boot.stage, boot.mac))
        times = {"seen": lambda boot: -boot.seen_at, "began": lambda boot: -boot.began_at}
        return sorted(found, key=times[order])


def summary(boots: Sequence[Boot]) -> str:
    """How many machines there are at each stage, the most common one first."""
    stages = Counter(boot.stage for boot in boots).most_common()
    counts = ", ".join(f"{stage} {count:,}" for stage, count in stages)
    machines = "1 machine" if len(boots) == 1 else f"{len(boots):,} machines"
    return f"{machines}: {counts}" if counts else machines


def table(boots: Sequence[Boot], now: float, columns: int) -> Table:
    """The boots as rich shows them in so many columns; `now` is in seconds since 1970."""
    shown = Table(box=None, pad_edge=False, expand=True)
    is_wide, is_very_wide = columns >= WIDE, columns >= VERY_WIDE
    names = (
        "MAC",
        *(["UUID"] * is_very_wide),
        "Stage",
        *(["Arch", "Rule", "File"] * is_wide),
        "Age",
    )
    for name in names:
        shown.add_column(name, no_wrap=name in ("MAC", "UUID", "Stage", "Age"))
    if is_wide:
        shown.add_column("Last problem, and its likely cause", ratio=1, min_width=34)
    else:
        shown.add_column("File, or last problem", ratio=1)
    for boot in boots:
        what = _what_is_wrong(boot)
        stage = f"{boot.stage} {share(boot)}".strip()
        arch = boot.arch + (" iPXE" if boot.is_ipxe else "")
        shown.add_row(
            _text(boot.mac),
            *([_text(boot.uuid)] * is_very_wide),
            _text(stage, _COLOURS.get(boot.stage, "")),
            *([_text(arch), _text(boot.rule), _text(boot.file)] * is_wide),
            _text(age(now - boot.began_at)),
            _text(what if is_wide else what or boot.file),
        )
    return shown


def _what_is_wrong(boot: Boot) -> str:
    found = boot.problem
    if found is None:
        return ""
    code = f" ({found.code})" if found.code else ""
    return f"{found.text}{code}: {found.advice}"


def _text(text: str, style: str = "") -> Text:
    """Text of clients' may have what moves a terminal's cursor."""
    return Text("".join(c if c.isprintable() else "?" for c in text), style=style)


def age(seconds: float) -> str:
    """How long ago: "5 s", "3 min", "2 h"."""
    if seconds < 100:
        return f"{max(0, int(seconds))} s"
    return f"{int(seconds // 60)} min" if seconds < 6000 else f"{int(seconds // 3600)} h"
