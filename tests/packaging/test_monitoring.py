"""The dashboard and the alerts that come along name metrics and values that there are."""

import json
import re
from collections import Counter
from ipaddress import IPv4Address
from typing import Any, get_args

import msgspec
import pytest
import yaml
from project import CONTRIB
from prometheus_client.parser import text_string_to_metric_families

from fastpxe.events import HttpServed, TransferDone, TransferRefused
from fastpxe.monitor.counters import Counters
from fastpxe.monitor.journal import STUCK_S, Boot, Stage
from fastpxe.monitor.metrics import Figures, exposition
from fastpxe.monitor.problems import PROBLEMS
from fastpxe.serve.ipc._event_ring import EventRing

CLIENT = (IPv4Address("10.0.0.100"), 2000)
METRIC = re.compile(r"\bfastpxe_\w+")
SELECTOR = re.compile(r'(fastpxe_\w+)\{[^}]*?(\w+)=(~?)"([^"$]+)"')
GROUPING = re.compile(r"by \(([\w, ]+)\) \((?:\w+\()?(fastpxe_\w+)")


def figures() -> Figures:
    """Figures of a server that has seen one of everything."""
    counters = Counters()
    counters.on_event(
        TransferDone(
            interface="e", client=CLIENT, file="f", options={}, size_bytes=1, duration_s=1,
            retransmits=1, outcome="done",
        )
    )  # fmt: skip
    counters.on_event(TransferRefused(interface="e", client=CLIENT, file="f", code=1, why="none"))
    counters.on_event(
        HttpServed(
            interface="e", client=CLIENT, file="f", method="GET", status=200, size_bytes=1,
            duration_s=1,
        )
    )  # fmt: skip
    return Figures(
        counts=Counter({**EventRing().counts(0), "dropped_by_kernel": 1, "unlogged": 1}),
        latency=[(1000, 1)],
        hits={"one": 1},
        problems=dict.fromkeys(PROBLEMS, 1),
        counters=counters,
        boots=tuple(
            Boot(mac=stage, stage=stage, problem=PROBLEMS["no-dhcp"] if stage == "stuck" else None)
            for stage in get_args(Stage)
        ),
        workers=2,
        alive=1,
        started_at=1,
    )


@pytest.fixture(scope="module")
def labels() -> dict[tuple[str, str], set[str]]:
    """The values of each label of each metric; a metric without labels has the label ""."""
    found: dict[tuple[str, str], set[str]] = {}
    for family in text_string_to_metric_families(exposition(figures(), 1).decode()):
        for sample in family.samples:
            found.setdefault((sample.name, ""), set())
            for label, value in sample.labels.items():
                found.setdefault((sample.name, label), set()).add(value)
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONTRIB / "grafana" / "fastpxe.json").read_text())
    return found


def alerts() -> list[dict[str, Any]]:
    rules = yaml.safe_load((CONTRIB / "prometheus" / "fastpxe.rules.yml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def asked() -> list[str]:
    """Every expression of either."""
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    queries = [one["query"] for one in dashboard()["templating"]["list"]]
    return [*panels, *queries, *(rule["expr"] for rule in alerts())]


def test_every_metric_that_is_asked_for_exists(labels: dict[tuple[str, str], set[str]]) -> None:
    names = {name for text in asked() for name in METRIC.findall(text)}
    assert len(names) > 10
    assert {name for name in names if (name, "") not in labels} == set()


def test_every_label_that_is_asked_for_exists(labels: dict[tuple[str, str], set[str]]) -> None:
    selected = [found for text in asked() for found in SELECTOR.findall(text)]
    assert selected
    for name, label, is_pattern, values in selected:
        for value in values.split("|") if is_pattern else [values]:
            assert value in labels[name, label]
    grouped = [found for text in asked() for found in GROUPING.findall(text)]
    assert grouped
    for names, metric in grouped:
        for label in set(names.split(", ")) - {"instance", "job"}:  # Prometheus adds these two
            assert (metric, label) in labels


def test_every_metric_is_on_the_dashboard(labels: dict[tuple[str, str], set[str]]) -> None:
    shown = {name for text in asked() for name in METRIC.findall(text)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name, _ in labels}
    assert families - {re.sub(r"_bucket$", "", name) for name in shown} == set()


def test_panels_have_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))


def expression_of(alert: str) -> str:
    (found,) = (rule["expr"] for rule in alerts() if rule["alert"] == alert)
    return str(found)


def test_no_alert_counts_the_names_that_loaders_look_for_at_every_boot() -> None:
    """PXELINUX looks for nine that aren't there, each a refusal with code 1."""
    assert 'code!="1"' in expression_of("FastpxeTftpRefusals")
    assert 'problem="missing-file"' in expression_of("FastpxeMissingFiles")


def test_a_machine_that_was_not_seen_for_long_is_stuck_no_more() -> None:
    boots = (Boot(mac="a", stage="stuck", problem=PROBLEMS["no-dhcp"], seen_at=10),)
    made = msgspec.structs.replace(figures(), boots=boots)
    stuck = 'fastpxe_machines{stage="stuck"} 1.0'
    assert stuck in exposition(made, 10 + STUCK_S).decode()
    assert stuck not in exposition(made, 11 + STUCK_S).decode()


def test_a_problem_counts_from_nothing() -> None:
    """Prometheus sees no increase in a series that begins at 1."""
    made = msgspec.structs.replace(figures(), problems={"no-dhcp": 2})
    told = exposition(made, 1).decode()
    assert 'fastpxe_problems_total{problem="missing-file"} 0.0' in told
    assert 'fastpxe_problems_total{problem="no-dhcp"} 2.0' in told


def test_an_alert_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")
