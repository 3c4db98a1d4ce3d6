"""The table of threats names tests that there are, and every threat."""

import re

from project import TESTS

PAGE = TESTS.parent / "docs" / "explanation" / "security.md"
ROWS = re.findall(r"^\| S(\d+) \|.*\| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
WITHOUT = {20}  # not ours


def test_every_threat_is_in_the_table() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 25))


def test_every_test_in_the_table_is_there() -> None:
    defined = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    for number, cell in ROWS:
        named = re.findall(r"`(test_\w+)`", cell)
        assert bool(named) != (int(number) in WITHOUT), number
        for name in named:
            matches = [one for one in defined if one.startswith(name)]
            assert matches, name
            assert name in defined or name.endswith(("_", "flood")), name


def test_every_numbered_test_is_in_the_table() -> None:
    numbered = {
        int(number)
        for path in TESTS.rglob("test_*.py")
        for number in re.findall(r"^def test_S(\d\d)_", path.read_text(), re.MULTILINE)
    }
    listed = {int(number) for number, cell in ROWS if f"`test_S{int(number):02}_`" in cell}
    assert numbered == listed
