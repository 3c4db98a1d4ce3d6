"""Files in netascii, and what they take of memory."""
# ruff: noqa: N802 - S16 is the number of a threat in docs/explanation/security.md

import errno
from contextlib import ExitStack
from pathlib import Path

import pytest
from served import Served
from tftp_client import Client, fetch

from fastpxe.errors import FileForbidden
from fastpxe.serve.files.netascii import FILE_MAX, NetasciiFiles
from fastpxe.serve.files.root import OpenFile, Root
from fastpxe.tftp.packets import Data, Error, netascii

TEXT = b"a\nb\r\n" * 100


@pytest.fixture
def root(tmp_path: Path) -> Root:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(TEXT)
    return Root(str(tmp_path))


def content(file: OpenFile) -> bytes:
    return b"".join(file.pieces())


def test_S16_a_file_is_converted_once_for_all_that_have_it(root: Root) -> None:
    files = NetasciiFiles()
    one, other = files.of(root.open(b"a")), files.of(root.open(b"a"))
    assert one is other
    assert content(one) == netascii(TEXT)
    assert files.held_bytes == len(netascii(TEXT))
    one.close()
    assert content(other) == netascii(TEXT)
    other.close()
    assert files.held_bytes == 0


def test_a_file_that_was_changed_is_another(root: Root, tmp_path: Path) -> None:
    files = NetasciiFiles()
    with files.of(root.open(b"a")):
        (tmp_path / "new").write_bytes(b"new\n")
        (tmp_path / "new").replace(tmp_path / "a")
        with files.of(root.open(b"a")) as new:
            assert content(new) == b"new\r\n"


def test_S16_no_more_is_held_than_is_allowed(root: Root) -> None:
    files = NetasciiFiles(held_max=3 * len(TEXT))
    first = files.of(root.open(b"a"))
    with root.open(b"b") as second:
        with pytest.raises(OSError, match="too much in netascii") as caught:
            files.of(second)
        assert caught.value.errno == errno.ENOMEM
        assert content(second) == TEXT
    first.close()
    files.of(root.open(b"b")).close()


def test_a_large_file_is_refused(root: Root, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(FILE_MAX + 1)
    with root.open(b"large") as file, pytest.raises(FileForbidden, match="too large"):
        NetasciiFiles().of(file)


def test_S16_clients_that_ask_and_are_silent_share_what_is_in_memory(served: Served) -> None:
    served.file("a", TEXT)
    before = held_in_memory()
    with ExitStack() as stack:
        for number in range(2, 42):
            client = Client(served.address, local=(f"127.0.0.{number}", 0))
            stack.enter_context(client).request("a", "netascii")
            client.receive()
        assert served.run(lambda: served.server.active) == 40
        assert held_in_memory() - before == 1
        assert fetch(served.address, "a", mode="netascii").data == netascii(TEXT)


def test_S16_a_request_that_would_convert_too_much_is_refused(served: Served) -> None:
    with ExitStack() as stack:
        answers = []
        for number in range(8):
            name = f"large{number}"
            with (served.folder / name).open("wb") as large:
                large.truncate(FILE_MAX)
            client = Client(served.address, local=(f"127.0.0.{number + 2}", 0))
            stack.enter_context(client).request(name, "netascii")
            answers.append(type(client.receive()))
    assert answers[0] is Data
    assert answers[-1] is Error


def held_in_memory() -> int:
    """How many files this process has that are in memory alone."""
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum(str(path.readlink()).startswith("/memfd:made") for path in links)
