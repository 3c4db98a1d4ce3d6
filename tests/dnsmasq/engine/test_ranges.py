"""Which ranges a request may use, and which address is ours."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_asked import INTERFACES
from dnsmasq_text import read

from fastpxe.dnsmasq.engine.ranges import Place, Ranges


def find(text: str, interface: str = "eth0", **named: str) -> Place:
    addresses = {name: IPv4Address(address) for name, address in named.items()}
    return Ranges(read(text, "--no-hosts"), INTERFACES).find(interface, **addresses)


def found(text: str, interface: str = "eth0", **named: str) -> list[tuple[int, str]]:
    return [(c.index, str(c.own)) for c in find(text, interface, **named).candidates]


def reason(text: str, interface: str = "eth0", **named: str) -> str:
    return find(text, interface, **named).refused


FIRST, SECOND, OTHER = (f"dhcp-range={a},proxy\n" for a in ("10.77.0.9", "10.78.0.0", "10.79.0.0"))
RELAYED = "dhcp-range=10.5.0.0,proxy,255.255.255.0\n"


def test_a_range_belongs_to_the_interface_whose_address_it_holds() -> None:
    assert found(FIRST + OTHER) == [(0, "10.77.0.2")]
    assert found(FIRST + OTHER, "eth1") == [(1, "10.79.0.2")]


def test_ranges_of_later_addresses_come_first() -> None:
    assert found(FIRST + SECOND + FIRST) == [(1, "10.78.0.2"), (0, "10.77.0.2"), (2, "10.77.0.2")]


def test_a_netmask_that_leaves_our_address_out_takes_the_range_away() -> None:
    assert reason("dhcp-range=10.77.0.128,proxy,255.255.255.128\n") == "no-range"


def test_a_relay_chooses_among_all_ranges() -> None:
    assert found(FIRST + RELAYED, giaddr="10.5.0.1") == [(1, "10.77.0.2")]


def test_a_relay_that_no_range_knows_is_not_served() -> None:
    place = find(FIRST, giaddr="10.6.0.1")
    assert place.refused == "no-range"
    assert place.why == "no address range available for DHCP request via 10.6.0.1"


def test_a_subnet_option_beats_the_relay() -> None:
    assert found(FIRST + RELAYED, giaddr="10.77.0.1", subnet="10.5.0.0") == [(1, "10.77.0.2")]
    assert find(FIRST, subnet="10.6.0.0").why.endswith("with subnet selector 10.6.0.0")


def test_a_clients_address_is_a_hint() -> None:
    assert found(FIRST + RELAYED, ciaddr="10.5.0.9") == [(1, "10.77.0.2")]
    assert found(FIRST + RELAYED, ciaddr="10.6.0.9") == [(0, "10.77.0.2")]


def test_a_clients_address_in_one_range_of_the_interface_keeps_them_all() -> None:
    assert found(FIRST + SECOND, ciaddr="10.77.0.9") == [(1, "10.78.0.2"), (0, "10.77.0.2")]


@pytest.mark.parametrize(
    ("start", "giaddr"),
    [("10.1.0.0", "10.2.3.4"), ("172.16.1.0", "172.16.9.1"), ("192.168.9.0", "192.168.9.1")],
)
def test_a_relayed_range_without_netmask_has_that_of_its_class(start: str, giaddr: str) -> None:
    assert found(f"dhcp-range={start},proxy\n", giaddr=giaddr) == [(0, "10.77.0.2")]


def test_listen_address_makes_a_secondary_address_our_own() -> None:
    assert found(f"{FIRST}{SECOND}listen-address=10.78.0.2\n") == [
        (0, "10.77.0.2"),
        (1, "10.78.0.2"),
    ]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("interface=eth1\n", "interface"), ("interface=eth*\n", ""),
        ("except-interface=eth0\n", "interface"), ("no-dhcp-interface=e*\n", "interface"),
        ("listen-address=10.79.0.2\n", "interface"), ("listen-address=10.77.0.2\n", ""),
        ("interface=eth0\nexcept-interface=eth0\n", "interface"),
        ("listen-address=10.77.0.2\nexcept-interface=eth0\n", ""),
    ],
)  # fmt: skip
def test_directives_say_where_to_listen(text: str, refused: str) -> None:
    assert reason(FIRST + text) == refused


def test_an_interface_without_address_serves_nobody() -> None:
    place = find(FIRST, "eth2")
    assert place.refused == "no-address"
    assert place.why == "DHCP packet received on eth2 which has no address"


def test_an_unknown_interface_serves_nobody() -> None:
    assert reason(FIRST, "eth9") == "interface"


def test_a_bridged_interface_is_the_one_it_stands_for() -> None:
    place = find(f"{FIRST}bridge-interface=eth0,eth1,tap*\n", "eth1")
    assert place.interface == "eth0"
    assert [str(c.own) for c in place.candidates] == ["10.77.0.2"]
    assert reason(f"{FIRST}bridge-interface=br9,eth*\n") == "bridge"


def test_a_shared_network_lends_its_ranges() -> None:
    assert found(f"{RELAYED}shared-network=eth0,10.5.0.9\n") == [(0, "10.77.0.2")]
    assert found(f"{RELAYED}shared-network=10.78.0.2,10.5.0.9\n") == [(0, "10.78.0.2")]
    assert found(f"{RELAYED}shared-network=10.6.0.1,10.5.0.9\n", giaddr="10.6.0.1") == [
        (0, "10.77.0.2")
    ]


def test_a_shared_network_lends_them_to_every_interface() -> None:
    assert found(f"{RELAYED}shared-network=eth0,10.5.0.9\n", "eth1") == [(0, "10.77.0.2")]


def test_a_client_may_be_at_any_host_address() -> None:
    (candidate,) = find(FIRST).candidates
    hosts = [candidate.may_hold_client(IPv4Address(f"10.77.0.{n}")) for n in (0, 1, 254, 255)]
    assert hosts == [False, True, True, False]
