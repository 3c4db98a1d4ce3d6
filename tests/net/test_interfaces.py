"""Which interfaces are served, and what is said when none can be."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from fastpxe.errors import StartError
from fastpxe.net.interfaces import all_interfaces, select_interfaces


def test_loopback_is_found_with_its_mask() -> None:
    (loopback,) = (i for i in all_interfaces() if i.name == "lo")
    assert loopback.address == IPv4Address("127.0.0.1")
    assert loopback.networks[0] == IPv4Interface("127.0.0.1/8")
    assert loopback.index == 1
    assert loopback.mtu >= 1500


def test_loopback_is_served_only_when_named() -> None:
    assert [i.name for i in select_interfaces(("lo",), all_interfaces())] == ["lo"]


def test_a_missing_interface_is_named_with_those_that_are_there() -> None:
    with pytest.raises(StartError, match=r"interface nix9 is not up .* lo"):
        select_interfaces(("lo", "nix9"), all_interfaces())
