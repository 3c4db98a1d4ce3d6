"""Places made up for a configuration, wherever it is looked at."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.convert.sample_networks import SampleNetwork, network_of, sample_networks


def found(text: str) -> tuple[SampleNetwork, ...]:
    return sample_networks(read("pxe-prompt=x\n" + text))[1]


def test_each_range_has_an_interface() -> None:
    one, two = found("dhcp-range=192.0.2.0,proxy\ndhcp-range=10.0.0.0,proxy,255.255.0.0")
    assert (one.interface, one.subnet, one.is_guessed) == (
        "eth0", IPv4Network("192.0.2.0/24"), True,
    )  # fmt: skip
    assert (two.interface, two.subnet, two.is_guessed) == (
        "eth1", IPv4Network("10.0.0.0/16"), False,
    )  # fmt: skip


def test_our_own_address_is_none_that_is_mentioned() -> None:
    (network,) = found(
        "dhcp-range=192.0.2.1,proxy\ndhcp-boot=a,,192.0.2.2\npxe-service=7,A,b,192.0.2.3"
    )
    assert network.own == IPv4Address("192.0.2.4")
    assert len({network.own, network.client, network.relay}) == 3
    assert {network.client, network.relay} <= set(network.subnet.hosts())


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("interface=br0", ["br0"]),
        ("interface=br0\ninterface=eth*", ["br0", "eth0"]),
        ("interface=br*", ["br0", "br1"]),
        ("except-interface=eth0", ["eth1"]),
        ("listen-address=192.0.2.7", ["eth0"]),
    ],
)
def test_only_where_dnsmasq_would_listen(lines: str, names: list[str]) -> None:
    ranges = "dhcp-range=192.0.2.0,proxy\ndhcp-range=198.51.100.0,proxy\n"
    assert [network.interface for network in found(ranges + lines)] == names


def test_a_listen_address_is_our_own() -> None:
    (network,) = found("dhcp-range=192.0.2.0,proxy\nlisten-address=192.0.2.7")
    assert network.own == IPv4Address("192.0.2.7")


def test_ranges_of_one_network_share_a_place() -> None:
    (network,) = found("dhcp-range=192.0.2.0,proxy\ndhcp-range=tag:a,192.0.2.9,proxy")
    assert len(network.place.candidates) == 2


def test_networks_too_small_for_clients_and_no_masks_are_left_out() -> None:
    assert found("dhcp-range=192.0.2.0,proxy,255.255.255.252") == ()
    odd = read("dhcp-range=192.0.2.0,proxy,255.0.255.0").ranges[0]
    assert network_of(odd) is None
