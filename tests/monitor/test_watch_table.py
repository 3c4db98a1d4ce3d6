"""Which boots `fastpxe watch` shows, and how."""

import io

import msgspec
import pytest
from project import PICTURES
from rich.console import Console

from fastpxe.monitor.journal import MACHINES_MAX, Boot
from fastpxe.monitor.problems import problem
from fastpxe.monitor.watch_table import VERY_WIDE, WIDE, Filter, Watched, age, summary, table

ONE = Boot(mac="52:54:00:00:00:01", rule="lab", file="a.efi", began_at=10, seen_at=30, stage="done")
TWO = Boot(
    mac="52:54:00:00:00:02", address="10.0.0.2", began_at=20, seen_at=20, stage="stuck",
    problem=problem("missing-file", "b.efi"),
)  # fmt: skip
THREE = Boot(
    mac="52:54:00:00:00:03", began_at=30, seen_at=40, stage="tftp", fetched_bytes=43, size_bytes=100
)


def watched() -> Watched:
    made = Watched()
    made.take([ONE, TWO, THREE])
    return made


def printed(*boots: Boot, now: float = 100, columns: int = 200) -> str:
    text = io.StringIO()
    Console(file=text, width=columns).print(table(boots, now, columns))
    return text.getvalue()


@pytest.mark.parametrize(
    ("order", "macs"), [("seen", "312"), ("began", "321"), ("mac", "123"), ("stage", "213")]
)
def test_boots_are_sorted(order: str, macs: str) -> None:
    found = watched().boots(Filter(), order)  # type: ignore[arg-type] # of its values
    assert "".join(boot.mac[-1] for boot in found) == macs


@pytest.mark.parametrize(
    ("wanted", "macs"),
    [
        (Filter(), "123"),
        (Filter(text="00:02"), "2"),
        (Filter(text="10.0.0.2"), "2"),
        (Filter(text="lab"), "1"),
        (Filter(text="a.efi"), "1"),
        (Filter(stages=frozenset({"stuck", "tftp"})), "23"),
        (Filter(text="lab", stages=frozenset({"stuck"})), ""),
    ],
)
def test_boots_are_chosen(wanted: Filter, macs: str) -> None:
    assert "".join(boot.mac[-1] for boot in watched().boots(wanted, "mac")) == macs


def test_what_changed_takes_the_place_of_what_was() -> None:
    made = watched()
    made.take([Boot(mac=ONE.mac, stage="offer")])
    assert [boot.stage for boot in made.boots(Filter(), "mac")] == ["offer", "stuck", "tftp"]


def test_the_table_says_how_far_and_what_is_wrong() -> None:
    text = printed(TWO, THREE)
    assert "tftp 43 %" in text
    assert "it asked for b.efi, which isn't there (PXE-T01)" in text
    assert "put the file under the root" in " ".join(text.split())


def test_a_very_wide_table_has_the_uuid() -> None:
    uuid = "4c4c4544-0038-3610-804e-c4c04f4a5831"
    boot = msgspec.structs.replace(TWO, uuid=uuid)
    assert uuid in printed(boot, columns=VERY_WIDE)
    assert uuid not in printed(boot, columns=VERY_WIDE - 1)


@pytest.mark.parametrize("columns", [60, 80, WIDE - 1, WIDE, VERY_WIDE])
def test_what_is_wrong_can_be_read_on_a_narrow_terminal(columns: int) -> None:
    text = printed(ONE, TWO, THREE, columns=columns)
    assert all(boot.mac in text for boot in (ONE, TWO, THREE))
    assert ("tftp 43 %" in text, "a.efi" in text, "…" in text) == (True, True, False)
    words = " ".join(text.split())
    assert "b.efi, which isn't there" in words
    assert len(text.splitlines()) < 12


def test_how_many_there_are_is_said_by_stage() -> None:
    assert summary([]) == "0 machines"
    assert summary([ONE]) == "1 machine: done 1"
    many = [ONE, *[TWO] * 1500, THREE, THREE]
    assert summary(many) == "1,503 machines: stuck 1,500, tftp 2, done 1"


def test_text_off_the_wire_moves_no_cursor_and_is_no_markup() -> None:
    text = printed(Boot(mac="m", file="\x1b[2J[red]x"))
    assert "?[2J[red]x" in text


def test_a_picture_of_the_table(request: pytest.FixtureRequest) -> None:
    """It is made anew for the documentation with --update-pictures."""
    named = {"uuid": "", "arch": "uefi-x64", "rule": "all x64 machines"}
    boots = [msgspec.structs.replace(boot, **named) for boot in (TWO, THREE, ONE)]
    console = Console(file=io.StringIO(), width=130, record=True)
    console.print(table(boots, 60, console.width))
    picture = console.export_svg(title="fastpxe watch", unique_id="watch")
    assert "52:54:00:00:00:02" in picture
    if request.config.getoption("--update-pictures"):
        (PICTURES / "watch.svg").write_text(picture)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (99.9, "99 s"), (100, "1 min"), (6000, "1 h"), (90000, "25 h")],
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_of_very_many_machines_those_seen_last_are_kept() -> None:
    made = Watched()
    for number in range(MACHINES_MAX + 10):
        made.take([Boot(mac=str(number), seen_at=number)])
    found = made.boots(Filter(), "seen")
    assert len(found) == MACHINES_MAX
    assert (found[0].mac, found[-1].mac) == (str(MACHINES_MAX + 9), "10")
