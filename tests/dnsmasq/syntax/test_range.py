"""dhcp-range."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read, refused

from fastpxe.dnsmasq.syntax.model import DhcpRange, Location, Tag


def only(line: str) -> DhcpRange:
    (found,) = read(f"dhcp-range={line}").ranges
    return found


def test_a_proxy_range() -> None:
    assert read("\ndhcp-range=tag:!a,set:b,10.88.0.1,proxy,255.255.255.0").ranges == (
        DhcpRange(
            where=Location("f.conf", 2),
            text="dhcp-range=tag:!a,set:b,10.88.0.1,proxy,255.255.255.0",
            address=IPv4Address("10.88.0.1"),
            end=None,
            netmask=IPv4Address("255.255.255.0"),
            is_proxy=True,
            sets="b",
            tags=(Tag("a", negated=True),),
        ),
    )


def test_a_pool_is_from_the_lower_address_to_the_higher() -> None:
    found = only("10.88.0.20,10.88.0.10,1h")
    assert (found.address, found.end) == (IPv4Address("10.88.0.10"), IPv4Address("10.88.0.20"))
    assert not found.is_proxy


def test_a_static_range_has_no_end() -> None:
    assert (only("10.0.0.0,static").end, only("10.0.0.0,static").is_proxy) == (None, False)


@pytest.mark.parametrize(
    ("line", "sets", "tags"),
    [
        ("10.0.0.0,proxy", None, ()),
        ("zz,10.0.0.0,proxy", "zz", ()),
        ("set:bad,10.0.0.0,proxy", "bad", ()),
        ("net:zz,10.0.0.0,proxy", None, (Tag("zz"),)),
        ("tag:a,tag:b,10.0.0.0,proxy", None, (Tag("a"), Tag("b"))),
        ("tag:,10.0.0.0,proxy", None, ()),
        ("set:,b-c,10.0.0.0,proxy", "b-c", ()),
    ],
)
def test_a_range_sets_a_bare_tag_and_is_filtered_by_others(
    line: str, sets: str | None, tags: tuple[Tag, ...]
) -> None:
    assert (only(line).sets, only(line).tags) == (sets, tags)


@pytest.mark.parametrize(
    ("fields", "netmask"),
    [
        ("", None),
        (",24", None),
        (",1h", None),
        (",infinite", None),
        (",", None),
        (",255.255.0.0", "255.255.0.0"),
        (",255.255.0.0,10.0.255.255", "255.255.0.0"),
        (",255.255.0.0,10.0.255.255,5m", "255.255.0.0"),
        (",255.255.0.0,deprecated", "255.255.0.0"),
    ],
)
def test_netmask_broadcast_and_lease_time_may_follow(fields: str, netmask: str | None) -> None:
    found = only(f"10.0.0.0,proxy{fields}").netmask
    assert found == (None if netmask is None else IPv4Address(netmask))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("10.0.0.0", "an address and a mode are required"),
        ("bad,10.0.0.0,proxy", '"bad" is not an IPv4 address'),
        ('"10.0.0.0",proxy', "an address and a mode are required"),
        ("10.0.0.0,PROXY", '"PROXY" is neither `proxy` nor an address'),
        ("10.0.0.0,proxy,x", '"x" is not valid here'),
        ("10.0.0.0,proxy,1h,2h", '"1h, 2h" is not valid here'),
        ("10.0.0.0,proxy,255.0.0.0,10.0.0.1,1h,x", "is not valid here"),
        ("10.0.0.1,10.1.0.1,255.255.0.0", "not in the same network with netmask 255.255.0.0"),
        ("set:x,set:y,10.0.0.0,proxy", "a range sets only one tag"),
        ("fd00::,", "at least 64 bits"),
        ("fd00::,7", "at least 64 bits"),
        ("fd00::,x", '"x" is not valid here'),
    ],
)
def test_what_is_refused(line: str, message: str) -> None:
    assert message in refused(f"dhcp-range={line}").message


@pytest.mark.parametrize(
    "line", ["fd00::,ra-only", "fd00::10,fd00::20,64,1h", "::,constructor:eth0,slaac"]
)
def test_an_ipv6_range_is_noted(line: str) -> None:
    config = read(f"dhcp-range={line}")
    assert (config.ranges, [note.key for note in config.notes]) == ((), ["dhcp-range"])
