"""The web page of a server, as HTML: whole, or the parts of it that change."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import jinja2

from fastpxe.journal import Boot
from fastpxe.metrics import Figures
from fastpxe.rules import Rule
from fastpxe.shipped import texts

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


def page(summary: str, parts: dict[str, str]) -> str:
    """The whole page; `parts` are as of `parts`."""
    return _TEMPLATES["page.html.j2"].render(summary=summary, parts=parts)


def parts(
    figures: Figures,
    history: Iterable[Boot],
    rules: Sequence[Rule],
    per_s: Sequence[int],
    now: float,
) -> dict[str, str]:
    """What changes, by the id of its element. `per_s` are answers in each of the last seconds."""
    recent = [boot for boot in figures.boots if now - boot.seen_at <= NOW_S]
    older = [boot for boot in figures.boots if now - boot.seen_at > NOW_S]
    found = {
        "booting": _rows(recent, now),
        "history": _rows([*older, *history], now),
        "rules": _TEMPLATES["rules.html.j2"].render(
            rules=[(rule, figures.hits.get(rule.name, 0)) for rule in _once(rules)]
        ),
        "problems": _TEMPLATES["problems.html.j2"].render(
            stuck=[boot for boot in figures.boots if boot.problem][:ROWS_MAX]
        ),
        "chart": _chart(per_s),
        "totals": _TEMPLATES["totals.html.j2"].render(figures=figures),
    }
    return {name: text.strip() for name, text in found.items()}


def _once(rules: Sequence[Rule]) -> list[Rule]:
    """The first rule of each name: hits are counted by name."""
    return list({rule.name: rule for rule in reversed(rules)}.values())[::-1][:ROWS_MAX]


def _rows(boots: Sequence[Boot], now: float) -> str:
    return _TEMPLATES["boots.html.j2"].render(
        boots=boots[:ROWS_MAX], more=max(0, len(boots) - ROWS_MAX), now=now, time_of=_time_of,
        share=share,
    )  # fmt: skip


def _time_of(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


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
    return _TEMPLATES["chart.html.j2"].render(
        bars=bars, most=max(per_s, default=0), width=CHART_WIDTH, height=CHART_HEIGHT,
        bar_width=BAR_WIDTH,
    )  # fmt: skip
