"""The sockets: bound to one interface, and refused in words that help."""

import os
import socket
from pathlib import Path

import pytest

from fastpxe.errors import StartError
from fastpxe.net.interfaces import Interface, all_interfaces, select_interfaces
from fastpxe.net.sockets import open_port, port_holder, receive_buffer_of

BUFFER = 8 << 20


@pytest.fixture
def loopback() -> Interface:
    return select_interfaces(("lo",), all_interfaces())[0]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.gate
def test_the_buffer_asked_for_is_had_whatever_rmem_max_says(loopback: Interface) -> None:
    limit = int(Path("/proc/sys/net/core/rmem_max").read_text())
    with open_port(loopback, free_port(), receive_buffer=2 * limit) as sock:
        assert receive_buffer_of(sock) == 2 * limit


def test_a_port_hears_broadcasts_on_its_interface_alone(loopback: Interface) -> None:
    with open_port(loopback, free_port(), receive_buffer=BUFFER) as sock:
        assert not sock.getblocking()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 1
        device = sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16)
        assert device.rstrip(b"\0") == b"lo"


def test_a_port_in_use_is_refused_with_its_holder(loopback: Interface) -> None:
    port = free_port()
    with (
        open_port(loopback, port, receive_buffer=BUFFER),
        pytest.raises(StartError, match=rf"port {port} on lo is held by .* \(pid {os.getpid()}\)"),
    ):
        open_port(loopback, port, receive_buffer=BUFFER)


def test_two_that_agree_share_a_port(loopback: Interface) -> None:
    port = free_port()
    with (
        open_port(loopback, port, receive_buffer=BUFFER, share=True) as first,
        open_port(loopback, port, receive_buffer=BUFFER, share=True) as second,
    ):
        assert first.getsockname() == second.getsockname()


def test_a_second_server_can_t_take_a_port_that_is_not_shared(loopback: Interface) -> None:
    port = free_port()
    with (
        open_port(loopback, port, receive_buffer=BUFFER),
        pytest.raises(StartError),
    ):
        open_port(loopback, port, receive_buffer=BUFFER, share=True)


def test_a_free_port_has_no_holder() -> None:
    assert port_holder(free_port()) is None
