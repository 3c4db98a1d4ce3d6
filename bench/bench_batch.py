"""The batch loop over a real cable: 64 DISCOVERs wait, or a storm of them, and are answered.

Hypothesis: a drained packet costs what the kernel takes for it (7 to 10 us), whatever answers: a
fastpxe.toml or dnsmasq's syntax. Held constant: the request, the batch, a veth pair between two
namespaces, nobody reading the answers. Needs root.
"""

import os
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface
from typing import Any

import pytest
from bench_codec import discover
from netns import CLONE_NEWNET, Namespace, check, in_a_thread, libc

from fastpxe.dhcp._responder import Responder
from fastpxe.dnsmasq.engine.backend import DnsmasqAnswers
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.net.interfaces import Interface, all_interfaces, select_interfaces
from fastpxe.net.sockets import open_port
from fastpxe.policy import compiler, config
from fastpxe.serve.dhcp._port import DhcpPort
from fastpxe.serve.ipc._event_ring import EventRing

BATCH = 64
ADDRESS = IPv4Interface("10.66.0.1/24")
DNSMASQ = "pxe-prompt=P,0\ndhcp-boot=ipxe.efi\ndhcp-range=10.66.0.1,proxy\n"

Benchmark = Callable[..., Any]


def native() -> Responder:
    return compiler.build(config.parse('[[boot]]\nfile = "ipxe.efi"\n', "bench"), []).native


def dnsmasq() -> Responder:
    disk = Disk(lambda _: DNSMASQ.encode(), lambda _: None)
    interfaces = [InterfaceAddresses(name="eth0", networks=(ADDRESS,))]
    return DnsmasqAnswers(read_config(["f"], disk=disk), interfaces, seed=1).responder("eth0")


class Cable:
    """A socket for port 67 at one end, a client at the other."""

    def __init__(self) -> None:
        self.server, self.client = Namespace(), Namespace()
        self.server.ip(f"link add eth0 type veth peer name eth0 netns {self.client.path}")
        self.server.ip(f"addr add {ADDRESS} dev eth0\nlink set eth0 up")
        self.client.ip("addr add 10.66.0.2/24 dev eth0\nlink set eth0 up")

        def enter_and_open() -> tuple[Interface, socket.socket]:
            check(libc.setns(self.server.fd, CLONE_NEWNET))
            (interface,) = select_interfaces(("eth0",), all_interfaces())
            return interface, open_port(interface, 67, receive_buffer=8 << 20)

        self.interface, self.sock = in_a_thread(enter_and_open)
        self.sender = self.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        self.sender.bind(("", 6868))  # not 68: nobody shall read the answers

    def send(self, clients: int) -> None:
        for number in range(clients):
            packet = discover(b"\x52\x54\0\0" + number.to_bytes(2, "big"), bytes(16))
            self.sender.sendto(packet, ("255.255.255.255", 67))

    def close(self) -> None:
        self.sock.close()
        self.sender.close()
        os.close(self.server.fd)
        os.close(self.client.fd)


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


def port_of(cable: Cable, responder: Responder) -> DhcpPort:
    return DhcpPort(
        cable.sock.fileno(), cable.interface.index, int(ADDRESS.ip), 0xFFFFFF00, 67, responder,
        EventRing(1, 1 << 12),
    )  # fmt: skip


@pytest.mark.parametrize("answering", [native, dnsmasq])
def test_drain_of_64(
    benchmark: Benchmark, cable: Cable, answering: Callable[[], Responder]
) -> None:
    port = port_of(cable, answering())
    drained = benchmark.pedantic(  # type: ignore[attr-defined] - pytest-benchmark ships no types
        port.drain, setup=lambda: cable.send(BATCH), rounds=300, warmup_rounds=20
    )
    assert drained == BATCH
    assert port.counts()["answered"] == 320 * BATCH


@pytest.mark.parametrize("clients", [1000, 5000])
def test_storm_that_waits(benchmark: Benchmark, cable: Cable, clients: int) -> None:
    """All have asked before the first is read: from then to the last offer."""
    port = port_of(cable, native())

    def answer_all() -> None:
        while port.drain():
            pass

    benchmark.pedantic(  # type: ignore[attr-defined] - pytest-benchmark ships no types
        answer_all, setup=lambda: cable.send(clients), rounds=10, warmup_rounds=2
    )
    assert port.counts()["answered"] == 12 * clients
