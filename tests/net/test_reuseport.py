"""Datagrams dealt out to sockets: each to exactly one, broadcast or not, however short."""

import os
import socket
from collections.abc import Iterator

import pytest
from netns import CLONE_NEWNET, Namespace, check, in_a_thread, libc
from packets import discover

from fastpxe.net.interfaces import all_interfaces, select_interfaces
from fastpxe.net.reuseport import share_by_source_port, share_by_xid
from fastpxe.net.sockets import open_group

pytestmark = pytest.mark.netns

BUFFER = 1 << 20


class Group:
    """`count` sockets on a port of a namespace's own loopback, and a client beside them."""

    def __init__(self, count: int) -> None:
        self.namespace = Namespace()

        def enter_and_open() -> list[socket.socket]:
            check(libc.setns(self.namespace.fd, CLONE_NEWNET))
            (loopback,) = select_interfaces(("lo",), all_interfaces())
            return open_group(loopback, 67, count, receive_buffer=BUFFER)

        self.sockets = in_a_thread(enter_and_open)
        self.client = self.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self, *datagrams: bytes, to: str = "127.0.0.1") -> None:
        for datagram in datagrams:
            self.client.sendto(datagram, (to, 67))

    def heard(self) -> list[list[bytes]]:
        return [list(self._waiting(sock)) for sock in self.sockets]

    @staticmethod
    def _waiting(sock: socket.socket) -> Iterator[bytes]:
        while True:
            try:
                yield sock.recv(2048)
            except BlockingIOError:
                return

    def close(self) -> None:
        for sock in (*self.sockets, self.client):
            sock.close()
        os.close(self.namespace.fd)


@pytest.fixture(params=[2, 3, 4])
def group(request: pytest.FixtureRequest) -> Iterator[Group]:
    group = Group(request.param)
    yield group
    group.close()


@pytest.mark.parametrize("to", ["127.0.0.1", "127.255.255.255"])
def test_each_message_reaches_the_socket_of_its_xid_alone(group: Group, to: str) -> None:
    share_by_xid(group.sockets)
    group.send(*(discover(xid=xid) for xid in range(40)), to=to)
    count = len(group.sockets)
    assert group.heard() == [
        [discover(xid=xid) for xid in range(40) if xid % count == index] for index in range(count)
    ]


@pytest.mark.parametrize("to", ["127.0.0.1", "127.255.255.255"])
def test_what_is_too_short_for_an_xid_reaches_the_first_alone(group: Group, to: str) -> None:
    share_by_xid(group.sockets)
    group.send(b"", b"1234567", to=to)
    assert group.heard() == [[b"", b"1234567"], *[[] for _ in group.sockets[1:]]]


@pytest.mark.parametrize("to", ["127.0.0.1", "127.255.255.255"])
def test_a_port_s_requests_reach_one_socket(group: Group, to: str) -> None:
    share_by_source_port(group.sockets)
    request = b"\0\1file\0octet\0"
    group.send(*[request] * 5, to=to)
    owner = group.client.getsockname()[1] % len(group.sockets)
    expected = [[request] * 5 if index == owner else [] for index in range(len(group.sockets))]
    assert group.heard() == expected


def test_the_ack_of_a_transfer_reaches_the_socket_of_its_request(group: Group) -> None:
    share_by_source_port(group.sockets)
    packets = [b"\0\1file\0octet\0", b"\0\4\0\1", b"\0\4\0\2"]
    group.send(*packets)
    owner = group.client.getsockname()[1] % len(group.sockets)
    expected = [packets if index == owner else [] for index in range(len(group.sockets))]
    assert group.heard() == expected


def test_without_a_filter_a_broadcast_reaches_every_socket(group: Group) -> None:
    """The reason why this module is there."""
    group.send(discover(), to="127.255.255.255")
    assert [len(heard) for heard in group.heard()] == [1] * len(group.sockets)
