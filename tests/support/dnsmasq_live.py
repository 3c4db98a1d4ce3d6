"""dnsmasq 2.90 in a network namespace, and a cable on which any frame can be sent and seen."""

import contextlib
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Self

import msgspec
from netns import Namespace, Process

from fastpxe.dnsmasq.syntax.model import InterfaceAddresses

NETWORKS = {
    "dqs0": ("10.88.0.1/24", "10.88.7.1/24", "10.88.0.3/24"),  # the last one is a secondary
    "dqs1": ("10.88.9.1/24",),
}
INTERFACES = (
    InterfaceAddresses(name="lo", networks=(IPv4Interface("127.0.0.1/8"),)),
    *(
        InterfaceAddresses(name=name, networks=tuple(map(IPv4Interface, networks)))
        for name, networks in NETWORKS.items()
    ),
)
CLIENT_MAC = bytes.fromhex("525400123456")
READY = "DHCP, proxy on subnet"
ETH_P_ALL = 3
ETH_P_IP = 0x0800


class Datagram(msgspec.Struct, frozen=True):
    """A UDP datagram on the cable."""

    source: IPv4Address
    source_port: int
    to: IPv4Address
    to_port: int
    data: bytes


def checksum(header: bytes) -> int:
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(datagram: Datagram, server_mac: bytes) -> bytes:
    """An Ethernet frame without a UDP checksum."""
    is_broadcast = datagram.to.packed[3] == 255
    udp = struct.pack("!HHHH", datagram.source_port, datagram.to_port, 8 + len(datagram.data), 0)
    addresses = datagram.source.packed + datagram.to.packed
    size = 28 + len(datagram.data)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0, 64, socket.IPPROTO_UDP, 0)
    total = struct.pack("!H", checksum(head + addresses))
    target = b"\xff" * 6 if is_broadcast else server_mac
    ether = target + CLIENT_MAC + struct.pack("!H", ETH_P_IP)
    return ether + head[:10] + total + addresses + udp + datagram.data


def parse(seen: bytes) -> Datagram | None:
    """The UDP datagram in a frame from one of the server's ports."""
    if len(seen) < 42 or seen[12:14] != b"\x08\x00" or seen[23] != socket.IPPROTO_UDP:
        return None
    at = 14 + 4 * (seen[14] & 15)
    source_port, to_port, size = struct.unpack_from("!HHH", seen, at)
    data = seen[at + 8 : at + size]
    return Datagram(IPv4Address(seen[26:30]), source_port, IPv4Address(seen[30:34]), to_port, data)


class Cables:
    """A server's namespace with its interfaces, and our ends of their cables."""

    def __init__(self, server: Namespace, client: Namespace) -> None:
        self.server = server
        self.macs: dict[str, bytes] = {}
        self.ends: dict[str, socket.socket] = {}
        for number, (name, networks) in enumerate(NETWORKS.items()):
            mac = f"02:88:00:00:00:0{number + 1}"
            self.macs[name] = bytes.fromhex(mac.replace(":", ""))
            server.ip(f"link add {name} address {mac} type veth peer name c{number}")
            server.ip(f"link set c{number} netns {client.path}")
            server.ip("".join(f"address add {network} dev {name}\n" for network in networks))
            # no ARP: replies to any address leave at once
            server.ip(f"link set {name} arp off up")
            client.ip(f"link set c{number} up")
            end = client.socket(socket.AF_PACKET, socket.SOCK_RAW)
            end.bind((f"c{number}", ETH_P_ALL))
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.ends[name] = end
        server.ip("route add default dev dqs0")
        off = "; ".join(
            f"echo 0 > /proc/sys/net/ipv4/conf/{n}/rp_filter" for n in ("all", "dqs0", "dqs1")
        )
        server.run("sh", "-c", off)

    def send(self, interface: str, datagram: Datagram) -> None:
        self.ends[interface].send(frame(datagram, self.macs[interface]))

    def receive(self, quiet_s: float) -> Iterator[Datagram]:
        """What the server sends, until nothing came for so long."""
        ends = list(self.ends.values())
        while ready := select.select(ends, [], [], quiet_s)[0]:
            for end in ready:
                seen, address = end.recvfrom(65536)
                datagram = parse(seen)
                if address[2] != socket.PACKET_OUTGOING and datagram is not None:
                    yield datagram


@contextlib.contextmanager
def cables() -> Iterator[Cables]:
    with Namespace() as server, Namespace() as client:
        made = Cables(server, client)
        yield made
        for end in made.ends.values():
            end.close()


class Dnsmasq:
    """dnsmasq on a configuration, until the block ends. `log` holds its lines."""

    def __init__(self, server: Namespace, config: str, folder: Path) -> None:
        # dnsmasq writes into the ARP table; nobody here answers when the kernel then asks again
        server.run("ip", "neighbour", "flush", "all")
        path = folder / "dnsmasq.conf"
        path.write_text(config)
        lease_file = folder / "leases"
        self.process = Process(
            server,
            *("dnsmasq", "-k", "--log-facility=-", "--log-dhcp", "--pid-file=", "--no-resolv"),
            *("--user=root", "--group=root", "--no-hosts", f"--dhcp-leasefile={lease_file}"),
            f"--conf-file={path}",
            log=folder / "log",
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 20
        while READY not in self.process.output():
            assert self.process.is_running(), self.process.output()
            assert time.monotonic() < deadline, self.process.output()
            time.sleep(0.005)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.stop(signal.SIGTERM)

    def lines(self) -> list[str]:
        """All lines after those of the start, without syslog's prefix."""
        text = self.process.output().splitlines()
        return [line.split(": ", 1)[1] for line in text if line.startswith("dnsmasq-dhcp")]
