"""File names of requests: every spelling of a name is one path, and no path leaves the root."""
# ruff: noqa: N802 - T16 and the like are the numbers of the protocol statements

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.errors import FileForbidden, MalformedPacket
from fastpxe.paths import MAX_NAME, printable, relative_path


@pytest.mark.parametrize(
    "name",
    [
        b"boot/grub/x.cfg",
        b"/boot/grub/x.cfg",
        b"//boot//grub/x.cfg",
        b"./boot/./grub/x.cfg",
        b"boot\\grub\\x.cfg",
        b"\\boot\\grub\\x.cfg",
        b"C:\\boot\\grub\\x.cfg",
        b"c:/boot/grub/x.cfg",
        b"c:boot/grub/x.cfg",
    ],
)
def test_T41_spellings_of_firmware_are_equivalent(name: bytes) -> None:
    assert relative_path(name) == b"boot/grub/x.cfg"


@pytest.mark.parametrize(
    "name",
    [
        b"..",
        b"../../etc/shadow",
        b"..\\..\\x",
        b"/a/../../b",
        b"a/..",
        b"C:..\\x",
        b"/",
        b"\\",
        b"C:",
        b"./.",
    ],
)
def test_T40_names_that_leave_the_root_are_forbidden(name: bytes) -> None:
    with pytest.raises(FileForbidden):
        relative_path(name)


@pytest.mark.parametrize(
    "name", [b"", b"a\nb", b"a\0b", b"\x1b[2J", b"a\x7f", b"x" * (MAX_NAME + 1), b"x" * 4096]
)
def test_T40_unreadable_names_are_malformed(name: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        relative_path(name)
    assert caught.value.reason == "filename"


@pytest.mark.parametrize(
    "name", [b"x" * MAX_NAME, b"%2e%2e/x", b"...", b"a..b", b"caf\xc3\xa9", b"k\xff\xff", b"a b"]
)
def test_other_bytes_are_kept_as_they_are(name: bytes) -> None:
    assert relative_path(name) == name


def test_only_a_drive_letter_in_front_is_dropped() -> None:
    assert relative_path(b"52:54:00/x") == b"52:54:00/x"
    assert relative_path(b"a/c:/x") == b"a/c:/x"


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"..", b".", b"/", b"\\", b"a", b"c:"])).map(b"".join)
)
def test_T40_a_path_is_relative_and_has_only_plain_components(name: bytes) -> None:
    try:
        path = relative_path(name)
    except (FileForbidden, MalformedPacket):
        return
    assert all(part not in {b"", b".", b".."} for part in path.split(b"/"))
    assert relative_path(b"./" + path) == path or len(path) + 2 > MAX_NAME


@given(st.binary(max_size=300))
def test_shown_names_are_printable(name: bytes) -> None:
    assert printable(name).isprintable()


def test_shown_names_escape_what_is_not_text() -> None:
    assert printable(b"caf\xc3\xa9\xff\n") == "caf\u00e9\\xff\\n"
