"""Requests out of captures, whatever wrote them."""

import struct
from ipaddress import IPv4Address

import dpkt
import pytest
from packets import CLIENT, OUR_ADDRESS, discover, request_4011

from fastpxe.dhcp.pcap import CaptureError, requests

PCAP, ETHERNET, COOKED, RAW, WIFI = 0xA1B2C3D4, 1, 113, 101, 105


def ip(payload: bytes, *, to_port: int = 67, from_port: int = 68) -> bytes:
    udp = dpkt.udp.UDP(sport=from_port, dport=to_port, data=payload)
    udp.ulen = len(udp)
    return bytes(
        dpkt.ip.IP(src=CLIENT.packed, dst=OUR_ADDRESS.packed, p=dpkt.ip.IP_PROTO_UDP, data=udp)
    )


def ethernet(payload: bytes, **ports: int) -> bytes:
    return bytes(6) + bytes(6) + b"\x08\x00" + ip(payload, **ports)


def cooked(payload: bytes) -> bytes:
    return struct.pack("!HHH8sH", 0, 1, 6, bytes(8), 0x0800) + ip(payload)


def pcap(link: int, *frames: bytes) -> bytes:
    head = struct.pack("<IHHiIII", PCAP, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames)


def test_requests_to_67_and_4011_are_found_with_their_place() -> None:
    asked = discover(arch=7), request_4011(arch=7)
    capture = pcap(ETHERNET, ethernet(asked[0]), ethernet(asked[1], to_port=4011, from_port=4011))
    first, second = requests(capture)
    assert (first.number, first.port, first.payload) == (1, 67, asked[0])
    assert (second.number, second.port, second.payload) == (2, 4011, asked[1])
    assert second.source_port == 4011
    assert second.source == CLIENT
    assert second.destination == OUR_ADDRESS


def test_other_traffic_is_passed_over() -> None:
    reply = b"\x02" + discover(arch=7)[1:]
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    cut = ethernet(discover(arch=7))[:20]
    frames = ethernet(reply), ethernet(b"x", to_port=53), arp, cut, ethernet(discover(arch=0))
    (found,) = requests(pcap(ETHERNET, *frames))
    assert found.number == 5


@pytest.mark.parametrize(("link", "frame"), [(COOKED, cooked(discover())), (RAW, ip(discover()))])
def test_cooked_and_raw_captures_are_read(link: int, frame: bytes) -> None:
    (found,) = requests(pcap(link, frame))
    assert found.payload == discover()
    assert isinstance(found.source, IPv4Address)


@pytest.mark.parametrize("junk", [b"", b"not a capture at all", pcap(ETHERNET)[:10]])
def test_what_is_no_capture_is_refused(junk: bytes) -> None:
    with pytest.raises(CaptureError, match="no pcap or pcapng file"):
        list(requests(junk))


def test_a_capture_of_another_link_is_refused() -> None:
    with pytest.raises(CaptureError, match="neither an Ethernet nor"):
        list(requests(pcap(WIFI)))
