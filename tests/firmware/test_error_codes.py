"""The table of firmware's error codes: how one is looked up, and that what it names exists."""

import re
from pathlib import Path
from typing import get_args

import pytest

from fastpxe._codec import REASONS
from fastpxe.events import Outcome
from fastpxe.firmware import error_codes
from fastpxe.firmware.error_codes import CODES, UnknownCode, explain_code
from fastpxe.monitor.problems import PROBLEMS

LOG_WORDS = {
    *REASONS, *(f"tftp-{outcome}" for outcome in get_args(Outcome)), "tftp-refused",
    "http-refused", "http-done", "http-", "offer", "ack", "ignored", "REASON",
}  # fmt: skip


@pytest.mark.parametrize(
    "written", ["PXE-E55", "pxe-e55", "E55", "e55", "PXE-E55:", "PXE E55", " E55 ", "55"]
)
def test_a_code_is_found_however_it_is_written(written: str) -> None:
    code = explain_code(written)
    assert code.code == "PXE-E55"
    assert "4011" in code.meaning


@pytest.mark.parametrize(
    "written",
    [
        "2d03e13b",
        "2D03E18E",
        "0x2d03e13b",
        "http://ipxe.org/2d03e13b",
        "(https://ipxe.org/2d03e18e)",
    ],
)
def test_a_number_of_ipxe_is_found_whatever_build_says_it(written: str) -> None:
    code = explain_code(written)
    assert code.meaning == CODES["2d03e"].meaning
    assert code.code in {"2d03e13b", "2d03e18e"}


def test_a_number_that_is_not_listed_is_explained_by_its_kind() -> None:
    assert explain_code("4cfff001").meaning == CODES["4c"].meaning


@pytest.mark.parametrize(
    "known",
    [
        *("E11", "E16", "E18", "E21", "E23", "E32", "E36", "E51", "E52", "E53", "E55", "E61"),
        *("E74", "E77", "E78", "E79", "M0F", "040ee119", "2d03e13b", "3e11618e"),
    ],
)
def test_what_people_report_most_is_known(known: str) -> None:
    code = explain_code(known)
    assert code.causes
    assert all(cause.why and cause.remedy for cause in code.causes)


@pytest.mark.parametrize(
    ("unknown", "suggested"), [("PXE-E57", "PXE-E5"), ("e5", "PXE-E5"), ("ffffffff", "PXE-E05")]
)
def test_an_unknown_code_is_refused_with_what_is_near(unknown: str, suggested: str) -> None:
    with pytest.raises(UnknownCode, match=f"no code '{unknown}' is known; .*{suggested}"):
        explain_code(unknown)


def test_every_line_of_the_log_that_is_named_exists() -> None:
    named = {
        word
        for code in CODES.values()
        for quoted in re.findall("`([^`]+)`", code.log)
        for word in quoted.split()
        if "=" not in word
    }
    assert "offer" in named
    assert not named - LOG_WORDS


def test_every_code_that_a_stuck_machine_shows_is_explained() -> None:
    for problem in PROBLEMS.values():
        assert not problem.code or explain_code(problem.code).causes


def test_no_code_stands_twice() -> None:
    source = Path(error_codes.__file__).read_text()
    written = re.findall(r'_code\(\s*"([^"]+)"', source)
    assert sorted(written) == sorted(CODES)
