"""Which dhcp-range a request belongs to, and which of our addresses it sees.

A range belongs to an interface when it holds one of the interface's addresses; that address is
then our own: the server identifier and the address in menus. A relay's address, a subnet option,
or the client's own address selects among all ranges instead.

Sources: dnsmasq 2.90, seen on the wire. Where dnsmasq remembers from one packet to the next (our
own address for a range that several interfaces lead to, netmasks of interfaces that are gone),
this module gives the answer of a freshly started one.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Interface

import msgspec

from fastpxe.dnsmasq.engine.message import NO_ADDRESS
from fastpxe.dnsmasq.syntax.model import DhcpRange, DnsmasqConfig, InterfaceAddresses, Network

# The first octet of each class, and its netmask: for ranges that no interface leads to.
CLASSES = ((range(128), 0xFF000000), (range(128, 192), 0xFFFF0000), (range(192, 224), 0xFFFFFF00))


class Candidate(msgspec.Struct, frozen=True):
    """A range that may serve the request. `index` counts config.ranges; `own` is our address."""

    index: int
    start: IPv4Address
    netmask: IPv4Address
    own: IPv4Address

    def holds(self, address: IPv4Address) -> bool:
        return same_net(address, self.start, int(self.netmask))

    def may_hold_client(self, address: IPv4Address) -> bool:
        """An address of the subnet that is neither its network nor its broadcast address."""
        host = int(address) & ~int(self.netmask) & 0xFFFFFFFF
        broadcast = ~int(self.netmask) & 0xFFFFFFFF
        return self.holds(address) and (broadcast <= 1 or 0 < host < broadcast)


class Place(msgspec.Struct, frozen=True):
    """Where a request came in: the interface (after bridge-interface), and the ranges there.

    `refused` is the reason word when nothing is served there; `address` is the interface's.
    """

    interface: str
    candidates: tuple[Candidate, ...] = ()
    address: IPv4Address = NO_ADDRESS
    refused: str = ""
    why: str = ""


def same_net(one: IPv4Address, other: IPv4Address, netmask: int) -> bool:
    return (int(one) ^ int(other)) & netmask == 0


def wildcard(pattern: str, name: str) -> bool:
    """An interface name as configured: a `*` ends it and matches any rest."""
    head, star, _ = pattern.partition("*")
    return name.startswith(head) if star else name == pattern


def listens(network: Network, name: str, address: IPv4Address) -> bool:
    """What interface=, listen-address= and except-interface= say; listen-address= is strongest."""
    if address in network.listen_addresses:
        return True
    named = any(wildcard(pattern, name) for pattern in network.interfaces)
    if (network.interfaces or network.listen_addresses) and not named:
        return False
    return not any(wildcard(pattern, name) for pattern in network.except_interfaces)


def end_of(line: DhcpRange) -> IPv4Address:
    return line.address if line.end is None else line.end


def class_mask(line: DhcpRange) -> int:
    """The netmask by address class, 0 when start and end are of different ones."""
    for octets, mask in CLASSES:
        if line.address.packed[0] in octets and end_of(line).packed[0] in octets:
            return mask
    return 0


class Ranges:
    """The ranges of a configuration on the interfaces of a machine."""

    def __init__(self, config: DnsmasqConfig, interfaces: Sequence[InterfaceAddresses]) -> None:
        self.config = config
        self.interfaces = {interface.name: interface for interface in interfaces}
        self.masks = [int(r.netmask) if r.netmask is not None else 0 for r in config.ranges]
        for interface in interfaces:
            for address in interface.networks:
                self.guess(self.masks, address)
        self.places = {name: self.arrive(name) for name in self.interfaces}

    def guess(self, masks: list[int], address: IPv4Interface) -> None:
        """Give ranges without a netmask that of an address in the same subnet: the last one's."""
        netmask = int(address.netmask)
        for index, line in enumerate(self.config.ranges):
            if line.netmask is None and (
                same_net(address.ip, line.address, netmask)
                or same_net(address.ip, end_of(line), netmask)
            ):
                masks[index] = netmask

    def find(
        self,
        interface: str,
        *,
        subnet: IPv4Address = NO_ADDRESS,
        giaddr: IPv4Address = NO_ADDRESS,
        ciaddr: IPv4Address = NO_ADDRESS,
    ) -> Place:
        """The ranges for a request: by what it names, else those of the arrival interface.

        `subnet` (82.5, else 118) beats `giaddr` beats `ciaddr`; the first two must be served,
        the last is a hint.
        """
        place = self.places.get(interface)
        if place is None:
            return Place(interface, refused="interface", why=f"no interface {interface} is known")
        if place.refused:
            return place
        candidates = place.candidates
        named = subnet if int(subnet) else giaddr
        if int(named):
            candidates = self.holding(named, place, via_relay=not int(subnet))
        elif int(ciaddr) and not any(c.holds(ciaddr) for c in candidates):
            candidates = self.holding(ciaddr, place, via_relay=False) or candidates
        if candidates:
            return msgspec.structs.replace(place, candidates=candidates)
        via = f"via {giaddr if int(giaddr) else place.interface}"
        if int(subnet):
            via = f"with subnet selector {subnet}"
        return msgspec.structs.replace(
            place,
            candidates=(),
            refused="no-range",
            why=f"no address range available for DHCP request {via}",
        )

    def holding(
        self, address: IPv4Address, place: Place, *, via_relay: bool
    ) -> tuple[Candidate, ...]:
        """All ranges whose subnet holds the address, or a shared-network alias of that relay."""
        owns = {candidate.index: candidate.own for candidate in place.candidates}
        aliases = {
            shared
            for name, shared in self.config.network.shared_networks
            if via_relay and name == str(address)
        }
        found = []
        for index, line in enumerate(self.config.ranges):
            netmask = self.masks[index]
            if line.netmask is None and not netmask:
                netmask = class_mask(line)
            if netmask and any(same_net(a, line.address, netmask) for a in {address, *aliases}):
                own = owns.get(index, place.address)
                found.append(Candidate(index, line.address, IPv4Address(netmask), own))
        return tuple(found)

    def arrive(self, name: str) -> Place:
        """What is served on an interface to a client that says nothing of where it is."""
        network = self.config.network
        for target, aliases in network.bridge_interfaces:
            if any(wildcard(alias, name) for alias in aliases):
                if target not in self.interfaces:
                    why = f"unknown interface {target} in bridge-interface"
                    return Place(name, refused="bridge", why=why)
                name = target
                break
        addresses = self.interfaces[name].networks
        if not addresses:
            why = f"DHCP packet received on {name} which has no address"
            return Place(name, refused="no-address", why=why)
        if any(wildcard(pattern, name) for pattern in network.no_dhcp_interfaces):
            return Place(name, refused="interface", why=f"{name} is a no-dhcp-interface")
        first = []
        own = addresses[0].ip
        if not listens(network, name, own):
            first = [a for a in addresses if a.ip in network.listen_addresses][-1:]
            if not first:
                why = f"interface=, listen-address= or except-interface= leave {name} out"
                return Place(name, refused="interface", why=why)
            own = first[0].ip
        return Place(name, tuple(self.chain(name, first)), own)

    def chain(self, name: str, first: Sequence[IPv4Interface]) -> list[Candidate]:
        """The ranges that hold an address of the interface, those of later addresses in front.

        `first` is looked at before all others: the listen-address that let the packet in.
        """
        masks = self.masks.copy()
        chain: list[Candidate] = []
        for interface, address in self.enumerate(name, first):
            # a shared-network lends its ranges to whatever interface a request comes in by
            batches = list(self.shared(interface, address.ip, masks))
            self.guess(masks, address)
            if interface == name:
                batches.append(list(self.holders(address.ip, masks)))
            for batch in batches:
                seen = {candidate.index for candidate in chain}
                chain[:0] = [candidate for candidate in batch if candidate.index not in seen]
        return chain

    def enumerate(
        self, name: str, first: Sequence[IPv4Interface]
    ) -> Iterator[tuple[str, IPv4Interface]]:
        for address in first:
            yield name, address
        for interface in self.interfaces.values():
            for address in interface.networks:
                yield interface.name, address

    def holders(self, address: IPv4Address, masks: Sequence[int]) -> Iterator[Candidate]:
        """Ranges that lie in one subnet with the address, in the order of the configuration."""
        for index, line in enumerate(self.config.ranges):
            mask = masks[index]
            ends = line.address, end_of(line)
            if mask and all(same_net(address, end, mask) for end in ends):
                yield Candidate(index, line.address, IPv4Address(mask), address)

    def shared(
        self, interface: str, address: IPv4Address, masks: Sequence[int]
    ) -> Iterator[list[Candidate]]:
        """Ranges that shared-network= lends to this interface or address, which stays our own."""
        for name, lent in self.config.network.shared_networks:
            if name in (interface, str(address)):
                yield [
                    msgspec.structs.replace(candidate, own=address)
                    for candidate in self.holders(lent, masks)
                ]
