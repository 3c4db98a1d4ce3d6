"""Findings on paper: the text, the JSON, and whether there is a problem."""

import json

import pytest

from fastpxe.doctor import report as doctor
from fastpxe.doctor.report import Finding, Level
from fastpxe.firmware.error_codes import explain_code


def finding(level: Level, saw: str = "seen", advice: str = "") -> Finding:
    return Finding(level=level, name="word", about="UDP 67", saw=saw, advice=advice)


def test_a_finding_has_what_was_seen_and_the_advice() -> None:
    assert list(doctor.lines(finding("ok"))) == ["ok      UDP 67: seen"]
    assert list(doctor.lines(finding("problem", advice="stop it"))) == [
        "problem UDP 67: seen",
        "        stop it  [word]",
    ]


def test_what_came_off_the_wire_can_t_steer_the_terminal() -> None:
    (line,) = doctor.lines(finding("ok", saw="a\x1b[2Jb\nc é"))
    assert line == "ok      UDP 67: a\\x1b[2Jb\\nc é"


def test_the_worst_is_counted_first_and_several_in_the_plural() -> None:
    assert doctor.summary([finding("ok"), finding("problem")]) == "1 problem, 1 ok"
    found = [finding("problem")] * 2 + [finding("warning")] * 3 + [finding("unknown")] * 2
    assert doctor.summary(found) == "2 problems, 3 warnings, 2 unknown"


def test_json_has_the_findings_and_their_counts() -> None:
    shown = json.loads(doctor.json([finding("unknown", advice="look")]))
    assert shown["counts"] == {"problem": 0, "warning": 0, "unknown": 1, "ok": 0}
    assert shown["findings"] == [
        {"level": "unknown", "name": "word", "about": "UDP 67", "saw": "seen", "advice": "look"}
    ]


@pytest.mark.parametrize(
    ("level", "has_one"), [("ok", False), ("warning", False), ("unknown", False), ("problem", True)]
)
def test_only_a_problem_is_one(level: Level, *, has_one: bool) -> None:
    assert doctor.has_problem([finding("ok"), finding(level)]) is has_one


def test_a_code_is_told_with_its_causes_in_order() -> None:
    code = explain_code("E55")
    lines = list(doctor.code_text(code))
    assert lines[0] == f"PXE-E55 (BIOS ROM): {code.meaning}"
    assert lines[2:4] == [f"  1. {code.causes[0].why}", f"     {code.causes[0].remedy}"]
    assert lines[-1] == f"in fastpxe's log: {code.log}"
    assert len(lines) == 3 + 2 * len(code.causes)
