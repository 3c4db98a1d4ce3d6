"""The networks with which a configuration is compared: a made-up interface for each dhcp-range.

The result of `import` doesn't depend on the machine where it runs. The server's address is one that
the configuration doesn't mention, so that it differs from every written address.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import islice

import msgspec

from fastpxe.dnsmasq.engine.engine import Engine
from fastpxe.dnsmasq.engine.ranges import Place
from fastpxe.dnsmasq.syntax.model import DhcpRange, DnsmasqConfig, InterfaceAddresses

GUESSED_MASK = IPv4Address("255.255.255.0")
NETWORKS_MAX = 32


class SampleNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network of clients: the interface, its subnet, the server's address, and the ranges there.

    `is_guessed`: the range has no netmask, and dnsmasq would use that of the interface.
    """

    interface: str
    subnet: IPv4Network
    own: IPv4Address
    is_guessed: bool
    place: Place

    @property
    def client(self) -> IPv4Address:
        """The address of a client."""
        return self._host(2)

    @property
    def relay(self) -> IPv4Address:
        return self._host(3)

    def _host(self, from_end: int) -> IPv4Address:
        """A host address at the end of the subnet; the server's is at the beginning."""
        last = int(self.subnet.broadcast_address)
        return IPv4Address(max(last - from_end, int(self.subnet.network_address)))


def sample_networks(config: DnsmasqConfig) -> tuple[Engine, tuple[SampleNetwork, ...]]:
    """The engine on made-up interfaces, and the networks where it replies."""
    made = list(_made_up(config))
    engine = Engine(config, [interface for interface, _ in made])
    samples = []
    for interface, is_guessed in made:
        place = engine.ranges.places[interface.name]
        address = interface.networks[0]
        if not place.refused and place.candidates:
            samples.append(
                SampleNetwork(
                    interface=interface.name,
                    subnet=address.network,
                    own=address.ip,
                    is_guessed=is_guessed,
                    place=place,
                )
            )
    return engine, tuple(samples)


def network_of(line: DhcpRange) -> IPv4Network | None:
    """The network of a range; None if its netmask is invalid."""
    mask = GUESSED_MASK if line.netmask is None else line.netmask
    try:
        return IPv4Network(f"{line.address}/{mask}", strict=False)
    except ValueError:
        return None


def _made_up(config: DnsmasqConfig) -> Iterator[tuple[InterfaceAddresses, bool]]:
    seen: list[IPv4Network] = []
    names = _names(config)
    for line in config.ranges:
        network = network_of(line)
        usable = network is not None and network.prefixlen <= 29
        if network is None or not usable or any(network.overlaps(other) for other in seen):
            continue
        seen.append(network)
        own = _own(config, network)
        address = IPv4Interface(f"{own}/{network.prefixlen}")
        name = next(names, None)
        if name is None or len(seen) > NETWORKS_MAX:
            return
        yield InterfaceAddresses(name=name, networks=(address,)), line.netmask is None


def _names(config: DnsmasqConfig) -> Iterator[str]:
    """Distinct names that interface= accepts."""
    fixed = [name for name in config.network.interfaces if "*" not in name]
    yield from dict.fromkeys(fixed)
    wild = next((n.partition("*")[0] for n in config.network.interfaces if "*" in n), None)
    if fixed and wild is None:
        return
    for number in range(NETWORKS_MAX):
        name = f"{wild or 'eth'}{number}"
        if name not in fixed:
            yield name


def _own(config: DnsmasqConfig, network: IPv4Network) -> IPv4Address:
    """The listen-address there, else an address that no line mentions."""
    for address in config.network.listen_addresses:
        if address in network:
            return address
    mentioned = set(_mentioned(config))
    hosts = islice(network.hosts(), len(mentioned) + 1)
    return next((host for host in hosts if host not in mentioned), network[1])


def _mentioned(config: DnsmasqConfig) -> Iterator[IPv4Address]:
    yield from (line.address for line in config.ranges)
    yield from config.hosts_names.values()
    servers = *(line.server for line in config.boots), *(line.server for line in config.services)
    yield from (server.address for server in servers if server.address is not None)
