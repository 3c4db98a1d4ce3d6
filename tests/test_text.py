"""Names off the wire, as a terminal and a log show them."""

from hypothesis import given
from hypothesis import strategies as st

from fastpxe.text import escaped, printable


@given(st.binary(max_size=300))
def test_shown_names_are_printable(name: bytes) -> None:
    assert printable(name).isprintable()


def test_shown_names_escape_what_is_not_text() -> None:
    assert printable(b"caf\xc3\xa9\xff\n") == "caf\u00e9\\xff\\n"


def test_a_text_that_is_one_stays_as_it_is() -> None:
    assert escaped("dnsmasq.conf:3: caf\u00e9 \x1b[2J") == "dnsmasq.conf:3: caf\u00e9 \\x1b[2J"
