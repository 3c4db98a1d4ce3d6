"""Comments belong to the line right below them."""

from fastpxe.dnsmasq.syntax.comments import comments
from fastpxe.dnsmasq.syntax.model import Location


def found(text: str) -> dict[int, tuple[str, ...]]:
    by_line = comments(text.encode(), "f.conf")
    assert all(where.file == "f.conf" for where in by_line)
    return {where.line: text for where, text in by_line.items()}


def test_a_comment_stands_above_its_line() -> None:
    assert found("# one\n#two\na=b\nc=d\n") == {3: ("one", "two")}


def test_a_comment_above_a_blank_line_is_of_nobody() -> None:
    assert found("# title\n\na=b\n# at the end\n") == {}


def test_an_empty_comment_and_one_with_several_signs_are_kept_in_place() -> None:
    assert found("## a ##\n#\n  # b\n\ta=b\n") == {4: ("a ##", "", "b")}


def test_what_no_toml_comment_may_hold_is_left_out() -> None:
    by_line = comments(b"# a\x01b\xff\r\na=b\r\n", "f.conf")
    assert by_line == {Location("f.conf", 2): ("ab\ufffd",)}
