"""What becomes of interfaces and addresses while a server runs."""

import os
import signal
import socket
from ipaddress import IPv4Address

import pytest
from fault_rig import fetch, wait_until
from packets import Reply, discover
from wire_rig import CLIENT, LIMIT_S, ONE, SERVER, Wire, fastpxe_of

pytestmark = pytest.mark.netns

NEW = "10.99.0.9"
CONTENT = bytes(range(256)) * 40
DNSMASQ = (
    "--", "--port=0", "--dhcp-range=10.99.0.0,proxy", "--pxe-service=x86PC,one,one.efi",
    "--enable-tftp", "--tftp-root={root}",
)  # fmt: skip


@pytest.fixture
def served(wire: Wire) -> Wire:
    (wire.folder / "boot.bin").write_bytes(CONTENT)
    wire.serve(ONE)
    return wire


def test_an_interface_that_goes_down_and_up_is_served_as_before(served: Wire) -> None:
    assert fetch(served, "boot.bin") == CONTENT
    for _ in range(3):
        served.server.ip("link set eth0 down\nlink set eth0 up")
        assert served.ask().siaddr == IPv4Address(SERVER)
        assert fetch(served, "boot.bin") == CONTENT


def test_a_reload_while_an_interface_is_down_leaves_it_served(served: Wire) -> None:
    (process,) = served.processes
    served.server.ip("link set eth0 down")
    os.kill(fastpxe_of(process), signal.SIGHUP)
    served.wait_for(process, "reloaded:")
    served.server.ip("link set eth0 up")
    assert served.ask().siaddr == IPv4Address(SERVER)
    assert fetch(served, "boot.bin") == CONTENT
    assert "starting a replacement" not in process.output()


def test_an_address_that_went_away_is_never_sent(served: Wire) -> None:
    (process,) = served.processes
    served.write('[[boot]]\nfiel = "one.efi"\n')  # so no reload succeeds
    served.server.ip(f"addr del {SERVER}/24 dev eth0\naddr add {NEW}/24 dev eth0")
    with served.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        sock.bind((CLIENT, 68))
        sock.sendto(discover(), ("255.255.255.255", 67))
        wait_until(served.server, lambda found: found["fastpxe_dhcp_unsent_total",] == 1)
        served.wait_for(process, "problem=unsent")
        (line,) = (line for line in process.output().splitlines() if " offer " in line)
        assert "WARNING unsent offer mac=" in line
        assert 'why="Network is unreachable"' in line
        # Whoever asks the new address is answered from there.
        with served.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
            relay.settimeout(LIMIT_S)
            relay.bind((CLIENT, 67))
            relay.sendto(discover(xid=8, giaddr=IPv4Address(CLIENT)), (NEW, 67))
            datagram, address = relay.recvfrom(2048)
        assert address == (NEW, 67)
        assert {Reply(datagram).siaddr, Reply(datagram).server_id} == {IPv4Address(NEW)}
        sock.settimeout(0)
        with pytest.raises(BlockingIOError):
            sock.recv(2048)
    assert fetch(served, "boot.bin", NEW) == CONTENT
    served.wait_for(process, "reload refused")


@pytest.mark.parametrize("arguments", [(), DNSMASQ], ids=["native", "dnsmasq"])
def test_another_address_is_taken_over_by_a_reload(wire: Wire, arguments: tuple[str, ...]) -> None:
    (wire.folder / "boot.bin").write_bytes(CONTENT)
    if arguments:
        process = wire.start(*(one.format(root=wire.folder) for one in arguments))
    else:
        process = wire.serve(ONE)
    assert wire.ask().siaddr == IPv4Address(SERVER)
    wire.server.ip(f"addr del {SERVER}/24 dev eth0\naddr add {NEW}/24 dev eth0")
    wire.wait_for(process, "the addresses of eth0 have changed: reloading")
    wire.wait_for(process, "reloaded:")
    assert wire.ask().siaddr == IPv4Address(NEW)
    assert fetch(wire, "boot.bin", NEW) == CONTENT
    assert process.output().count("reloaded:") == 1


def test_an_interface_that_is_made_anew_is_told_and_served_after_a_restart(served: Wire) -> None:
    (process,) = served.processes
    served.server.ip("link del eth0")
    served.wait_for(process, "eth0 is gone")
    served.server.ip(f"link add eth0 type veth peer name eth0 netns {served.client.path}")
    served.server.ip(f"addr add {SERVER}/24 dev eth0\nlink set eth0 up")
    served.client.ip(f"addr add {CLIENT}/24 dev eth0\nlink set eth0 up")
    served.wait_for(process, "eth0 was replaced by another interface")
    assert process.stop(signal.SIGTERM) == 0
    served.start("-c", str(served.config))
    assert served.ask().siaddr == IPv4Address(SERVER)
    assert fetch(served, "boot.bin") == CONTENT
