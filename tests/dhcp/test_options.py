"""The walker of options and sub-options."""

from fastpxe.dhcp.options import first_of_each, tlvs, walk


def test_options_stop_at_the_first_that_overruns() -> None:
    assert list(tlvs(b"\x00\x01\x01\xaa\x02\x05\xbb")) == [(1, b"\xaa")]
    assert list(tlvs(b"\x01\x01\xaa\x02")) == [(1, b"\xaa")]
    assert list(tlvs(b"")) == []


def test_end_is_walked_to_with_its_offset_and_not_past() -> None:
    assert list(walk(b"\0\1\1\xaa\xff\2\0")) == [(1, b"\xaa", 1), (255, b"", 4)]
    assert list(tlvs(b"\0\1\1\xaa\xff\2\0")) == [(1, b"\xaa")]


def test_the_first_of_two_parts_counts() -> None:
    assert first_of_each(b"\1\1a\2\0\1\1b\xff") == {1: b"a", 2: b""}
