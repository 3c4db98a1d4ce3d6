"""Blocks of real files over a real socket."""
# ruff: noqa: N802 - T14 and the like are the numbers of the protocol statements

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastpxe.serve.blocks import BlockSender, DataPort, NetasciiSender, OctetSender
from fastpxe.serve.files import Root
from fastpxe.tftp import netascii


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(b"0123456789")
    return tmp_path


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root(str(folder)) as opened:
        yield opened


class Wire:
    """A socket pair of sender and client; what was sent, as (number, payload)."""

    def __init__(self) -> None:
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind(("127.0.0.1", 0))
        self.client.settimeout(5)
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = DataPort(self.server, self.client.getsockname())

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
        sender = OctetSender(wire.port, file, 4)
        sender.send(1, 3)
        assert wire.sent(3) == [(1, b"0123"), (2, b"4567"), (3, b"89")]
        sender.send(2, 1)
        assert wire.sent(1) == [(2, b"4567")]


def test_T14_a_file_of_whole_blocks_ends_in_an_empty_one(root: Root, wire: Wire) -> None:
    with root.open(b"a") as file:
        OctetSender(wire.port, file, 5).send(3, 1)
        assert wire.sent(1) == [(3, b"")]


def test_T15_the_number_on_the_wire_wraps_to_0(folder: Path, wire: Wire) -> None:
    with (folder / "big").open("wb") as sparse:
        sparse.truncate(8 * 65540)
    with Root(str(folder)) as root, root.open(b"big") as file:
        OctetSender(wire.port, file, 8).send(65535, 3)
    assert [number for number, _ in wire.sent(3)] == [65535, 0, 1]


def test_row44_netascii_is_converted_on_the_way_and_can_go_back(folder: Path, wire: Wire) -> None:
    original = b"line\n\r" * 7000
    (folder / "text").write_bytes(original)
    expected = netascii(original)
    blocks = [expected[i : i + 100] for i in range(0, len(expected) + 1, 100)]
    with Root(str(folder)) as root, root.open(b"text") as file:
        sender: BlockSender = NetasciiSender(wire.port, file, 100)
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
        sender = NetasciiSender(wire.port, file, 512)
        for first in range(1, 1000, 8):
            sender.send(first, 8)
            wire.sent(8)
            assert sender.kept_blocks <= 8


def test_a_client_that_cannot_be_reached_is_a_lost_datagram(root: Root) -> None:
    with (
        root.open(b"a") as file,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        OctetSender(DataPort(sock, ("255.255.255.255", 9)), file, 4).send(
            1, 3
        )  # EACCES: no SO_BROADCAST
