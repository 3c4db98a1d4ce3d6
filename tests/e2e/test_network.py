"""Boots through a router, on a wire that loses packets, and with answers that come late."""

import pytest
from dhcp_servers import DhcpServer, kea, late_dnsmasq
from machines import Machine
from matrix import DHCP_SERVERS, HTTP_MACHINES, MACHINES, OWN, mark, rules
from router import put_machine_behind_router
from testbed import Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

ALL = MACHINES | HTTP_MACHINES


def own(machine: Machine) -> list[str]:
    return [mark(OWN[machine.arch], machine.arch)]


def config(name: str) -> str:
    return rules("http" if name in HTTP_MACHINES else "binl")


def some(*core: str, of: dict[str, Machine] = ALL) -> list[object]:
    """Return the machines' names, those that aren't `core` as part of the matrix."""
    return [pytest.param(name, marks=[] if name in core else [pytest.mark.matrix]) for name in of]


@pytest.mark.parametrize(
    ("name", "dhcp_server"),
    [
        pytest.param(
            name,
            server,
            id=f"{name}-{dhcp}",
            marks=[] if (name, dhcp) in {("bios", "isc"), ("x64", "kea")} else [pytest.mark.matrix],
        )
        for name in ALL
        for dhcp, server in DHCP_SERVERS.items()
    ],
)
def test_machine_behind_a_relay_boots(lab: Lab, name: str, dhcp_server: DhcpServer) -> None:
    """Offers come by way of the relay; port 4011 and the files are routed."""
    put_machine_behind_router(lab)
    lab.serve_dhcp(dhcp_server)
    with lab.responder(config(name)):
        assert lab.boot(ALL[name]) == own(ALL[name])
    assert not lab.decoded("src host 10.77.0.2 and udp port 67")
    if name == "x64":
        assert lab.decoded("src net 10.78.0.0/24 and dst host 10.77.0.2 and udp dst port 4011")


@pytest.mark.parametrize("name", some("bios", "x64"))
def test_machine_boots_where_a_twentieth_is_lost(lab: Lab, name: str) -> None:
    lab.lose_one_packet_of(20)
    lab.serve_dhcp(kea)
    with lab.responder(config(name)):
        assert lab.boot(ALL[name]) == own(ALL[name])
    # Else the rules matched nothing, and the boot proves nothing.
    assert all(lab.lost().values())


@pytest.mark.parametrize("name", some("x64", of=MACHINES))
def test_machine_boots_from_an_offer_two_seconds_late(lab: Lab, name: str) -> None:
    """IPXE gives up waiting for a proxy after three, so this is what it can take."""
    lab.serve_dhcp(kea)
    with lab.responder(rules("binl", delay_s=2)):
        assert lab.boot(ALL[name]) == own(ALL[name])


@pytest.mark.matrix
@pytest.mark.parametrize("name", ["x64", "ia32", "arm64"])
def test_uefi_boots_from_an_offer_that_is_late_for_its_first_request(lab: Lab, name: str) -> None:
    """EDK2 listens for 4 s, then for 8."""
    lab.serve_dhcp(kea)
    with lab.responder(rules("binl", delay_s=6)):
        assert lab.boot(ALL[name]) == own(ALL[name])
    assert len(lab.decoded("udp dst port 67 and src host 0.0.0.0 and greater 340")) > 2


@pytest.mark.parametrize("name", some("bios"))
def test_machine_boots_from_a_dhcp_server_six_seconds_late(lab: Lab, name: str) -> None:
    lab.serve_dhcp(late_dnsmasq)
    with lab.responder(config(name)):
        assert lab.boot(ALL[name]) == own(ALL[name])
