"""Which test proves which protocol statement: the table of docs/conformance.md.

The statements, in tests/support/statements.txt, have numbers: C01 to T44, row01 to row46. A test
that proves one has the number in its name, such as test_T16_duplicate_ack_is_not_answered; those of
hostile DHCP messages, row01 to row31, are rows of one table of policy/test_respond.py.

usage: .venv/bin/python tests/support/conformance.py [--results JUNIT.xml]
With the results of `pytest --junitxml=JUNIT.xml` the table says which of them passed.
"""

import argparse
import ast
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from project import DOCS, TESTS

STATEMENTS = TESTS / "support" / "statements.txt"
PAGE = DOCS / "conformance.md"

# Rows of one table, which a test of its own finds complete.
HOSTILE_ROWS = sorted(set(range(1, 32)) - {30})

# Why there is no test, where there is none.
NOT_TESTED = {
    "P25": "a matter of speed: [bench/](../bench/README.md) measures it",
    "row30": "memory is bounded by design; no token bucket, but `max_per_mac` and `max_per_relay`",
}

HEAD = """# Conformance

Statements about the protocols, each with what it comes from in brackets, and the tests that
prove it. Made by `tests/support/conformance.py`; a test fails when this page is not what that
makes.
"""


def statements() -> Iterator[tuple[str, str, str]]:
    """Yield heading, number and text of each statement."""
    heading = ""
    for line in STATEMENTS.read_text().splitlines():
        if line.startswith("## "):
            heading = line[3:]
        else:
            number, _, text = line.partition(" ")
            yield heading, number, text


def numbers_of(name: str) -> list[str]:
    """Return the numbers in a test's name: of test_T9_row44_x, "T09" and "row44"."""
    found = re.findall(r"(?<=_)([A-Z]|row)(\d+)(?=_|$)", name)
    return [f"{letter}{int(digits):02d}" for letter, digits in found]


@cache
def tests_by_number() -> dict[str, list[str]]:
    """The tests of each number, as "folder/test_file.py::test_name"."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in numbers_of(node.name):
                    name = f"{path.relative_to(TESTS)}::{node.name}"
                    found.setdefault(number, []).append(name)
    for number in HOSTILE_ROWS:
        found.setdefault(f"row{number:02d}", []).append("policy/test_respond.py::test_hostile")
    return found


def passed_in(results: Path) -> dict[str, bool]:
    """Whether all runs of each test passed, by its name alone."""
    found: dict[str, bool] = {}
    for case in ET.parse(results).iter("testcase"):  # noqa: S314 - pytest wrote it
        name = case.attrib["name"].partition("[")[0]
        is_good = case.find("failure") is None and case.find("error") is None
        found[name] = found.get(name, True) and is_good
    return found


def reason_for_none(number: str) -> str:
    return NOT_TESTED.get(number, "")


def page(results: dict[str, bool] | None = None) -> str:
    """The whole page."""
    proofs = tests_by_number()
    lines, last = [HEAD], ""
    for heading, number, text in statements():
        if heading != last:
            lines += [f"## {heading}\n", "| number | statement | tests |", "|---|---|---|"]
            last = heading
        shown = text.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {number} | {shown} | {_cell(number, proofs.get(number, []), results)} |")
        lines += [""] if _is_last(heading, number) else []
    return "\n".join(lines)


def _cell(number: str, tests: list[str], results: dict[str, bool] | None) -> str:
    cells = []
    for test in tests:
        path, _, name = test.partition("::")
        state = "" if results is None else " passed" if results.get(name) else " FAILED or not run"
        cells.append(f"[{name.removeprefix('test_')}](../tests/{path}){state}")
    return ", ".join(cells) or reason_for_none(number)


@cache
def _is_last(heading: str, number: str) -> bool:
    return [n for h, n, _ in statements() if h == heading][-1] == number


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, help="print the table with what passed")
    arguments = parser.parse_args()
    if arguments.results:
        sys.stdout.write(page(passed_in(arguments.results)))
    else:
        PAGE.write_text(page())


if __name__ == "__main__":
    main()
