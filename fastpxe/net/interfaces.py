"""The network interfaces of this machine."""

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface

import msgspec
import psutil

from fastpxe.errors import StartError


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """An interface with an IPv4 address.

    networks: its IPv4 addresses with their masks; the first is its `address`, the server identifier
    and source of all replies sent on it. mtu: in bytes.
    """

    name: str
    index: int
    networks: tuple[IPv4Interface, ...]
    mtu: int

    @property
    def address(self) -> IPv4Address:
        return self.networks[0].ip


def all_interfaces() -> list[Interface]:
    """Every up interface that has an IPv4 address, loopback included."""
    states = psutil.net_if_stats()
    networks: dict[str, list[IPv4Interface]] = {}
    for label, addresses in psutil.net_if_addrs().items():
        name = label.partition(":")[0]  # "eth0:1" is an address of eth0 with a label
        networks.setdefault(name, []).extend(
            IPv4Interface(f"{a.address}/{a.netmask or 32}")
            for a in addresses
            if a.family == socket.AF_INET
        )
    return [
        Interface(
            name=name,
            index=socket.if_nametoindex(name),
            networks=tuple(addresses),
            mtu=states[name].mtu,
        )
        # The flag "up" is administrative; psutil's isup needs a carrier, which a switch may delay.
        for name, addresses in networks.items()
        if addresses and name in states and "up" in states[name].flags.split(",")
    ]


def with_bound(present: Sequence[Interface], bound: Iterable[Interface]) -> list[Interface]:
    """The interfaces present, and the bound ones that are not present, as they were.

    An interface that is down is served again once it is up.
    """
    names = {interface.name for interface in present}
    return [*present, *(interface for interface in bound if interface.name not in names)]


def interfaces_matching(patterns: tuple[str, ...], present: Iterable[Interface]) -> list[Interface]:
    """The interfaces that a pattern matches: "eth1", or "br*" for all that begin with br."""
    return [
        interface
        for interface in present
        if any(_matches(pattern, interface.name) for pattern in patterns)
    ]


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def select_interfaces(names: tuple[str, ...], present: Sequence[Interface]) -> list[Interface]:
    """The interfaces of these names; without names, all but loopback.

    Raises StartError when one is missing, or there is none.
    """
    if not names:
        served = [i for i in present if not i.address.is_loopback]
        if not served:
            raise StartError(
                "no interface is up with an IPv4 address (loopback aside); "
                'bring one up, or name one: interfaces = ["eth0"]'
            )
        return served
    by_name = {interface.name: interface for interface in present}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise StartError(
            f"interface {', '.join(missing)} is not up with an IPv4 address; "
            f"those that are: {', '.join(by_name) or 'none'}"
        )
    return [by_name[name] for name in names]
