"""What reaches 67, 69 and 4011: threats S1 to S4."""
# ruff: noqa: N802 - S01 and the like are the numbers of the threats

import json
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from packets import CLIENT, class_of, discover, header, u16
from responder import EVERY_KIND, Responder
from security_rig import Victim, option
from strategies import datagrams, requests
from wire_rig import CLIENT as CLIENT_ADDRESS
from wire_rig import SERVER

from fastpxe.dhcp.decode import decode

READ = (43, 50, 52, 53, 54, 55, 57, 60, 61, 77, 82, 93, 94, 97, 118, 124, 125, 175)
EVERY = Responder(EVERY_KIND)
ETHERTYPE_IP = 0x0800


def lengths(code: int) -> Iterator[bytes]:
    """Requests with an option of each length: whole, claiming more than is there, repeated."""
    start = header() + option(53, b"\1") + option(60, class_of(7)) + option(93, u16(7))
    for size in range(256):
        yield start + option(code, bytes(range(size))) + b"\xff"
        yield start + bytes([code, size])
        yield start + bytes([code, size, size])
        yield start + option(code, bytes([size]) * 700) + b"\xff"


@pytest.mark.parametrize("code", range(256))
def test_S01_an_option_of_any_length_is_answered_or_refused(code: int) -> None:
    for datagram in lengths(code):
        for port in (67, 4011):
            answer = EVERY.hear(datagram, port=port, source=CLIENT)
            assert (answer.reason == "answered") == bool(answer.payload)


def test_S01_a_server_that_logs_everything_survives_any_option(victim: Victim) -> None:
    for code in READ:
        victim.send(67, lengths(code))
        victim.send(4011, lengths(code))
    victim.assert_well()


@given(datagrams() | requests())
def test_S01_what_can_be_heard_can_be_told(datagram: bytes) -> None:
    if len(datagram) >= 240:
        assert list(decode(datagram).lines())


@pytest.mark.parametrize(
    ("udp_length", "ip_length"),
    [(0, None), (7, None), (8, None), (9, None), (65535, None), (None, 20), (None, 28), (None, 60)],
)
def test_S02_the_kernel_keeps_wrong_lengths_of_udp_and_ip_from_us(
    victim: Victim, udp_length: int | None, ip_length: int | None
) -> None:
    payload = discover(arch=7)
    with victim.wire.client.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
        to = ("eth0", ETHERTYPE_IP, 0, 0, ethernet_address(victim))
        for port in (67, 69, 4011):
            size = len(payload) + 8
            udp = struct.pack("!4H", 4011, port, size if udp_length is None else udp_length, 0)
            ip = ip_header(size + 20 if ip_length is None else ip_length)
            sock.sendto(ip + udp + payload, to)
    victim.assert_well()


def ethernet_address(victim: Victim) -> bytes:
    (link,) = json.loads(victim.wire.server.run("ip", "-json", "link", "show", "eth0"))
    return bytes.fromhex(link["address"].replace(":", ""))


def ip_header(length: int) -> bytes:
    addresses = socket.inet_aton(CLIENT_ADDRESS) + socket.inet_aton(SERVER)
    unsummed = struct.pack("!BBHHHBBH", 0x45, 0, length, 1, 0, 64, 17, 0) + addresses
    total = sum(struct.unpack("!10H", unsummed))
    total = (total & 0xFFFF) + (total >> 16)
    return unsummed[:10] + struct.pack("!H", ~total & 0xFFFF) + unsummed[12:]


@pytest.mark.parametrize("size", range(4))
@pytest.mark.parametrize("port", [67, 69, 4011])
def test_S03_a_server_survives_a_datagram_of_a_byte(victim: Victim, port: int, size: int) -> None:
    victim.send(port, (bytes([value]) * size for value in (0, 1, 2, 53, 255)))
    victim.assert_well()


@pytest.mark.gate
def test_S04_every_architecture_is_answered_or_ignored_and_told() -> None:
    reasons = set()
    for arch in range(65536):
        answer = EVERY.hear(discover(arch=arch, family="PXEClient"))
        assert (answer.reason == "answered") == bool(answer.payload)
        assert any("client architecture" in line for line in decode(discover(arch=arch)).lines())
        reasons.add(answer.reason)
    assert "answered" in reasons
    assert len(reasons) > 1


def test_S04_a_server_survives_architectures_that_nobody_knows(victim: Victim) -> None:
    victim.send(67, (discover(arch=arch) for arch in (12, 99, 255, 256, 32767, 32768, 65535)))
    victim.send(67, (discover(arch=arch, xid=arch) for arch in range(0, 65536, 16)))
    victim.assert_well()
