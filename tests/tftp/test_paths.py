"""File names of requests: every spelling of a name is one path, and no path leaves the root."""
# ruff: noqa: N802 - T16 and the like are the numbers of the protocol statements

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.errors import FileForbidden, MalformedPacket
from fastpxe.tftp.paths import MAX_NAME, Renaming, read_renaming, relative_path


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


# --- names that stand for others -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"old/name.efi", b"new/name.efi"),
        (b"old/name.efi.sig", b"old/name.efi.sig"),
        (b"pxelinux.cfg/default", b"special"),
        (b"pxelinux.cfg/01-52-54", b"macs/52-54.cfg"),
        (b"pxelinux.cfg/C0A8", b"menus/C0A8"),
        (b"pxelinux.cfg/a/b", b"menus/a/b"),
        (b"pxelinux.cfg", b"pxelinux.cfg"),
        (b"all/x", b"one"),
        (b"new/name.efi", b"new/name.efi"),
        (b"Old/name.efi", b"Old/name.efi"),
        (b"*", b"*"),
    ],
)
def test_whole_names_come_before_beginnings_and_long_before_short(
    path: bytes, found: bytes
) -> None:
    renaming = Renaming(
        {
            "pxelinux.cfg/*": "menus/*",
            "pxelinux.cfg/01-*": "macs/*.cfg",
            "pxelinux.cfg/default": "special",
            "/old\\name.efi": "new/name.efi",
            "all/*": "one",
        }
    )
    assert renaming(path) == found


def test_a_star_alone_means_every_name() -> None:
    assert Renaming({"*": "site/*"})(b"a/b") == b"site/a/b"


def test_renaming_is_done_once() -> None:
    assert Renaming({"a": "b", "b": "c"})(b"a") == b"b"


def test_case_may_be_ignored_and_what_the_star_stands_for_keeps_its_own() -> None:
    renaming = Renaming({"PXElinux.cfg/*": "Menus/*", "Boot/BCD": "Real"}, ignore_case=True)
    assert renaming(b"pxeLINUX.cfg/C0a8") == b"Menus/C0a8"
    assert renaming(b"boot/bcd") == b"Real"


def test_T40_what_a_star_stands_for_leads_nowhere() -> None:
    renaming = Renaming({"a*": "x/*", "c*": "*", "d*": "x/*"})
    for path in (b"a..", b"a../secret", b"c../secret", b"c."):
        with pytest.raises(FileForbidden):
            renaming(path)
    assert renaming(b"a/etc/passwd") == b"x/etc/passwd"
    assert renaming(b"c/etc/passwd") == b"etc/passwd"
    with pytest.raises(MalformedPacket):
        renaming(b"d" + b"x" * (MAX_NAME - 1))


@pytest.mark.parametrize(
    ("old", "new"), [("a*b", "c"), ("a", "*"), ("a*", "*/*"), ("a", "/b"), ("a", "../b"), ("", "b")]
)
def test_a_wrong_renaming_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"write|stands|no more"):
        read_renaming(old, new)


@given(st.text(max_size=20), st.text("ab.*/\\:", max_size=8), st.binary(min_size=1, max_size=40))
def test_T40_no_renaming_makes_a_path_that_leaves(old: str, new: str, name: bytes) -> None:
    try:
        path = Renaming({old[:3] + "*": new, name.decode("latin-1"): new})(relative_path(name))
    except (FileForbidden, MalformedPacket, ValueError):
        return
    assert all(part not in {b"", b".", b".."} for part in path.split(b"/"))
