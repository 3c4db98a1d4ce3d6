"""DHCP requests out of a packet capture: pcap or pcapng, Ethernet or Linux cooked."""

import io
from collections.abc import Iterator
from ipaddress import IPv4Address

import dpkt
import msgspec

from fastpxe.dhcp.constants import DHCP_SERVER_PORT, PXE_PORT
from fastpxe.errors import FastpxeError


class CaptureError(FastpxeError):
    """A file that is no packet capture."""


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """A datagram to port 67 or 4011. `number` counts the packets of the capture from 1."""

    number: int
    source: IPv4Address
    source_port: int
    destination: IPv4Address
    port: int
    payload: bytes


def requests(capture: bytes) -> Iterator[Captured]:
    """Every BOOTREQUEST in a capture. Raises CaptureError."""
    try:
        reader = dpkt.pcap.UniversalReader(io.BytesIO(capture))
        link = _LINKS[reader.datalink()]
        for number, (_, frame) in enumerate(reader, 1):
            found = _request(number, link, frame)
            if found is not None:
                yield found
    except (ValueError, dpkt.dpkt.Error) as error:
        raise CaptureError(f"no pcap or pcapng file: {error}") from error
    except KeyError:
        raise CaptureError("neither an Ethernet nor a Linux cooked capture") from None


_LINKTYPE_RAW = 101  # in files; dpkt's DLT_RAW is the number inside BSD kernels

_LINKS = {
    dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
    dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
    dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
    _LINKTYPE_RAW: dpkt.ip.IP,
}


def _request(number: int, link: type[dpkt.Packet], frame: bytes) -> Captured | None:
    try:
        packet = link(frame)
    except dpkt.dpkt.Error:
        return None  # a frame cut short, or of another protocol
    ip = packet if isinstance(packet, dpkt.ip.IP) else packet.data
    if not isinstance(ip, dpkt.ip.IP) or not isinstance(ip.data, dpkt.udp.UDP):
        return None
    udp = ip.data
    payload = bytes(udp.data)
    if udp.dport not in (DHCP_SERVER_PORT, PXE_PORT) or payload[:1] != b"\x01":
        return None
    return Captured(
        number=number,
        source=IPv4Address(ip.src),
        source_port=udp.sport,
        destination=IPv4Address(ip.dst),
        port=udp.dport,
        payload=payload,
    )
