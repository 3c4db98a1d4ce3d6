"""Every protocol statement has a test with its number, or a reason; the page says which."""

import conformance
import pytest

NUMBERS = [number for _, number, _ in conformance.statements()]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_statement_has_a_test_or_a_reason(number: str) -> None:
    assert number in conformance.tests_by_number() or conformance.reason_for_none(number)


def test_each_number_in_a_name_is_that_of_a_statement() -> None:
    """S01 to S24 are threats; what they are stands in docs/explanation/security.md."""
    told = {name for name in conformance.tests_by_number() if not name.startswith("S")}
    assert told <= set(NUMBERS)


def test_the_page_is_up_to_date() -> None:
    assert conformance.PAGE.read_text() == conformance.page()


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_T9_T14_tsize", ["T09", "T14"]),
        ("test_row44_netascii", ["row44"]),
        ("test_T16", ["T16"]),
        ("test_a_PXE5_x", []),
        ("test_iT16_x", []),
    ],
)
def test_numbers_are_read_from_names(name: str, numbers: list[str]) -> None:
    assert conformance.numbers_of(name) == numbers
