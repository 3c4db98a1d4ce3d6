"""The synthetic clients: what real firmware sends, byte for byte where a recording exists."""

from ipaddress import IPv4Address

import pytest
from project import CORPUS

from fastpxe.dhcp._request import Request
from fastpxe.firmware.requests import Client


def recorded(name: str) -> Request:
    return Request((CORPUS / f"{name}.bin").read_bytes())


def like(recording: Request, *, ipxe: bool) -> Client:
    """The client that made a recording."""
    return Client(
        arch=recording.arches[0],
        mac=recording.chaddr[:6],
        uuid=recording.uuid,
        ipxe=ipxe,
    )


def without_names(datagram: bytes) -> bytes:
    """A request without xid and secs."""
    return datagram[:4] + datagram[10:]


@pytest.mark.parametrize("name", ["edk2-x64-discover", "edk2-ia32-discover", "edk2-arm64-discover"])
def test_a_uefi_machine_sends_what_edk2_sends(name: str) -> None:
    datagram = (CORPUS / f"{name}.bin").read_bytes()
    made = like(recorded(name), ipxe=False).discover()
    assert without_names(made) == without_names(datagram)


@pytest.mark.parametrize("name", ["ipxe-bios-discover", "ipxe-efi-discover"])
def test_ipxe_sends_what_ipxe_sends(name: str) -> None:
    recording = recorded(name)
    made = Request(like(recording, ipxe=True).discover())
    for code in (53, 57, 93, 94, 60, 77, 55, 61, 97):
        assert made.option(code) == recording.option(code), code
    assert made.ipxe_features
    assert made.flags == recording.flags


def test_a_request_to_4011_carries_the_address_and_no_server_id() -> None:
    request = Request(Client().request(IPv4Address("192.0.2.2")))
    assert request.message_type == 3
    assert request.ciaddr == int(IPv4Address("192.0.2.100"))
    assert request.server_id == 0


def test_ipxe_names_the_server_it_asks_on_4011() -> None:
    request = Request(Client(ipxe=True).request(IPv4Address("192.0.2.2")))
    assert request.server_id == int(IPv4Address("192.0.2.2"))


def test_http_boot_firmware_says_so() -> None:
    assert Request(Client(arch=16).discover()).family == "HTTPClient"


def test_what_is_given_replaces_what_firmware_says() -> None:
    client = Client(
        vendor_class="PXEClient", user_class=b"FOG", extra={12: b"pc", 94: None}, uuid=None,
        giaddr=IPv4Address("10.5.0.1"),
    )  # fmt: skip
    request = Request(client.discover())
    assert request.option(60) == b"PXEClient"
    assert request.user_classes == (b"FOG",)
    assert request.option(12) == b"pc"
    assert request.option(94) is None
    assert request.option(97) is None
    assert request.giaddr == int(IPv4Address("10.5.0.1"))
