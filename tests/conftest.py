"""The options of a test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-corpus",
        action="store_true",
        help="write the golden replies of tests/corpus anew, and fail: their diff wants reading",
    )
    parser.addoption("--slice", metavar="N/M", help="run only the Nth of M parts, counted from 0")
