"""The clients that a configuration is tried with: all kinds, and its own tests true and false."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.convert.sample_clients import (
    ARCHES,
    CLIENTS_MAX,
    OUTSIDE,
    SampleClient,
    sample_clients,
    traits_of,
)
from fastpxe.dnsmasq.convert.sample_networks import sample_networks
from fastpxe.dnsmasq.engine.message import read as read_message

RANGE = "pxe-prompt=x\ndhcp-range=192.0.2.0,proxy\n"


def found(text: str) -> list[SampleClient]:
    parsed = read(RANGE + text)
    return sample_clients(parsed, sample_networks(parsed)[1])


def test_every_kind_is_there() -> None:
    kinds = {(m.client.arch, m.client.ipxe, m.is_steered) for m in found("")}
    assert {(arch, ipxe, False) for arch in ARCHES for ipxe in (False, True)} <= kinds
    assert {(arch, ipxe, True) for arch in (0, 7, 11) for ipxe in (False, True)} <= kinds
    assert (16, False, True) not in kinds  # UEFI HTTP Boot asks on port 67 only


def test_they_are_in_the_network_and_behind_relays() -> None:
    near = {m.client.giaddr for m in found("")}
    assert near == {IPv4Address(0), IPv4Address("192.0.2.252")}
    bounded = read("pxe-prompt=x\ndhcp-range=192.0.2.0,proxy,255.255.255.0")
    assert OUTSIDE in {
        m.client.giaddr for m in sample_clients(bounded, sample_networks(bounded)[1])
    }


def test_architectures_and_classes_of_the_file_are_among_them() -> None:
    text = "pxe-service=27,A,b\ndhcp-match=set:x,93,39\ndhcp-pxe-vendor=PXEClient,HW"
    clients = [m.client for m in found(text)]
    assert {27, 39} <= {client.arch for client in clients}
    assert "HW:Arch:00007" in {client.class_text for client in clients}


@pytest.mark.parametrize(
    "line",
    [
        "dhcp-mac=set:x,52:54:*:*:*:01", "dhcp-host=52:54:00:00:00:01,set:x",
        "dhcp-host=lab1,set:x",
        "dhcp-host=id:one,set:x", "dhcp-vendorclass=set:x,UNDI:9",
        "dhcp-vendorclass=set:x,PXEClient:Z",
        "dhcp-userclass=set:x,lab", "dhcp-match=set:x,97,00:44", "dhcp-match=set:x,97,44:45",
        "dhcp-match=set:x,12,lab", "dhcp-match=set:x,60,Z", "dhcp-match=set:x,vi-encap:9,a",
        "dhcp-circuitid=set:x,a", "dhcp-name-match=set:x,lab*", "dhcp-match=set:x,224",
    ],
)  # fmt: skip
def test_a_test_of_the_file_is_true_of_some_and_false_of_others(line: str) -> None:
    parsed = read(f"{RANGE}{line}\ntag-if=set:z,tag:x\ntag-if=set:z,tag:known")
    engine, places = sample_networks(parsed)
    hits = {
        bool(any(engine.tests.hits(read_message(m.client.discover()))[:6]))
        for m in sample_clients(parsed, places)
    }
    assert hits == {True, False}


def test_two_tests_are_made_true_together() -> None:
    text = "dhcp-mac=set:x,52:54:00:00:00:01\ndhcp-userclass=set:y,lab"
    assert any(len(sample.lines) == 2 for sample in found(text))


@pytest.mark.parametrize(
    "line",
    [
        "dhcp-match=set:x,175",
        "dhcp-userclass=set:x,iPXE",
        "dhcp-match=set:x,93,7",
        "dhcp-match=set:x,53,01:02",
    ],
)
def test_what_follows_from_the_kind_needs_no_trait(line: str) -> None:
    parsed = read(line)
    (test,) = (*parsed.matches, *parsed.class_matches)
    assert traits_of(test) == []


def test_there_are_not_too_many() -> None:
    text = "".join(
        f"dhcp-mac=set:x,52:54:00:00:00:{n:02x}\ndhcp-userclass=set:y,u{n}\n" for n in range(99)
    )
    assert len(found(text)) == CLIENTS_MAX


def test_a_sample_describes_itself() -> None:
    texts = [str(sample) for sample in found("dhcp-mac=set:x,52:54:00:00:00:01")]
    assert "PXEClient arch 7 on 192.0.2.0/24" in texts
    assert "iPXE arch 7 behind 192.0.2.252" in texts
    assert "HTTPClient arch 16 on 192.0.2.0/24, f.conf:3" in texts
    assert "PXEClient arch 0 on 192.0.2.0/24, on port 4011 only" in texts
