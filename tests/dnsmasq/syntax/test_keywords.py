"""The table of keywords."""

import re

import pytest
from dnsmasq_text import dnsmasq, read, refused

from fastpxe.dnsmasq.syntax.directives import DIRECTIVES
from fastpxe.dnsmasq.syntax.keywords import KEYS, Key

KNOWN_TO_2_90 = [key for key in KEYS.values() if not key.is_newer]
READ_IN_PLACE = {"conf-file", "conf-dir"}


def ids(key: Key) -> str:
    return key.name


def test_every_keyword_of_dnsmasq_is_there() -> None:
    assert len(KNOWN_TO_2_90) == 189
    assert {key.name for key in KEYS.values() if key.is_newer} == {
        "dhcp-option-pxe",
        "dhcp-split-relay",
        "do-0x20-encode",
        "leasequery",
        "no-0x20-encode",
    }


def test_each_key_is_acted_on_or_says_why_not() -> None:
    implemented = {key.name for key in KEYS.values() if key.part == "implemented"}
    assert implemented == set(DIRECTIVES) | READ_IN_PLACE
    assert all(key.why for key in KEYS.values() if key.part != "implemented")


def test_a_letter_stands_for_one_argument_form() -> None:
    for letter in {key.short for key in KEYS.values() if key.short}:
        assert len({k.short_takes_argument for k in KEYS.values() if k.short == letter}) == 1


@pytest.mark.gate
@pytest.mark.parametrize("key", KNOWN_TO_2_90, ids=ids)
def test_a_key_alone_is_taken_as_dnsmasq_takes_it(key: Key) -> None:
    verdict = dnsmasq(f"{key.name}\n".encode())
    assert "bad option" not in verdict.message
    # cache-size alone is refused as a bad value: for us that is a missing one
    is_missing = "missing parameter" in verdict.message or key.name == "cache-size"
    assert is_missing == (key.argument == "required")


@pytest.mark.gate
@pytest.mark.parametrize("key", KNOWN_TO_2_90, ids=ids)
def test_a_key_without_argument_takes_none(key: Key) -> None:
    verdict = dnsmasq(f"{key.name}=\n".encode())
    assert ("extraneous parameter" in verdict.message) == (key.argument == "none")


@pytest.mark.gate
@pytest.mark.parametrize("key", [k for k in KNOWN_TO_2_90 if k.argument != "none"], ids=ids)
def test_a_key_stands_once_or_often_as_in_dnsmasq(key: Key) -> None:
    for value in ("1", "x", "1,2", "tag:x,1.2.3.4", "255,0"):
        if dnsmasq(f"{key.name}={value}\n".encode()).is_accepted:
            verdict = dnsmasq(f"{key.name}={value}\n{key.name}={value}\n".encode())
            assert ("illegal repeated keyword at line 2" in verdict.message) == key.is_once
            return


@pytest.mark.parametrize("key", [k for k in KEYS.values() if k.part != "implemented"], ids=ids)
def test_what_changes_nothing_is_noted(key: Key) -> None:
    text = key.name if key.argument == "none" else f"{key.name}=1"
    config = read(f"domain=lab\n{text}")
    assert [(str(note.where), note.key, note.why) for note in config.notes] == [
        ("f.conf:2", key.name, key.why)
    ]
    assert re.fullmatch(r"[a-z][^.]*[a-zA-Z46]", key.why, re.IGNORECASE)


@pytest.mark.gate
@pytest.mark.parametrize("key", [k for k in KEYS.values() if k.is_number], ids=ids)
def test_a_number_is_one(key: Key) -> None:
    assert not dnsmasq(f"{key.name}=x\n".encode()).is_accepted
    assert "no number" in refused(f"{key.name}=x").message
