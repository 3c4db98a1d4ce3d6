"""The network interfaces of this machine."""

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface

import msgspec
import psutil

from fastpxe.errors import StartError


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """An interface that fastpxe serves.

    `address` is its first IPv4 address: server identifier and source of every reply sent on it.
    `networks` are all its IPv4 addresses with their masks; `mtu` is in bytes.
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
            networks=tuple(found),
            mtu=states[name].mtu,
        )
        # "up" is the operator's word; psutil's isup waits for a carrier, which a switch may delay.
        for name, found in networks.items()
        if found and name in states and "up" in states[name].flags.split(",")
    ]


def with_bound(present: Sequence[Interface], bound: Iterable[Interface]) -> list[Interface]:
    """Those present, and of those that ports are bound on the ones that are not, as they were.

    One that is down just now is served again once it is up.
    """
    names = {interface.name for interface in present}
    return [*present, *(interface for interface in bound if interface.name not in names)]


def interfaces_matching(patterns: tuple[str, ...], present: Iterable[Interface]) -> list[Interface]:
    """Those that a pattern names: "eth1", or "br*" for each that begins with br."""
    return [
        interface
        for interface in present
        if any(_names(pattern, interface.name) for pattern in patterns)
    ]


def _names(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def select_interfaces(names: tuple[str, ...], present: Sequence[Interface]) -> list[Interface]:
    """Those named, or, with no name, every one that isn't loopback.

    Raises StartError when a named one is missing, or none is left.
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
