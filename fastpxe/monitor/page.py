"""The web page of a server, as HTML: whole, or the parts of it that change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import jinja2

from fastpxe.monitor.journal import Boot, is_stuck
from fastpxe.monitor.metrics import Figures
from fastpxe.monitor.problems import problem
from fastpxe.policy.rules import Rule
from fastpxe.resources import texts

ROWS_MAX = 200
NOW_S = 600.0  # whoever was seen within is booting now; the others are history
BAR_WIDTH = 2
CHART_WIDTH, CHART_HEIGHT = 1200, 120

_FILES = texts("web")
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.DictLoader(_FILES), autoescape=True, undefined=jinja2.StrictUndefined
)
# Compiled now: for that, Python reads modules of its own, which may be in a home too.
_TEMPLATES = {name: _ENVIRONMENT.get_template(name) for name in _FILES if name.endswith(".j2")}


def asset(name: str) -> str:
    """A file that goes with the page: "page.css" or "page.js"."""
    return _FILES[name]


class Reader(NamedTuple):
    """Who looks: when, in seconds since 1970, and what their links need behind the path."""

    now: float
    query: str = ""


def page(summary: str, parts: dict[str, str], reader: Reader) -> str:
    """The whole page; `parts` are as of `parts`."""
    return _render("page", summary=summary, parts=parts, query=reader.query)


def parts(
    figures: Figures,
    history: Iterable[Boot],
    rules: Sequence[Rule],
    per_s: Sequence[int],
    reader: Reader,
) -> dict[str, str]:
    """What changes, by the id of its element.

    per_s: answers in each of the last seconds.
    """

    def rows(boots: Sequence[Boot], key_of: Callable[[Boot], str]) -> str:
        return _render(
            "boots", boots=boots[:ROWS_MAX], more=max(0, len(boots) - ROWS_MAX), time_of=time_of,
            share=share, query=reader.query, key_of=key_of,
        )  # fmt: skip

    def time_of(at: float) -> str:
        return _time_of(at, reader.now)

    recent = [boot for boot in figures.boots if reader.now - boot.seen_at <= NOW_S]
    older = [boot for boot in figures.boots if reader.now - boot.seen_at > NOW_S]
    stuck = [boot for boot in figures.boots if is_stuck(boot, reader.now)]
    found = {
        "figures": _figures(figures, recent, len(stuck), per_s),
        # What a reader opened stays open by this key: a machine's row, or one boot of several.
        "booting": rows(recent, lambda boot: boot.mac),
        "history": rows([*older, *history], lambda boot: f"{boot.mac} {boot.began_at}"),
        "rules": _render(
            "rules", rules=[(rule, figures.hits.get(rule.name, 0)) for rule in _once(rules)]
        ),
        "problems": _render(
            "problems",
            stuck=stuck[:ROWS_MAX],
            more=max(0, len(stuck) - ROWS_MAX),
            time_of=time_of,
            query=reader.query,
        ),
        "errors": _render(
            "errors",
            problems=[(problem(name, "…"), count) for name, count in _most(figures.problems)],
        ),
        "chart": _chart(per_s),
        "totals": _render("totals", figures=figures),
    }
    return {name: text.strip() for name, text in found.items()}


def _render(name: str, **values: object) -> str:
    return _TEMPLATES[f"{name}.html.j2"].render(values)


def _figures(figures: Figures, recent: Sequence[Boot], stuck: int, per_s: Sequence[int]) -> str:
    """The numbers at the top."""
    done = sum(boot.stage == "done" for boot in recent)
    booting = sum(boot.stage not in ("done", "stuck") for boot in recent)
    return _render(
        "figures", figures=figures, booting=booting, stuck=stuck, done=done,
        answers=per_s[-1] if per_s else 0,
    )  # fmt: skip


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Those that are most often first."""
    return sorted(counts.items(), key=lambda pair: -pair[1])


def _once(rules: Sequence[Rule]) -> list[Rule]:
    """The first rule of each name: hits are counted by name."""
    return list({rule.name: rule for rule in reversed(rules)}.values())[::-1][:ROWS_MAX]


def _time_of(at: float, now: float) -> str:
    """The time of this machine's clock, with the day where that is another than now."""
    then, today = (datetime.fromtimestamp(each).astimezone() for each in (at, now))
    is_today = then.date() == today.date()
    return then.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def share(boot: Boot) -> str:
    """How far a download is: "43 %", or nothing."""
    if boot.stage != "tftp" or not boot.size_bytes:
        return ""
    return f"{100 * boot.fetched_bytes // boot.size_bytes} %"


def _chart(per_s: Sequence[int]) -> str:
    most = max([*per_s, 1])
    bars = [
        (CHART_WIDTH - BAR_WIDTH * (len(per_s) - i), round(CHART_HEIGHT * count / most, 1))
        for i, count in enumerate(per_s)
        if count
    ]
    return _render(
        "chart", bars=bars, most=max(per_s, default=0), width=CHART_WIDTH, height=CHART_HEIGHT,
        bar_width=BAR_WIDTH,
    )  # fmt: skip
