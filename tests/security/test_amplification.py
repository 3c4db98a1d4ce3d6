"""What a forged source can be sent over TFTP: threat S12, measured where it arrives."""
# ruff: noqa: N802 - S12 is the number of the threat

import select
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from security_rig import Victim
from wire_rig import SERVER

from fastpxe.dhcp.constants import TftpError
from fastpxe.tftp.packets import Rrq, error

TRIES = 7  # the first datagram, and six more
QUICK = "retry_timeout_s = 0.01\nmax_transfers_per_client = 4\n"
QUIET_S = 2  # retries back off: 0.01 s, 0.02 s and so on to 0.64 s
BLOCK = 4 + 512


class Measured(NamedTuple):
    requests: int
    sent: int
    datagrams: int
    received: int


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A server whose retries are over soon."""
    running = Victim(tmp_path_factory.mktemp("quick"), tftp=QUICK, arguments=("--workers", "2"))
    (running.root / "boot.efi").write_bytes(bytes(100_000))
    yield running
    running.close()


def measure(victim: Victim, requests: list[bytes], sockets: int = 1) -> Measured:
    """Send requests from each of some ports, be silent, and count what comes until it stops."""
    sent = datagrams = received = 0
    socks = [victim.udp() for _ in range(sockets)]
    for request in requests:
        for sock in socks:
            sent += sock.sendto(request, (SERVER, 69))
    while ready := select.select(socks, [], [], QUIET_S)[0]:
        for sock in ready:
            received += len(sock.recv(65536))
            datagrams += 1
    for sock in socks:
        sock.close()
    return Measured(sockets * len(requests), sent, datagrams, received)


def rrq(**options: int) -> bytes:
    words = {name: str(value) for name, value in options.items()}
    return bytes(Rrq(filename=b"boot.efi", mode="octet", options=words))


def test_S12_a_request_without_options_gets_seven_blocks_at_most(quick: Victim) -> None:
    found = measure(quick, [rrq()])
    assert (found.datagrams, found.received) == (TRIES, TRIES * BLOCK)


def test_S12_a_request_with_options_gets_seven_times_its_size_at_most(quick: Victim) -> None:
    found = measure(quick, [rrq(blksize=1468, windowsize=16, tsize=0)])
    assert found.datagrams == TRIES
    assert found.received <= TRIES * found.sent


def test_S12_repeats_of_a_request_gain_nothing(quick: Victim) -> None:
    found = measure(quick, [rrq()] * 100)
    assert found.requests == 100
    assert found.datagrams <= TRIES


def test_S12_ports_of_one_address_share_its_limit_in_each_worker(quick: Victim) -> None:
    found = measure(quick, [rrq()], sockets=50)
    assert found.requests == 50
    assert TRIES <= found.datagrams <= 2 * 4 * TRIES


def test_S12_an_error_is_sent_once(quick: Victim) -> None:
    found = measure(quick, [rrq().replace(b"boot.efi", b"none.efi")])
    assert found.datagrams == 1
    assert found.received < 2 * found.sent


def test_S12_garbage_is_answered_more_seldom_than_it_comes(quick: Victim) -> None:
    found = measure(quick, [b"\0\7\0\1"] * 1000)
    assert found.datagrams < 100


def test_S12_an_answer_to_us_is_answered_by_nothing(quick: Victim) -> None:
    """Two servers that answer one another would never end."""
    answer = quick.ask(1).payload
    with quick.udp(67) as sock:
        sock.settimeout(0.5)
        for port in (67, 4011):
            sock.sendto(answer, (SERVER, port))
        sock.sendto(bytes(error(TftpError.UNDEFINED)), (SERVER, 69))
        with pytest.raises(TimeoutError):
            sock.recv(2048)
