"""Findings about ranges and TFTP: each in a configuration with it, and in one without."""

from ipaddress import IPv4Interface

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.lint.network import check_network, where_of
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.findings import Finding

LO = InterfaceAddresses(name="lo", networks=(IPv4Interface("127.0.0.1/8"),))
ETH0 = InterfaceAddresses(name="eth0", networks=(IPv4Interface("10.88.0.7/24"),))
PROMPT = "pxe-prompt=p\n"
RANGE = "dhcp-range=10.88.0.1,proxy\n"


def findings(text: str) -> list[Finding]:
    return list(check_network(read(text), (LO, ETH0)))


def names(text: str) -> list[str]:
    return [finding.name for finding in findings(text)]


def test_a_proxy_range_and_a_prompt_are_enough() -> None:
    assert names(RANGE + PROMPT) == []
    assert names(RANGE + "pxe-service=x86PC,Boot,0\n") == []


def test_without_a_proxy_range_nobody_is_answered() -> None:
    (finding,) = findings(f"dhcp-boot=a\n{PROMPT}")
    assert (finding.name, finding.where) == ("no-proxy-range", "f.conf:1")


def test_without_prompt_and_service_nobody_is_answered() -> None:
    (finding,) = findings(f"{RANGE}dhcp-boot=a\n")
    assert (finding.name, finding.where) == ("nothing-answered", "f.conf:1")
    assert 'pxe-prompt="Network boot",1' in finding.advice


def test_a_pool_leases_nothing() -> None:
    assert names("dhcp-range=10.88.0.10,10.88.0.20\n" + PROMPT) == ["no-proxy-range", "pool"]
    assert names(f"{RANGE}dhcp-range=10.88.0.10,10.88.0.20\n{PROMPT}") == ["pool"]


@pytest.mark.parametrize(
    "text", ["10.88.0.0,proxy,24", "10.88.0.0, proxy , 8", "10.88.0.0,proxy,32"]
)
def test_a_prefix_length_is_a_lease_time(text: str) -> None:
    (finding,) = findings(f"dhcp-range={text}\n{PROMPT}")
    assert (finding.name, finding.where) == ("prefix-length", "f.conf:1")
    assert "is a lease time in seconds" in finding.effect


@pytest.mark.parametrize("rest", ["255.255.255.0", "255.255.255.0,24", "12h", "infinite", "33"])
def test_a_netmask_and_a_lease_time_are_no_trap(rest: str) -> None:
    assert names(f"dhcp-range=10.88.0.0,proxy,{rest}\n{PROMPT}") == []


def test_a_range_without_interface_serves_relays_only() -> None:
    (finding,) = findings(f"{RANGE}dhcp-range=10.99.0.0,proxy,255.255.255.0\n{PROMPT}")
    assert (finding.name, finding.where) == ("range-without-interface", "f.conf:2")
    assert "(lo 127.0.0.1/8, eth0 10.88.0.7/24)" in finding.effect
    assert "a relay in 10.99.0.0/255.255.255.0" in finding.effect


def test_a_range_of_an_interface_that_is_left_out_has_none() -> None:
    assert names(f"{RANGE}{PROMPT}except-interface=eth0\n") == ["range-without-interface"]


def test_without_interfaces_no_range_is_judged() -> None:
    assert list(check_network(read(f"dhcp-range=10.99.0.0,proxy\n{PROMPT}"), None)) == []


def test_tftp_needs_enable_tftp_and_a_root() -> None:
    (finding,) = findings(f"{RANGE}{PROMPT}tftp-root=/t\n")
    assert (finding.name, finding.where) == ("tftp-off", "f.conf:3")
    (finding,) = findings(f"{RANGE}{PROMPT}enable-tftp\n")
    assert (finding.name, finding.where) == ("tftp-without-root", "f.conf:1")
    assert names(f"{RANGE}{PROMPT}enable-tftp\ntftp-root=/t\n") == []


def test_a_finding_about_the_whole_is_at_the_first_line() -> None:
    assert where_of(read(f"# a\n{PROMPT}dhcp-boot=b\n{RANGE}")) == "f.conf:3"
    assert where_of(read("port=0\n")) == "the configuration"
