"""A wire that drops, copies, delays and reorders: every download has the right bytes at its end."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from served import Served, pattern
from tftp_client import Client, Receiver

from fastpxe.events import TransferDone
from fastpxe.tftp.packets import Ack, Data, Oack, Packet
from tests.tftp_real.forwarder import Forwarder, Wire
from tests.tftp_real.patient import LIMIT_S, Echo, PatientClient

pytestmark = pytest.mark.gate

AT_ONCE = 4
WIRES = {
    "copies": Wire(copy=0.3),
    "reorders": Wire(late=0.2),
    "drops": Wire(drop=0.05),
    "all": Wire(drop=0.05, copy=0.1, late=0.1),
    # Later than the server's timer, so that what is late meets what was sent again.
    "very late": Wire(copy=0.1, late=0.03, late_s=0.15),
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "root"
    folder.mkdir()
    running = Served(asyncio.new_event_loop(), folder)
    yield running
    running.close()


@pytest.mark.parametrize("blksize", [512, 1428, 1468])
@pytest.mark.parametrize("windowsize", [1, 4, 16])
@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_every_download_is_complete(
    served: Served, wire: Wire, windowsize: int, blksize: int
) -> None:
    download_at_once(served, wire, [Receiver] * AT_ONCE, windowsize, blksize)


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_no_copied_ack_doubles_what_follows(served: Served, wire: Wire) -> None:
    """RFC 1123 section 4.2.3.1, with receivers that acknowledge each copy of an old block."""
    download_at_once(served, wire, [Echo] * AT_ONCE, 1, 512)


@pytest.mark.parametrize("ports", ["single", "per-transfer"])
@pytest.mark.parametrize("windowsize", [1, 4])
def test_every_download_is_complete_from_other_ports(
    served: Served, ports: str, windowsize: int
) -> None:
    served.use(ports=ports)
    download_at_once(served, WIRES["all"], [Receiver] * AT_ONCE, windowsize, 1428)


def download_at_once(
    served: Served, wire: Wire, receivers: list[type[Receiver]], windowsize: int, blksize: int
) -> None:
    """Download a file with several clients, each to the end that the server tells of."""
    content = served.file("f", pattern(4 * (10 + windowsize) * blksize + 100))
    options = {"blksize": blksize, "windowsize": windowsize, "tsize": 0}
    seed = blksize * windowsize
    with ExitStack() as stack:
        forwarder = stack.enter_context(Forwarder(served.address, wire, seed))
        threads = stack.enter_context(ThreadPoolExecutor(len(receivers)))
        clients = []
        for receiver in receivers:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind(("127.0.0.1", 0))
            clients.append(PatientClient(sock, forwarder.address, receiver=receiver()))
            stack.callback(clients[-1].leave.set)
        downloads = [threads.submit(client.fetch, "f", options) for client in clients]
        ends = [served.events.get(timeout=LIMIT_S) for _ in clients]
        for client in clients:
            client.leave.set()
        for end in ends:
            assert isinstance(end, TransferDone), end
            assert (end.outcome, end.size_bytes) == ("done", len(content)), end
        assert all(download.result() == content for download in downloads)
        happened = {"dropped": wire.drop, "copied": wire.copy, "late": wire.late}
        assert all(forwarder.seen[what] > 0 for what, chance in happened.items() if chance)


@pytest.mark.parametrize("ports", ["shared", "single", "per-transfer"])
@pytest.mark.parametrize("options", [{"blksize": 512}, {"windowsize": 2}, {}], ids=str)
def test_late_copy_of_the_request_does_no_harm(
    served: Served, ports: str, options: dict[str, int]
) -> None:
    """A wire copies datagrams, and a client repeats a request just before its answer arrives.

    The request port's queue and the transfers' are two, so an ACK can overtake that repetition.
    """
    served.use(ports=ports)
    served.file("f", pattern(5000))
    with Client(served.address) as client:
        client.request("f", **options)
        if options:
            assert isinstance(client.receive(), Oack)
            client.send(Ack(block=0))
        assert client.receive_blocks(1) == [1]
        if "windowsize" not in options:
            client.send(Ack(block=1))
        assert client.receive_blocks(1) == [2]
        transfer = client.tid
        client.request("f", **options)
        for _ in range(2):  # a turn of the loop that began after that: it has been read
            served.run(lambda: None)
        packets: list[Packet] = []
        # Three, since a transfer that replaces this one sends its first datagram again and again.
        while len(packets) < 3 and not is_block(3, packets):
            client.send(Ack(block=2), to=transfer)
            packets.append(client.receive())
        assert is_block(3, packets)


def test_ack_that_overtakes_a_repeated_request_does_no_harm(served: Served) -> None:
    """In a storm: the client's timer fires just before its answer comes, and requests queue."""
    served.file("f", pattern(5000))
    resume = threading.Event()
    with Client(served.address) as client, Client(served.address) as others:
        client.request("f", blksize=512)
        assert isinstance(client.receive(), Oack)
        served.loop.call_soon_threadsafe(resume.wait)
        for _ in range(200):  # more than are read from the request port before another's turn
            others.request("missing")
        client.request("f", blksize=512)
        client.send(Ack(block=0))
        resume.set()
        packets: list[Packet] = []
        while len(packets) < 4 and not is_block(2, packets):
            packets.append(client.receive())
            if isinstance(packets[-1], Data):  # the OACK, once acknowledged, is left alone
                client.send(Ack(block=packets[-1].block))
        assert is_block(2, packets)


def is_block(number: int, packets: list[Packet]) -> bool:
    """Whether the last of the packets is that block."""
    return bool(packets) and isinstance(packets[-1], Data) and packets[-1].block == number
