"""Files below a root, real ones; blocks over a real socket."""
# ruff: noqa: N802 - T40 and the like are the numbers of the protocol statements

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastpxe.errors import FileForbidden, FileNotFound, FileTruncated
from fastpxe.serve.blocks import (
    BlockSender,
    NetasciiSender,
    OctetSender,
    Opener,
    Root,
    open_beneath,
    open_by_walking,
)
from fastpxe.tftp import netascii


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


class Wire:
    """A socket pair of sender and client; what was sent, as (number, payload)."""

    def __init__(self) -> None:
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind(("127.0.0.1", 0))
        self.client.settimeout(5)
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def sent(self, count: int) -> list[tuple[int, bytes]]:
        self.server.sendto(b"end", self.client.getsockname())
        blocks = []
        while (datagram := self.client.recv(65536)) != b"end":
            assert datagram[:2] == b"\0\3"
            blocks.append((int.from_bytes(datagram[2:4], "big"), datagram[4:]))
        assert len(blocks) == count
        return blocks

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


def test_octet_blocks_are_slices_of_the_file(root: Root, wire: Wire) -> None:
    with root.open(b"a") as file:
        sender = OctetSender(wire.server, wire.client.getsockname(), file, 4)
        sender.send(1, 3)
        assert wire.sent(3) == [(1, b"0123"), (2, b"4567"), (3, b"89")]
        sender.send(2, 1)
        assert wire.sent(1) == [(2, b"4567")]


def test_T14_a_file_of_whole_blocks_ends_in_an_empty_one(root: Root, wire: Wire) -> None:
    with root.open(b"a") as file:
        OctetSender(wire.server, wire.client.getsockname(), file, 5).send(3, 1)
        assert wire.sent(1) == [(3, b"")]


def test_T15_the_number_on_the_wire_wraps_to_0(folder: Path, wire: Wire) -> None:
    with (folder / "big").open("wb") as sparse:
        sparse.truncate(8 * 65540)
    with Root(str(folder)) as root, root.open(b"big") as file:
        OctetSender(wire.server, wire.client.getsockname(), file, 8).send(65535, 3)
    assert [number for number, _ in wire.sent(3)] == [65535, 0, 1]


def test_row44_netascii_is_converted_on_the_way_and_can_go_back(folder: Path, wire: Wire) -> None:
    original = b"line\n\r" * 7000
    (folder / "text").write_bytes(original)
    expected = netascii(original)
    blocks = [expected[i : i + 100] for i in range(0, len(expected) + 1, 100)]
    with Root(str(folder)) as root, root.open(b"text") as file:
        sender: BlockSender = NetasciiSender(wire.server, wire.client.getsockname(), file, 100)
        for first, count in [(1, 4), (1, 4), (3, 4), (7, 2), (8, 4), (12, 4), (12, 4)]:
            sender.send(first, count)
            assert wire.sent(count) == [(n, blocks[n - 1]) for n in range(first, first + count)]
        sizes = [sender.size_bytes]
        for block in range(16, len(blocks) + 1):
            sender.send(block, 4)
            wire.sent(min(4, len(blocks) - block + 1))
        assert [*sizes, sender.size_bytes] == [None, len(expected)]
        sender.send(len(blocks), 4)
        assert wire.sent(1) == [(len(blocks) & 0xFFFF, blocks[-1])]


def test_row44_netascii_keeps_no_more_than_a_window(folder: Path, wire: Wire) -> None:
    (folder / "cr").write_bytes(b"\r" * 300_000)
    with Root(str(folder)) as root, root.open(b"cr") as file:
        sender = NetasciiSender(wire.server, wire.client.getsockname(), file, 512)
        for first in range(1, 1000, 8):
            sender.send(first, 8)
            wire.sent(8)
            assert sender.kept_blocks <= 8


def test_a_client_that_cannot_be_reached_is_a_lost_datagram(root: Root) -> None:
    with (
        root.open(b"a") as file,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        OctetSender(sock, ("255.255.255.255", 9), file, 4).send(1, 3)  # EACCES: no SO_BROADCAST
