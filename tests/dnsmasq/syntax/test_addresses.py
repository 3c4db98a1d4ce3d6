"""Addresses in fields."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from fastpxe.dnsmasq.syntax.addresses import read_ipv4, read_ipv6
from fastpxe.dnsmasq.syntax.lines import hide


def test_an_address_is_read() -> None:
    assert read_ipv4("192.0.2.1") == IPv4Address("192.0.2.1")
    assert read_ipv6("2001:db8::1") == IPv6Address("2001:db8::1")


@pytest.mark.parametrize(
    "field", ["", "1.2.3", "1.2.3.4 ", "01.2.3.4", "1.2.3.4/8", "x", hide("1.2.3.4")]
)
def test_anything_else_is_no_ipv4_address(field: str) -> None:
    assert read_ipv4(field) is None


@pytest.mark.parametrize("field", ["", "::1%eth0", "[::1]", "1.2.3.4", hide("::1")])
def test_anything_else_is_no_ipv6_address(field: str) -> None:
    assert read_ipv6(field) is None
