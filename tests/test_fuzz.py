"""The inputs that a fuzzer found, and others worth keeping, are heard once more."""

import importlib
import random

import pytest
from fuzzing import FUZZ, corpus, mutated

TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.py"))
STATEFUL = {"tftp"}  # a server and its clients: what they do follows from a seed, not from an input
OF_INPUTS = sorted(set(TARGETS) - STATEFUL)


@pytest.mark.parametrize("name", OF_INPUTS)
def test_what_was_found_is_found_no_more(name: str) -> None:
    target = importlib.import_module(f"fuzz_{name}")
    inputs = [*corpus(name), *target.seeds()]
    for data in inputs:
        target.check(data)


def dice() -> random.Random:
    return random.Random(7)  # noqa: S311 - repeatable chance, no secret


@pytest.mark.parametrize("name", OF_INPUTS)
def test_a_mutation_is_one_of_the_seed_alone(name: str) -> None:
    """So that a finding can be had again from what was printed."""
    target = importlib.import_module(f"fuzz_{name}")
    one, other = (mutated(dice(), target.seeds(), target.TOKENS, 0) for _ in range(2))
    assert one == other


def test_every_target_has_a_corpus_and_no_other() -> None:
    assert sorted(path.name for path in (FUZZ / "corpus").iterdir()) == OF_INPUTS
