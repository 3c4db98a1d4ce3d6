"""More than a server can do: threats S15 and S16, with memory before and after."""
# ruff: noqa: N802 - S15 and S16 are the numbers of the threats

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from packets import discover
from security_rig import FILE, Victim
from wire_rig import SERVER, workers_of

from fastpxe.tftp.packets import Rrq

pytestmark = pytest.mark.load

MIB = 1 << 20
FLOOD_S = 3
CLIENTS = [f"10.99.1.{n}" for n in range(1, 251)] + [f"10.99.2.{n}" for n in range(1, 101)]
DHCP, TFTP, BINL = 67, 69, 4011
NEW = [discover(arch=7, xid=n, chaddr=b"\2" + n.to_bytes(5)) for n in range(3000)]
FLOOD = [*NEW, *(datagram[: n % 300] for n, datagram in enumerate(NEW)), b"\0\1x\0octet\0"]


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    running = Victim(tmp_path, arguments=("--workers", "1"))
    lines = "".join(f"addr add {address}/32 dev eth0\n" for address in CLIENTS)
    running.wire.client.ip(lines)
    running.wire.server.ip("route add 10.99.0.0/16 dev eth0")
    yield running
    running.close()


@contextlib.contextmanager
def flood(victim: Victim) -> Iterator[None]:
    """As much as this machine can send, meanwhile: requests of many clients, and garbage."""
    is_over = threading.Event()

    def send(port: int) -> None:
        with victim.udp() as sock:
            while not is_over.is_set():
                for datagram in FLOOD:
                    sock.sendto(datagram, (SERVER, port))

    threads = [threading.Thread(target=send, args=(port,)) for port in (DHCP, TFTP, BINL)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_S15_a_flood_costs_no_memory_and_the_others_are_answered(victim: Victim) -> None:
    with flood(victim):
        time.sleep(FLOOD_S)  # caches and logs have their size now
    before = victim.memory_at_rest()
    with flood(victim):
        end = time.monotonic() + FLOOD_S
        for xid in count(0x5EC0):
            assert victim.ask_as_relay(xid, CLIENTS[0]).file == "boot.efi"
            if time.monotonic() > end:
                break
    assert victim.memory_at_rest() < before + 4 * MIB
    victim.assert_well()


def test_S15_what_the_kernel_drops_is_counted_and_told(victim: Victim) -> None:
    victim.wire.wait_until(lambda: workers_of(victim.process) != [])  # it names itself
    (worker,) = workers_of(victim.process)
    os.kill(worker, signal.SIGSTOP)
    datagram = discover(arch=7)
    with victim.udp() as sock:
        for _ in range(200_000):
            sock.sendto(datagram, (SERVER, DHCP))
    os.kill(worker, signal.SIGCONT)
    victim.assert_well()
    assert victim.process.stop(signal.SIGTERM) == 0
    last = victim.process.output().partition("stopped: ")[2]
    assert "dropped_by_kernel" in last or "dropped by kernel" in last, last


def test_S16_five_thousand_transfers_that_nobody_acknowledges_are_bounded(victim: Victim) -> None:
    request = bytes(Rrq(filename=b"boot.efi", mode="octet", options={}))
    before = victim.memory_at_rest()
    for address in CLIENTS:
        for _ in range(16):
            with victim.udp(address=address) as sock:
                sock.sendto(request, (SERVER, TFTP))
    assert victim.download(b"boot.efi") == FILE
    assert victim.memory() < before + 5000 * 8192
    victim.assert_well()


def test_S16_five_thousand_connections_that_never_ask_are_bounded(victim: Victim) -> None:
    before = victim.memory_at_rest()
    begun = (b"", b"G", b"GET /boot.efi HTTP/1.1\r\nHost: x\r\n")
    with ExitStack() as stack:
        for n in range(5000):
            sock = stack.enter_context(victim.tcp(CLIENTS[n % len(CLIENTS)]))
            sock.sendall(begun[n % len(begun)])
        assert victim.get(b"/boot.efi").endswith(FILE)
        assert victim.memory() < before + 5000 * 32768
        victim.assert_well()


def test_S16_one_client_gets_no_more_than_its_connections(victim: Victim) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(victim.tcp(CLIENTS[0])) for _ in range(200)]
        assert sum(map(is_open, socks)) == 64
        assert victim.get(b"/boot.efi").endswith(FILE)


def is_open(sock: socket.socket) -> bool:
    """Whether a request on a connection is answered."""
    try:
        sock.sendall(b"HEAD /boot.efi HTTP/1.1\r\nHost: x\r\n\r\n")
        return sock.recv(1000).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False
