"""JSON of names that are no text."""

import json

import pytest

from fastpxe.explanation import Candidate
from fastpxe.json_text import indented


@pytest.mark.parametrize("name", ["a", "\N{SNOWMAN}", "\udcff.conf:1"])
def test_every_name_can_be_written_and_read_again(name: str) -> None:
    text = indented([Candidate(name=name, verdict="won", why="it holds")])
    assert json.loads(text) == [{"name": name, "verdict": "won", "why": "it holds"}]
    assert text.startswith('[\n  {\n    "name": ')
    text.encode()
