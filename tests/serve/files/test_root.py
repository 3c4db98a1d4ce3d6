"""Files below a root, real ones."""
# ruff: noqa: N802 - T40 and the like are the numbers of the protocol statements

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastpxe.errors import FileForbidden, FileNotFound, FileTruncated
from fastpxe.serve.files.root import Opener, Root, open_beneath, open_by_walking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a root with files, and a file beside it that must not be readable."""
    root = tmp_path / "root"
    (root / "boot").mkdir(parents=True)
    (root / "a").write_bytes(b"0123456789")
    (root / "boot" / "b").write_bytes(b"below")
    (tmp_path / "secret").write_bytes(b"secret")
    return root


@pytest.fixture(params=[open_beneath, open_by_walking])
def root(folder: Path, request: pytest.FixtureRequest) -> Iterator[Root]:
    opener: Opener = request.param
    with Root(str(folder), opener) as opened:
        yield opened


def content(root: Root, path: bytes) -> bytes:
    with root.open(path) as file:
        return file.read(0, 1000)


def test_files_are_read_by_relative_path(root: Root) -> None:
    assert content(root, b"a") == b"0123456789"
    assert content(root, b"boot/b") == b"below"


@pytest.mark.parametrize("path", [b"nothing", b"no/thing", b"a/b", b"\xff\xff", b"x" * 256])
def test_a_missing_file_is_not_found(root: Root, path: bytes) -> None:
    with pytest.raises(FileNotFound):
        root.open(path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "boot/../../secret"])
def test_T40_a_symlink_out_of_the_root_is_refused(root: Root, folder: Path, target: str) -> None:
    (folder / "link").symlink_to(target)
    with pytest.raises(FileForbidden):
        root.open(b"link")


def test_T40_a_linked_folder_out_of_the_root_is_refused(root: Root, folder: Path) -> None:
    (folder / "link").symlink_to("..")
    with pytest.raises((FileForbidden, FileNotFound)):
        root.open(b"link/secret")


def test_T40_a_name_with_dots_does_not_leave_the_root_either(folder: Path) -> None:
    with Root(str(folder), open_beneath) as root, pytest.raises(FileForbidden):
        root.open(b"../secret")


def test_a_symlink_inside_the_root_is_followed(folder: Path) -> None:
    (folder / "link").symlink_to("boot")
    (folder / "boot" / "up").symlink_to("../a")
    (folder / "absolute").symlink_to(folder / "boot" / "up")
    with Root(str(folder)) as root:
        assert content(root, b"link/b") == b"below"
        assert content(root, b"boot/up") == b"0123456789"
        assert content(root, b"absolute") == b"0123456789"


def test_T40_a_walk_follows_no_symlink(folder: Path) -> None:
    (folder / "link").symlink_to("a")
    with Root(str(folder), open_by_walking) as root, pytest.raises(FileForbidden):
        root.open(b"link")


def test_T40_a_magic_link_of_proc_is_refused() -> None:
    with Root("/proc/self") as root, pytest.raises(FileForbidden):
        root.open(b"root/etc/passwd")


def test_T40_a_folder_is_refused(root: Root) -> None:
    with pytest.raises(FileForbidden):
        root.open(b"boot")


def test_T40_a_fifo_is_refused_without_waiting_for_its_other_end(root: Root, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with pytest.raises(FileForbidden):
        root.open(b"fifo")


def test_T40_a_socket_is_refused(root: Root, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(folder / "sock"))
        with pytest.raises(FileForbidden):
            root.open(b"sock")


def test_T40_a_device_is_refused() -> None:
    with Root("/dev") as root, pytest.raises(FileForbidden):
        root.open(b"null")


def test_the_names_in_a_folder_are_listed(root: Root, folder: Path) -> None:
    (folder / "boot" / os.fsdecode(b"\xff")).write_bytes(b"")
    assert sorted(root.names(b".")) == [b"a", b"boot"]
    assert sorted(root.names(b"boot")) == [b"b", b"\xff"]


def test_T40_no_folder_outside_the_root_is_listed(root: Root, folder: Path) -> None:
    (folder / "link").symlink_to("..")
    before = set(Path("/proc/self/fd").iterdir())
    for path in (b"link", b"a", b"nothing"):
        with pytest.raises((FileForbidden, FileNotFound)):
            root.names(path)
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_refused_file_leaves_no_descriptor_open(root: Root, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    before = set(Path("/proc/self/fd").iterdir())
    for path in (b"fifo", b"boot", b"nothing", b"no/thing"):
        with pytest.raises((FileForbidden, FileNotFound)):
            root.open(path)
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_root_that_is_no_folder_is_an_error(folder: Path) -> None:
    with pytest.raises(NotADirectoryError):
        Root(str(folder / "a"))


def test_T43_a_file_keeps_the_size_it_had(root: Root, folder: Path) -> None:
    with root.open(b"a") as file:
        with (folder / "a").open("ab") as grown:
            grown.write(b"more")
        assert file.size_bytes == 10
        assert file.read(8, 100) == b"89"
        assert file.read(10, 100) == b""


def test_T43_a_replaced_file_is_read_on_from_the_old_one(root: Root, folder: Path) -> None:
    with root.open(b"a") as file:
        (folder / "new").write_bytes(b"abcdefghij")
        (folder / "new").replace(folder / "a")
        assert file.read(0, 100) == b"0123456789"


def test_T43_a_shrunk_file_says_so(root: Root, folder: Path) -> None:
    with root.open(b"a") as file:
        os.truncate(folder / "a", 5)
        assert file.read(0, 5) == b"01234"
        with pytest.raises(FileTruncated):
            file.read(4, 4)
