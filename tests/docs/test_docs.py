"""The documentation says what the code does, as far as a machine can tell."""

import contextlib
import io
import re
import shutil
import tomllib
from collections import Counter
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from project import TESTS, TOP

from fastpxe import cli
from fastpxe._codec import REASONS
from fastpxe.dhcp.constants import ARCH_NAMES, FEATURE_NAMES
from fastpxe.events import Outcome
from fastpxe.monitor.counters import Counters
from fastpxe.monitor.metrics import Figures, exposition
from fastpxe.monitor.problems import PROBLEMS
from fastpxe.policy import config
from fastpxe.policy.schema import (
    AdminSettings,
    BootTable,
    Dhcp,
    Document,
    HostTable,
    HttpSettings,
    ItemTable,
)
from fastpxe.tftp.packets import TftpSettings

DOCS = TOP / "docs"
OTHER_PAGES = [
    "README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md",
    "tests/README.md",
]  # fmt: skip
PAGES = [*(TOP / name for name in OTHER_PAGES), *DOCS.rglob("*.md")]
CONFIGURATION = (DOCS / "reference" / "configuration.md").read_text()

METRICS = (DOCS / "reference" / "metrics.md").read_text()

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TABLES: dict[str, type[msgspec.Struct]] = {
    "Top level": Document,
    "[dhcp]": Dhcp,
    "[tftp]": TftpSettings,
    "[http]": HttpSettings,
    "[admin]": AdminSettings,
    "[[boot]]": BootTable,
    "[[boot.item]]": ItemTable,
    "[[host]]": HostTable,
}
SHOWN_AS_NONE = (None, (), "")


def page(path: Path) -> str:
    return str(path.relative_to(TOP))


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next of its rank."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a section's tables that begin with a `word`: the cells by that word."""
    cells = (line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `"))
    return {row[0].strip().strip("`"): [cell.strip() for cell in row] for row in cells}


TOML_BLOCKS = [
    pytest.param(block, id=f"{page(path)}-{number}")
    for path in PAGES
    for number, (kind, block) in enumerate(FENCE.findall(path.read_text()))
    if kind == "toml"
]


@pytest.mark.parametrize("block", TOML_BLOCKS)
def test_every_configuration_shown_is_accepted(block: str) -> None:
    config.parse(block, "docs")


@pytest.mark.parametrize("title", TABLES)
def test_every_key_is_described_and_no_other(title: str) -> None:
    described = rows(section(CONFIGURATION, title))
    assert set(described) == set(TABLES[title].__struct_fields__)


@pytest.mark.parametrize("title", ["[dhcp]", "[tftp]", "[[boot]]"])
def test_every_default_is_the_one_of_the_code(title: str) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(TABLES[title])}
    for key, (_, _, shown, *_) in rows(section(CONFIGURATION, title)).items():
        field = fields[key]
        real = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        if shown == "none":
            assert real in SHOWN_AS_NONE, key
        else:
            value = tomllib.loads(f"x = {shown.strip('`')}")["x"]
            assert value == (list(real) if isinstance(real, tuple) else real), key


@pytest.mark.parametrize("title", TABLES)
def test_every_key_has_an_example(title: str) -> None:
    examples = [block for kind, block in FENCE.findall(CONFIGURATION) if kind == "toml"]
    shown: set[str] = set()
    for example in examples:
        data = tomllib.loads(example)
        shown |= set(data) if title == "Top level" else set()
        rules = data.get("boot", ())
        items = [item for rule in rules for item in rule.get("item", ())]
        hosts = data.get("host", ()) if title == "[[host]]" else ()
        for table in (data.get(title.strip("[]")), *rules, *items, *hosts):
            if isinstance(table, dict):
                shown |= set(table)
    assert set(TABLES[title].__struct_fields__) <= shown


def test_every_problem_of_a_boot_is_described_with_its_code() -> None:
    text = section((DOCS / "how-to" / "watch-boots.md").read_text(), "Problems")
    described = {
        (name, cells[2])
        for cells in (
            [cell.strip() for cell in line.split("|")[1:]]
            for line in text.splitlines()
            if "|" in line
        )
        for name in re.findall(r"`([\w-]+)`", cells[0])
    }
    assert described == {(name, found.code) for name, found in PROBLEMS.items()}


def test_every_metric_is_described() -> None:
    figures = Figures(
        counts=Counter(answered=1), latency=[], hits={}, problems={}, counters=Counters(), boots=(),
        workers=1, alive=1, started_at=0,
    )  # fmt: skip
    told = set(re.findall(r"^# TYPE (\w+)", exposition(figures, 1).decode(), re.MULTILINE))
    described = set(re.findall(r"^\| `(\w+)`", METRICS, re.MULTILINE))
    assert described == told


def test_every_architecture_is_listed_with_its_numbers() -> None:
    listed = re.findall(
        r"\| `([\w-]+)` \| ([\d, ]+?) (?=\|)", section(CONFIGURATION, "Architectures")
    )
    assert {name: tuple(map(int, numbers.split(", "))) for name, numbers in listed} == {
        name: tuple(map(int, numbers)) for name, numbers in ARCH_NAMES.items()
    }


def test_every_feature_of_ipxe_is_listed() -> None:
    text = section(CONFIGURATION, "Features of iPXE")
    listed = [
        name
        for line in text.splitlines()
        for name in re.findall(r"`([\w-]+)`", line.split(" | ")[0])
    ]
    assert sorted(listed) == sorted(FEATURE_NAMES)


def test_every_reason_and_outcome_is_explained() -> None:
    text = (DOCS / "reference" / "log.md").read_text()
    words = set(re.findall(r"`([\w-]+)`", text))
    assert set(REASONS) <= words
    assert {f"tftp-{outcome}" for outcome in get_args(Outcome)} <= words


def test_every_finding_of_the_doctor_is_described() -> None:
    text = (DOCS / "reference" / "command-doctor.md").read_text()
    made = {
        name
        for source in (TOP / "fastpxe" / "doctor").glob("*.py")
        for name in re.findall(r'name="([\w-]+)"', source.read_text())
    }
    assert {"proxy", "missing-file"} <= made
    assert made <= set(re.findall(r"`([\w-]+)`", text))


def commands() -> dict[str, str]:
    """The help of each command."""
    names = re.findall(r"^    (\w+) ", help_of(), re.MULTILINE)
    return {name: help_of(name) for name in names}


def help_of(*command: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        cli.main([*command, "--help"])
    return printed.getvalue()


def test_every_command_and_option_is_described() -> None:
    text = (DOCS / "reference" / "command.md").read_text()
    assert "serve" in commands()
    for name, printed in commands().items():
        described = section(text, f"fastpxe {name}")
        options = set(re.findall(r"^  (?:-\w,? ?\S*,? ?)?(--[\w-]+)", printed, re.MULTILINE))
        missing = {o for o in options - {"--help"} if not re.search(rf"`[^`]*{o}\b", described)}
        assert not missing, name


def test_the_explanation_in_the_readme_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fences = FENCE.findall((TOP / "README.md").read_text())
    number = next(n for n, (_, text) in enumerate(fences) if text.startswith("fastpxe explain "))
    (_, command), (_, shown) = fences[number : number + 2]
    shutil.copy(TESTS / "e2e" / "configs" / "fog-uuid.conf", tmp_path / "ltsp.conf")
    monkeypatch.chdir(tmp_path)
    assert cli.main(command.split()[1:]) == 0
    printed = iter(capsys.readouterr().out.splitlines())
    assert [line for line in shown.splitlines() if line not in printed] == []


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(re.sub(FENCE, "", path.read_text())):
        if link.startswith("https://"):
            continue
        target, _, heading = link.partition("#")
        to = (path.parent / target).resolve() if target else path
        assert to.exists(), link
        if heading:
            assert heading in anchors(to.read_text()), link


def anchors(text: str) -> set[str]:
    """The names that a heading is linked by."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text())}
    assert not [page(path) for path in DOCS.rglob("*.md") if path not in {*linked, index}]
