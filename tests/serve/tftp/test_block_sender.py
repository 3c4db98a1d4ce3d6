"""Blocks of real files over real sockets, by each of the ways to send them.

A Downloads object is driven by hand: no event loop, so that each datagram is accounted for.
"""
# ruff: noqa: N802 - T14 and the like are the numbers of the protocol statements

import os
import resource
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import pytest
from netns import CLONE_NEWNET, Namespace, check, in_a_thread, libc
from served import pattern

from fastpxe.serve.files.root import Root
from fastpxe.serve.tftp._block_sender import WAYS, BlockSender
from fastpxe.serve.tftp._transfers import Download, Downloads
from fastpxe.tftp._transfer import Transfer
from fastpxe.tftp.packets import Ack, Data, Terms, parse

LOCALHOST = 0x7F000001
ETHERNET = 1472  # what an MTU of 1500 leaves for TFTP
SO_NO_CHECK = 11


class Rig:
    """A transfer of one file to one client, each step taken when the test says so."""

    def __init__(self, folder: Path, cable: "Cable | None" = None) -> None:
        self.folder = folder
        self.root = Root(str(folder))
        make = socket.socket if cable is None else cable.server.socket
        self.server = make(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        self.server.bind(("127.0.0.1" if cable is None else cable.SERVER, 0))
        make = socket.socket if cable is None else cable.client.socket
        self.client = make(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.client.bind(("127.0.0.1" if cable is None else cable.CLIENT, 0))
        self.ended: list[Download] = []

    def start(
        self, way: str, content: bytes, blksize: int, windowsize: int, *, segment: int = ETHERNET
    ) -> Transfer:
        (self.folder / "f").write_bytes(content)
        self.sender = BlockSender(way, segment)  # type: ignore[arg-type] - the parameters of a test are plain strings
        self.downloads = Downloads(self.sender, lambda *_: None, self.ended.append)
        transfer = Transfer(
            Terms(blksize=blksize, windowsize=windowsize), len(content),
            retry_timeout_s=8, give_up_s=60,
        )  # fmt: skip
        self.file = self.root.open(b"f")
        address, port = self.client.getsockname()
        self.downloads.start(
            Download(
                transfer, self.file, self.server.fileno(), int(IPv4Address(address)), port,
                int(IPv4Address(self.server.getsockname()[0])), None,
            )
        )  # fmt: skip
        return transfer

    def to(self, client: str, terms: Terms) -> Download:
        """Another transfer of the same file, to nobody in particular."""
        transfer = Transfer(terms, 100_000, retry_timeout_s=8, give_up_s=60)
        source = int(IPv4Address(self.server.getsockname()[0]))
        return Download(
            transfer, self.file, self.server.fileno(), int(IPv4Address(client)), 9, source, None
        )

    def sent(self) -> list[Data]:
        """What has been sent up to now: on loopback it is there at once."""
        self.client.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        blocks = []
        while True:
            try:
                packet = parse(self.client.recv(65536))
            except BlockingIOError:
                return blocks
            assert isinstance(packet, Data)
            blocks.append(packet)

    def acknowledge(self, block: int) -> None:
        self.client.sendto(bytes(Ack(block=block)), self.server.getsockname())
        self.downloads.drain(self.server.fileno())

    def download(self) -> bytes:
        """Acknowledge each window until the transfer is over; the bytes that came."""
        got: list[bytes] = []
        while not self.ended:
            blocks = self.sent()
            assert [data.block for data in blocks] == [
                (len(got) + 1 + i) & 0xFFFF for i in range(len(blocks))
            ]
            assert blocks
            got += [data.payload for data in blocks]
            self.acknowledge(len(got) & 0xFFFF)
        return b"".join(got)

    def close(self) -> None:
        self.file.close()
        for thing in (self.root, self.server, self.client):
            thing.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("windowsize", [1, 4, 16, 64])
@pytest.mark.parametrize("blksize", [8, 512, 1001, 1428, 1453, 1468])
def test_T14_every_way_sends_every_block(
    tmp_path: Path, way: str, windowsize: int, blksize: int
) -> None:
    for size in (0, 1, blksize - 1, blksize, blksize + 1, 20 * blksize, 20_011):
        rig = Rig(tmp_path)
        try:
            content = pattern(size)
            transfer = rig.start(way, content, blksize, windowsize)
            assert rig.download() == content
            assert (transfer.outcome, transfer.retransmits) == ("done", 0)
            assert rig.sender.unsent == 0
        finally:
            rig.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("blksize", [8191, 8192, 65464])
def test_blocks_larger_than_the_mtu_go_in_fragments(rig: Rig, way: str, blksize: int) -> None:
    content = pattern(200_003)
    rig.start(way, content, blksize, 4)
    assert rig.download() == content


@pytest.mark.parametrize("way", WAYS)
def test_T15_the_number_on_the_wire_wraps_to_0(rig: Rig, way: str) -> None:
    content = pattern(8 * 65_600)
    rig.start(way, content, 8, 64)
    assert rig.download() == content


@pytest.mark.parametrize("way", ["auto", "gso"])
def test_without_the_offload_a_train_goes_as_single_datagrams(rig: Rig, way: str) -> None:
    # The kernel cuts no train on a socket that sends without checksums.
    rig.server.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    content = pattern(100_000)
    rig.start(way, content, 1468, 16)
    assert rig.download() == content
    assert rig.sender.unsent == 0


class Cable:
    """A server and a client in namespaces of their own, eth0 of one on eth0 of the other."""

    SERVER, CLIENT = "10.97.0.1", "10.97.0.2"

    def __init__(self) -> None:
        self.server, self.client = Namespace(), Namespace()
        self.server.ip(f"link add eth0 type veth peer name eth0 netns {self.client.path}")
        for namespace, address in ((self.server, self.SERVER), (self.client, self.CLIENT)):
            namespace.ip(f"addr add {address}/24 dev eth0\nlink set eth0 up")

    def close(self) -> None:
        os.close(self.server.fd)
        os.close(self.client.fd)


@pytest.mark.netns
@pytest.mark.parametrize(
    "off", [[], ["tx-udp-segmentation"], ["gso", "tso", "tx-udp-segmentation"], ["tx", "gso"]]
)
def test_trains_arrive_whatever_the_device_can_do(tmp_path: Path, off: list[str]) -> None:
    cable = Cable()
    try:
        for feature in off:
            cable.server.run("ethtool", "-K", "eth0", feature, "off")
        rig = Rig(tmp_path, cable)
        content = pattern(200_000)
        rig.start("gso", content, 1468, 16)
        assert rig.download() == content
        assert rig.sender.unsent == 0
        rig.close()
    finally:
        cable.close()


@pytest.fixture
def cabled(tmp_path: Path) -> Iterator[tuple[Cable, Rig]]:
    cable = Cable()
    rig = Rig(tmp_path, cable)
    yield cable, rig
    rig.close()
    cable.close()


@pytest.mark.netns
def test_a_client_without_a_route_takes_no_trains_from_the_others(
    cabled: tuple[Cable, Rig],
) -> None:
    cable, rig = cabled
    cable.server.ip("route add unreachable 10.97.0.9/32")
    content = pattern(200_000)
    rig.start("gso", content, 1468, 16)
    rig.downloads.start(rig.to("10.97.0.9", Terms(blksize=1468, windowsize=4)))
    assert (rig.sender.unsent, rig.sender.is_gso_refused) == (4, False)
    assert rig.download() == content


@pytest.mark.netns
def test_a_client_behind_a_smaller_mtu_takes_no_trains_from_the_others(
    cabled: tuple[Cable, Rig],
) -> None:
    cable, rig = cabled
    cable.server.ip(f"route add {cable.CLIENT}/32 dev eth0 mtu 1000")
    content = pattern(200_000)
    rig.start("gso", content, 1468, 16)
    assert rig.download() == content
    assert (rig.sender.unsent, rig.sender.is_gso_refused) == (0, False)


@pytest.mark.netns
def test_clients_that_are_not_there_hold_up_nobody(cabled: tuple[Cable, Rig]) -> None:
    """What waits for ARP fills the socket's buffer, which the worker isn't to wait for each time.

    A wait is a voluntary context switch.
    """
    _cable, rig = cabled
    rig.start("auto", pattern(100_000), 512, 1)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    for number in range(3, 253):
        rig.downloads.start(rig.to(f"10.97.0.{number}", Terms(blksize=1468)))
    assert rig.sender.unsent > 50
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before < 20


def test_a_full_window_is_more_than_one_train(rig: Rig) -> None:
    content = pattern(64 * 1428)
    rig.start("gso", content, 1428, 64)
    assert [data.block for data in rig.sent()] == list(range(1, 65))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cut", [1468 * 6, 1468 * 6 + 700])
def test_T43_of_a_file_cut_short_no_part_of_a_block_is_sent(rig: Rig, way: str, cut: int) -> None:
    content = pattern(1468 * 40)
    transfer = rig.start(way, content, 1468, 4)
    first = rig.sent()
    os.truncate(rig.folder / "f", cut)
    rig.acknowledge(4)
    assert (transfer.outcome, rig.ended[0].transfer) == ("truncated", transfer)
    payloads = [data.payload for data in [*first, *rig.sent()]]
    assert b"".join(payloads) == content[: 1468 * len(payloads)]
    assert len(payloads) in range(4, 7)


@pytest.mark.parametrize("way", WAYS)
def test_after_a_file_cut_short_the_socket_serves_others(rig: Rig, way: str) -> None:
    rig.start(way, pattern(1468 * 8), 1468, 1)
    os.truncate(rig.folder / "f", 1468 + 5)
    rig.sent()
    rig.acknowledge(1)
    assert rig.ended.pop().transfer.outcome == "truncated"
    rig.sent()
    rig.file.close()
    content = pattern(5000)
    rig.start(way, content, 1468, 4)
    assert rig.download() == content


class Unreadable(NamedTuple):
    """A file that says its size and can't be read: sendfile fails after the header."""

    fd: int


def test_a_block_that_sendfile_fails_to_send_is_lost_whole(rig: Rig) -> None:
    content = pattern(5000)
    rig.start("sendfile", content, 1468, 1)
    rig.sent()
    unreadable = Unreadable(os.open(rig.folder / "f", os.O_WRONLY))
    transfer = Transfer(Terms(), 5000, retry_timeout_s=8, give_up_s=60)
    address, port = rig.client.getsockname()
    failing = Download(
        transfer, unreadable, rig.server.fileno(), int(IPv4Address(address)), port + 1,  # type: ignore[arg-type] - the point is that it is no OpenFile
        LOCALHOST, None,
    )  # fmt: skip
    rig.downloads.start(failing)
    os.close(unreadable.fd)
    assert (transfer.outcome, rig.downloads.unsent) == ("", 1)
    rig.acknowledge(1)  # with a part of a block still held, the next would be joined to it
    assert [block.payload for block in rig.sent()] == [content[1468:2936]]


def test_a_client_that_cannot_be_reached_is_a_lost_datagram(rig: Rig) -> None:
    rig.start("auto", b"x", 512, 1)
    nobody = Download(
        Transfer(Terms(), 1, retry_timeout_s=8, give_up_s=60),
        rig.file, rig.server.fileno(), 0xFFFFFFFF, 9, LOCALHOST, None,
    )  # fmt: skip
    rig.downloads.start(nobody)  # a broadcast, which this socket may not send
    assert rig.downloads.unsent == 1
    assert rig.download() == b"x"


def test_a_sender_is_made_once() -> None:
    sender = BlockSender("auto", ETHERNET)
    with pytest.raises(TypeError):
        sender.__init__("auto", ETHERNET)  # type: ignore[misc] - the point is that a second call is refused


def test_a_way_has_to_be_known() -> None:
    with pytest.raises(ValueError, match="tuple"):
        BlockSender("fast", ETHERNET)  # type: ignore[arg-type] - so is this


# --- why sendfile is not for every block ---------------------------------------------------------


def checksum_errors() -> int:
    lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return int(values[names.index("InCsumErrors")])


@pytest.mark.netns
@pytest.mark.parametrize(("blksize", "may_be_lost"), [(1001, True), (1002, False)])
def test_sendfile_of_odd_blocks_is_what_the_guard_is_for(
    tmp_path: Path, *, blksize: int, may_be_lost: bool
) -> None:
    """Each block that is not received had a wrong checksum, and only those at odd offsets have.

    Linux 6.18 loses nearly all odd ones that cross a page; a kernel that loses none needs no guard.
    """
    namespace = Namespace()
    namespace.ip("link set lo up")
    (tmp_path / "f").write_bytes(pattern(200 * blksize))

    def send_and_count() -> tuple[int, int]:
        check(libc.setns(namespace.fd, CLONE_NEWNET))
        before, received = checksum_errors(), 0
        with (
            (tmp_path / "f").open("rb") as file,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        ):
            client.bind(("127.0.0.1", 0))
            server.connect(client.getsockname())
            for block in range(200):
                server.send(b"head", socket.MSG_MORE)
                os.sendfile(server.fileno(), file.fileno(), block * blksize, blksize)
                try:
                    client.recv(65536, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                received += 1
        return received, checksum_errors() - before

    try:
        received, wrong = in_a_thread(send_and_count)
    finally:
        os.close(namespace.fd)
    assert received + wrong == 200
    assert may_be_lost or wrong == 0
