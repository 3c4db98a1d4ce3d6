"""Where transfers are sent from: any port, one of a range, or the request port for all."""

import errno
import queue
import random
import socket
import threading

import pytest
from served import LOOPBACK, PATIENT, Served, pattern
from tftp_client import Client, fetch

from fastpxe.events import TransferRefused
from fastpxe.serve.tftp.ports import PortRange, open_transfer_socket
from fastpxe.tftp.packets import Ack, Data, Error, Oack, Wrq, netascii

WINDOW = {"blksize": 1024, "windowsize": 4}


def free_ports(count: int) -> tuple[int, int]:
    """Lowest and highest of `count` ports in a row that were free a moment ago.

    They are chosen at random: another test run on this machine may be looking for some too.
    """
    lows = range(20_000, 30_000, count)
    for low in random.sample(lows, len(lows)):
        taken = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        try:
            for offset, sock in enumerate(taken):
                sock.bind(("0.0.0.0", low + offset))
        except OSError:
            continue
        else:
            return low, low + count - 1
        finally:
            for sock in taken:
                sock.close()
    raise AssertionError("no free ports")


def port_of(client: Client) -> int:
    assert client.tid is not None
    return client.tid[1]


# --- a range -----------------------------------------------------------------------------------


def test_each_round_of_a_range_begins_after_the_port_that_was_taken() -> None:
    ports = PortRange(10, 12)
    assert [next(iter(ports)) for _ in range(4)] == [10, 11, 12, 10]
    assert list(ports) == [11, 12, 10]


def test_a_range_may_be_of_one_port() -> None:
    assert list(PortRange(7, 7)) == [7]


def test_the_first_free_port_is_taken() -> None:
    low, high = free_ports(2)
    with (
        open_transfer_socket(LOOPBACK, "127.0.0.1", [low]) as first,
        open_transfer_socket(LOOPBACK, "127.0.0.1", PortRange(low, high)) as second,
    ):
        assert (first.getsockname()[1], second.getsockname()[1]) == (low, high)
        with pytest.raises(OSError, match="no free port") as caught:
            open_transfer_socket(LOOPBACK, "127.0.0.1", PortRange(low, high))
        assert caught.value.errno == errno.EADDRINUSE


def test_an_address_that_is_not_ours_is_told_as_that() -> None:
    with pytest.raises(OSError, match="assign") as caught:
        open_transfer_socket(LOOPBACK, "192.0.2.1", PortRange(20_000, 20_001))
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_transfers_are_sent_from_the_range(served: Served) -> None:
    low, high = free_ports(3)
    served.use(ports=(low, high), **PATIENT)
    served.file("a", pattern(600))
    with (
        Client(served.address) as one,
        Client(served.address) as two,
        Client(served.address) as three,
    ):
        for client in (one, two, three):
            client.request("a")
            client.receive()
        assert {port_of(client) for client in (one, two, three)} == {low, low + 1, high}


def test_a_full_range_is_silence_until_a_port_is_free(served: Served, client: Client) -> None:
    low, _ = free_ports(1)
    served.use(ports=(low, low), **PATIENT)
    served.file("a", pattern(10))
    client.request("a")
    client.receive()
    with Client(served.address) as other:
        other.request("a")
        assert served.refused().why == "no free port in tftp.ports"
        client.send(Ack(block=1))
        assert served.done().outcome == "done"
        other.request("a")
        assert other.receive() == Data(block=1, payload=pattern(10))
        assert port_of(other) == low


def test_ports_that_other_programs_hold_are_passed_over(served: Served, client: Client) -> None:
    low, high = free_ports(2)
    served.use(ports=(low, high), **PATIENT)
    served.file("a", b"x")
    with (
        open_transfer_socket(LOOPBACK, "127.0.0.1", [low]),
        Client(served.address) as other,
    ):
        client.request("a")
        client.receive()
        assert port_of(client) == high
        client.send(Ack(block=1))
        assert served.done().outcome == "done"
        with open_transfer_socket(LOOPBACK, "127.0.0.1", [high]):
            other.request("a")  # silence, for it may ask again
            assert served.refused().why == "no free port in tftp.ports"


# --- one port ----------------------------------------------------------------------------------


@pytest.fixture
def one_port(served: Served) -> Served:
    served.use(ports="single", **PATIENT)
    return served


def test_everything_comes_from_the_request_port(one_port: Served, client: Client) -> None:
    content = one_port.file("a", pattern(1000))
    client.request("a", tsize=0)
    assert client.receive() == Oack(options={"tsize": "1000"})
    client.send(Ack(block=0))
    first = client.receive()
    client.send(Ack(block=1))
    second = client.receive()
    assert isinstance(first, Data)
    assert isinstance(second, Data)
    assert first.payload + second.payload == content
    assert client.tid == one_port.address
    client.send(Ack(block=2))
    assert one_port.done().outcome == "done"


@pytest.mark.parametrize("mode", ["octet", "netascii"])
def test_the_answer_comes_from_the_address_asked(one_port: Served, mode: str) -> None:
    content = one_port.file("a", b"line\n" * 500)
    address = ("127.0.0.2", one_port.address[1])
    with Client(address) as client:
        client.request("a", mode)
        packet = client.receive()
        sent = netascii(content) if mode == "netascii" else content
        assert packet == Data(block=1, payload=sent[:512])
        assert client.tid == address


def test_clients_are_told_apart_by_their_address_and_port(one_port: Served) -> None:
    one_port.use(ports="single", max_transfers_per_client=100)
    contents = [one_port.file(f"f{i}", bytes([i]) * 50_000) for i in range(12)]
    results: queue.Queue[tuple[int, bytes]] = queue.Queue()

    def download(number: int) -> None:
        results.put((number, fetch(one_port.address, f"f{number}", options=WINDOW).data))

    threads = [threading.Thread(target=download, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(results.get_nowait() for _ in contents) == dict(enumerate(contents))


@pytest.mark.parametrize("windowsize", [1, 4])
def test_a_lossy_wire_delays_but_does_not_damage(one_port: Served, windowsize: int) -> None:
    one_port.use(ports="single", retry_timeout_s=0.02)
    content = one_port.file("a", pattern(100_000))
    options = {"blksize": 1024, "windowsize": windowsize}
    download = fetch(one_port.address, "a", options=options, loss=0.1, seed=windowsize)
    assert download.data == content


def test_a_repeated_request_is_one_transfer(one_port: Served, client: Client) -> None:
    one_port.file("a", pattern(1000))
    for _ in range(2):
        client.send(b"\0\1a\0octet\0", one_port.address)
        assert client.receive_blocks(1) == [1]
    assert one_port.run(lambda: one_port.server.active) == 1


def test_another_request_replaces_the_transfer(one_port: Served, client: Client) -> None:
    one_port.file("a", pattern(1000))
    one_port.file("b", b"b")
    client.request("a")
    client.receive()
    client.request("b")
    assert client.receive() == Data(block=1, payload=b"b")
    assert one_port.done().outcome == "replaced"


def test_strangers_and_garbage_change_nothing(one_port: Served, client: Client) -> None:
    content = one_port.file("a", pattern(700))
    client.request("a")
    first = client.receive()
    with Client(one_port.address) as stranger:
        stranger.send(Ack(block=1))
        stranger.send(Error(code=0))
        client.send(b"\0\1no end")  # an ERROR in answer would end the client's transfer
        client.send(Ack(block=1))
        second = client.receive()
        assert isinstance(first, Data)
        assert isinstance(second, Data)
        assert first.payload + second.payload == content
        stranger.request("a")
        assert isinstance(stranger.receive(), Data)  # the first that it gets


def test_a_write_request_is_refused(one_port: Served, client: Client) -> None:
    client.send(Wrq(filename=b"new", mode="octet"))
    assert isinstance(client.receive(), Error)
    assert one_port.refused().file == "new"


def test_an_error_of_the_client_ends_the_transfer(one_port: Served, client: Client) -> None:
    one_port.file("a", pattern(700))
    client.request("a", tsize=0)
    client.receive()
    client.send(Error(code=8))
    assert one_port.done().outcome == "probe"


def test_close_ends_every_transfer(one_port: Served, client: Client) -> None:
    one_port.file("a", pattern(700))
    client.request("a")
    client.receive()
    one_port.run(one_port.server.close)
    assert one_port.done().outcome == "stopped"
    assert isinstance(client.receive(), Error)


@pytest.mark.parametrize("ports", ["shared", "single", "per-transfer"])
def test_a_server_that_retires_finishes_what_its_own_ports_began(
    served: Served, client: Client, ports: str
) -> None:
    served.use(ports=ports, **PATIENT)
    served.file("a", pattern(700))
    client.request("a")
    client.receive()
    served.run(served.server.retire)
    if ports == "single":
        assert isinstance(client.receive(), Error)
        assert served.done().outcome == "stopped"
    else:
        client.send(Ack(block=1))
        assert client.receive_blocks(1) == [2]


@pytest.mark.parametrize("ports", ["shared", "per-transfer"])
def test_a_reload_lets_transfers_keep_their_kind_of_port(
    served: Served, client: Client, ports: str
) -> None:
    served.use(ports=ports, **PATIENT)
    content = served.file("a", pattern(700))
    client.request("a")
    client.receive()
    served.use(ports="single", **PATIENT)
    client.send(Ack(block=1))
    assert client.receive() == Data(block=2, payload=content[512:])
    with Client(served.address) as other:
        other.request("a")
        other.receive()
        assert other.tid == served.address


# --- shared, and one each -------------------------------------------------------------------------


def test_shared_means_one_port_that_is_not_the_request_port(served: Served) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(700))
    with Client(served.address) as one, Client(served.address) as other:
        for client in (one, other):
            client.request("a")
            client.receive()
        assert one.tid == other.tid != served.address


def test_each_transfer_may_have_its_own_port(served: Served) -> None:
    served.use(ports="per-transfer", **PATIENT)
    served.file("a", pattern(700))
    with Client(served.address) as one, Client(served.address) as other:
        for client in (one, other):
            client.request("a")
            client.receive()
        assert len({one.tid, other.tid, served.address}) == 3


# --- block sizes -------------------------------------------------------------------------------


def test_blksize_may_be_refused(served: Served, client: Client) -> None:
    served.use(allow_blksize=False, **PATIENT)
    served.file("a", pattern(2000))
    client.request("a", blksize=1468, tsize=0)
    assert client.receive() == Oack(options={"tsize": "2000"})
    client.send(Ack(block=0))
    assert client.receive() == Data(block=1, payload=pattern(512))


@pytest.mark.parametrize(("mtu", "granted"), [(1000, 968), (1500, 1468), (9000, 1468), (68, 36)])
def test_a_lower_mtu_counts(served: Served, client: Client, mtu: int, granted: int) -> None:
    served.use(mtu=mtu, **PATIENT)
    served.file("a", pattern(2000))
    client.request("a", blksize=8192)
    assert client.receive() == Oack(options={"blksize": str(granted)})


def test_a_fault_on_a_shared_port_ends_that_transfer(one_port: Served, client: Client) -> None:
    one_port.file("a", pattern(700))
    client.request("a")
    client.receive()

    def saw(event: object) -> None:
        one_port.server.saw = one_port.events.put
        raise RuntimeError(event)

    one_port.server.saw = saw
    client.send(Error(code=0))
    one_port.events.get(timeout=10)
    assert one_port.run(lambda: one_port.server.active) == 0
    assert one_port.server.faults == 1
    client.send(b"\0\1b\0octet\0", one_port.address)
    assert isinstance(one_port.events.get(timeout=10), TransferRefused)
