"""The option that writes the golden replies anew."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-corpus",
        action="store_true",
        help="write the golden replies of tests/corpus anew, and fail: their diff wants reading",
    )
