"""The table of transfers, and which datagram is whose."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpxe.serve.files.root import OpenFile, Root
from fastpxe.serve.tftp._block_sender import BlockSender
from fastpxe.serve.tftp._transfers import Download, Downloads
from fastpxe.tftp._transfer import Transfer
from fastpxe.tftp.packets import Ack, Error, Terms

LOCALHOST = 0x7F000001


class Other(NamedTuple):
    fd: int
    datagram: bytes
    client: int
    port: int
    local: int


class Rig:
    def __init__(self, folder: Path) -> None:
        (folder / "f").write_bytes(b"x" * 1000)
        self.root = Root(str(folder))
        self.file: OpenFile = self.root.open(b"f")
        self.sockets = [self.bound(), self.bound()]
        self.client = self.bound()
        self.ended: list[Download] = []
        self.others: list[Other] = []
        self.downloads = Downloads(
            BlockSender("auto", 1472), lambda *what: self.others.append(Other(*what)),
            self.ended.append,
        )  # fmt: skip

    @staticmethod
    def bound() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", 0))
        return sock

    @property
    def client_port(self) -> int:
        port: int = self.client.getsockname()[1]
        return port

    def download(self, port: int, client: int = LOCALHOST, sock: int = 0) -> Download:
        transfer = Transfer(Terms(), 1000, retry_timeout_s=8, give_up_s=60)
        fd = self.sockets[sock].fileno()
        return Download(transfer, self.file, fd, client, port, LOCALHOST, port)

    def say(self, datagram: bytes, sock: int = 0) -> bool:
        self.client.sendto(datagram, self.sockets[sock].getsockname())
        return self.downloads.drain(self.sockets[sock].fileno())

    def close(self) -> None:
        self.file.close()
        self.root.close()
        for sock in (*self.sockets, self.client):
            sock.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def test_each_is_found_by_address_and_port(rig: Rig) -> None:
    made = [rig.download(port, client) for client in (1, LOCALHOST) for port in range(9, 1009)]
    for download in made:
        rig.downloads.start(download)
    assert len(rig.downloads) == 2000
    assert set(rig.downloads) == set(made)
    assert all(rig.downloads.get(*download.client) is download for download in made)
    assert rig.downloads.get(2, 9) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=900))
def test_the_table_is_a_dict(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, int]]
) -> None:
    """Slots are shared out by hash, and move when one before them becomes free."""
    rig = Rig(tmp_path_factory.mktemp("root"))
    expected: dict[int, Download] = {}
    for is_start, port in steps:
        if is_start and port not in expected:
            expected[port] = rig.download(port * 97)
            rig.downloads.start(expected[port])
        elif not is_start and port in expected:
            rig.downloads.end(expected.pop(port), "stopped")
    assert set(rig.downloads) == set(expected.values())
    for port in range(1, 401):
        assert rig.downloads.get(LOCALHOST, port * 97) is expected.get(port)
    rig.close()


def test_there_is_one_transfer_for_a_client_and_port(rig: Rig) -> None:
    rig.downloads.start(rig.download(9))
    with pytest.raises(ValueError, match="already"):
        rig.downloads.start(rig.download(9))


def test_an_ack_moves_the_transfer_of_its_sender(rig: Rig) -> None:
    mine, other = rig.download(rig.client_port), rig.download(rig.client_port, client=1)
    for download in (mine, other):
        rig.downloads.start(download)
    rig.say(bytes(Ack(block=1)))
    assert (mine.transfer.acknowledged_bytes, other.transfer.acknowledged_bytes) == (512, 0)
    rig.say(bytes(Ack(block=2)))
    assert rig.ended == [mine]
    assert mine.transfer.outcome == "done"
    assert rig.others == []


def test_a_look_sees_the_timer_that_an_ack_has_brought_forward(rig: Rig) -> None:
    download = rig.download(rig.client_port)
    rig.downloads.start(download)
    rig.downloads.look()  # 8 seconds, it is told: nothing is known of the wire
    rig.say(bytes(Ack(block=1)))
    time.sleep(max(0, download.transfer.deadline - time.monotonic()))
    rig.downloads.look()
    assert download.transfer.retransmits == 1


@pytest.mark.parametrize("datagram", [bytes(Error(code=0)), b"\0\5", b"\0\5\0\3full\0tail"])
def test_an_error_ends_it(rig: Rig, datagram: bytes) -> None:
    rig.downloads.start(rig.download(rig.client_port))
    rig.say(datagram)
    assert [download.transfer.outcome for download in rig.ended] == ["client-error"]
    rig.say(bytes(Ack(block=1)))
    assert [other.datagram for other in rig.others] == [bytes(Ack(block=1))]


@pytest.mark.parametrize(
    "datagram", [b"", b"\0", b"\0\4", b"\0\4\0", b"\0\1f\0octet\0", b"\1\4\0\1"]
)
def test_what_is_not_for_a_transfer_is_handed_on(rig: Rig, datagram: bytes) -> None:
    rig.downloads.start(rig.download(rig.client_port))
    rig.say(datagram)
    fd = rig.sockets[0].fileno()
    assert rig.others == [Other(fd, datagram, LOCALHOST, rig.client_port, 0)]


def test_a_transfer_ends_once_though_much_comes_in_one_batch(rig: Rig) -> None:
    download = rig.download(rig.client_port)
    rig.downloads.start(download)
    for datagram in (bytes(Error(code=0)), bytes(Error(code=0)), bytes(Ack(block=1))):
        rig.client.sendto(datagram, rig.sockets[0].getsockname())
    rig.downloads.drain(rig.sockets[0].fileno())
    assert rig.ended == [download]


def test_one_that_ended_in_the_same_batch_is_no_longer_there(rig: Rig) -> None:
    """A client that asks again at once: its request is handed on while the batch goes on."""
    first = rig.download(rig.client_port)
    found: list[Download | None] = []

    def on_other(*_: object) -> None:
        found.append(rig.downloads.get(LOCALHOST, rig.client_port))
        rig.downloads.start(rig.download(rig.client_port))

    downloads = rig.downloads = Downloads(BlockSender("auto", 1472), on_other, rig.ended.append)
    downloads.start(first)
    for datagram in (bytes(Error(code=0)), b"\0\1f\0octet\0"):
        rig.client.sendto(datagram, rig.sockets[0].getsockname())
    downloads.drain(rig.sockets[0].fileno())
    assert (found, rig.ended, len(downloads)) == ([None], [first], 1)


def test_an_ack_to_another_socket_is_a_strangers(rig: Rig) -> None:
    download = rig.download(rig.client_port)
    rig.downloads.start(download)
    rig.say(bytes(Ack(block=1)), sock=1)
    assert download.transfer.acknowledged_bytes == 0
    assert len(rig.others) == 1


def test_all_that_waits_is_taken_in_few_turns(rig: Rig) -> None:
    for _ in range(100):
        rig.client.sendto(b"\0\7", rig.sockets[0].getsockname())
    rig.downloads.drain(rig.sockets[0].fileno())
    assert len(rig.others) == 100


def test_a_timer_that_ran_out_sends_again(rig: Rig) -> None:
    transfer = Transfer(Terms(), 1000, retry_timeout_s=1e-9, give_up_s=1e-6)
    download = Download(
        transfer, rig.file, rig.sockets[0].fileno(), LOCALHOST, rig.client_port, 0, None
    )
    rig.downloads.start(download)
    while not rig.ended:
        rig.downloads.look()
    assert (transfer.outcome, len(rig.downloads)) == ("timeout", 0)


def test_they_are_made_once(rig: Rig) -> None:
    with pytest.raises(TypeError):
        rig.downloads.__init__(BlockSender("auto", 1472), print, print)  # type: ignore[misc] - the point is that a second call is refused
