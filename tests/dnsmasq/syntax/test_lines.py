"""Comments, quotes, long lines and fields."""

import pytest
from dnsmasq_text import refusal
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dnsmasq.syntax.fields import (
    as_bytes,
    as_text,
    plain,
    split,
    split_all,
)
from fastpxe.dnsmasq.syntax.lines import LINE_MAX, SourceLine, read_lines, read_values
from fastpxe.dnsmasq.syntax.model import Location
from fastpxe.errors import ConfigError


def lines(content: bytes) -> list[SourceLine]:
    return list(read_lines(content, "f"))


def value(line: str) -> str:
    """The value of one line, with its quotes resolved."""
    (found,) = lines(line.encode())
    assert found.value is not None
    return as_text(found.value)


def parts(line: str) -> list[str]:
    (found,) = lines(line.encode())
    return [as_text(field) for field in split_all(found.value or "")]


# --- lines ---------------------------------------------------------------------------------------


def test_a_line_has_its_place_key_value_and_text() -> None:
    assert lines(b"\n key = a b  # c\n") == [
        SourceLine(Location("f", 2), "key", "a b", "key = a b")
    ]


@pytest.mark.parametrize("line", ["key=v", "key = v", "\tkey\t=\tv\t", "key=v\r", "key=v #c"])
def test_blanks_and_line_ends_do_not_matter(line: str) -> None:
    (found,) = lines(line.encode())
    assert (found.key, found.value) == ("key", "v")


@pytest.mark.parametrize("line", ["", "   ", "\t", "# all", "  # all", "\r"])
def test_a_line_without_anything_is_left_out(line: str) -> None:
    assert lines(line.encode()) == []


def test_a_key_without_equals_has_no_value_and_one_with_it_an_empty_one() -> None:
    assert [line.value for line in lines(b"key\nkey=")] == [None, ""]


def test_only_the_first_equals_parts_key_and_value() -> None:
    assert value("key=a=b") == "a=b"


def test_a_hash_is_a_comment_after_white_space_only() -> None:
    assert [value("key=a#b"), value("key=a #b"), value("key= #b")] == ["a#b", "a", ""]


def test_a_comment_may_follow_a_quote_that_white_space_came_before() -> None:
    assert [value('key= "a"#b'), value('key=x"a"#b')] == ["a", "xa#b"]


def test_a_line_goes_on_in_no_other() -> None:
    assert [line.key for line in lines(b"dhcp-boot=a,\\\n,b")] == ["dhcp-boot", ",b"]


def test_what_is_beyond_1024_bytes_is_a_line_of_its_own_with_the_same_number() -> None:
    found = lines(b"\nkey=" + b"x" * (LINE_MAX - 4) + b"other=1\nlast")
    assert [(line.key, line.where.line) for line in found] == [
        ("key", 2),
        ("other", 2),
        ("last", 3),
    ]


def test_a_nul_byte_ends_the_line() -> None:
    assert value("key=a\0b") == "a"


def test_text_that_is_not_utf8_is_kept() -> None:
    (found,) = lines(b"key=\xff\xc3\xa9")
    assert as_bytes(found.value or "") == b"\xff\xc3\xa9"
    assert as_text(found.value or "") == "\udcff\xe9"


# --- quotes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a b"', "a b"),
        ('"a # b"', "a # b"),
        ('half"quo ted"x', "halfquo tedx"),
        (r'"\"q\\b\t\n\b\r\e"', '"q\\b\t\n\b\r\x1b'),
        (r'"\x"', "\\x"),
        (r"back\slash", "back\\slash"),
        ('""', ""),
    ],
)
def test_quotes_are_resolved(written: str, meant: str) -> None:
    assert value(f"key={written}") == meant


def test_a_quoted_comma_parts_nothing() -> None:
    assert parts('key="a, b",c') == ["a, b", "c"]


def test_a_quoted_blank_is_kept_at_the_ends() -> None:
    assert parts('key=" a " , b') == [" a ", "b"]


def test_of_two_quotes_side_by_side_the_second_opens_nothing() -> None:
    with pytest.raises(ConfigError, match="opened and not closed"):
        lines(b'key="a""b"')


@pytest.mark.parametrize("line", ['key="a', 'key="a\\', 'key="a\\"', '"'])
def test_an_open_quote_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ConfigError, match=r"^f:2: a quote is opened"):
        lines(b"\n" + line.encode())


def test_a_quoted_key_is_none() -> None:
    assert [line.key for line in lines(b'"dhcp-boot"=x')] == ['"dhcp-boot"']


# --- files whose lines are values ----------------------------------------------------------------


def test_in_a_file_of_values_a_line_is_one_value() -> None:
    (line,) = read_values(b"a=b,c # d\n", "f", "dhcp-host")
    assert line == SourceLine(Location("f", 1), "dhcp-host", "a=b,c", "a=b,c")


def test_in_a_file_of_values_a_bad_line_does_not_stop_the_others() -> None:
    bad, good = read_values(b'"\nx\n', "f", "dhcp-host")
    assert isinstance(bad, ConfigError)
    assert isinstance(good, SourceLine)


@given(st.binary(max_size=3000))
def test_any_bytes_are_lines_or_refused_with_a_line(content: bytes) -> None:
    error = refusal(lambda: lines(content))
    if error is None:
        assert all(len(line.text) <= LINE_MAX for line in lines(content))
    else:
        assert error.where.startswith("f:")


@given(st.text(st.characters(max_codepoint=0xFF, exclude_characters='"\\\0\n\r'), max_size=50))
def test_what_is_quoted_is_what_is_meant(text: str) -> None:
    (line,) = lines(f'key="{text}"'.encode("latin-1"))
    assert plain(line.value or "") == text
    assert split(line.value or "") == (line.value, None)
