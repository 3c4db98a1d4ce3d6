"""What clients boot, by what they are told: files, menus, a second question on port 4011."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.convert.sample_networks import sample_networks
from fastpxe.dnsmasq.engine.engine import Answer, Arrival
from fastpxe.firmware.boot import Booted, boot
from fastpxe.firmware.requests import Client

RANGE = "dhcp-range=192.0.2.0,proxy\n"
OTHER = IPv4Address("192.0.2.9")


def booted(text: str, client: Client, *, is_steered: bool = False) -> Booted:
    engine, (network,) = sample_networks(read(RANGE + text))
    asked: list[int] = []

    def ask(datagram: bytes, port: int, source: IPv4Address, source_port: int) -> bytes | None:
        asked.append(port)
        arrival = Arrival(
            interface=network.interface, port=port, source=source, source_port=source_port
        )
        answer = engine.answer(datagram, arrival)
        return answer.data if isinstance(answer, Answer) else None

    return boot(client, network.own, ask, is_steered=is_steered)


BIOS, UEFI = Client(arch=0), Client(arch=7)
IPXE, HTTP = Client(arch=7, ipxe=True), Client(arch=16)
PROMPT = "pxe-prompt=Boot,5\n"


@pytest.mark.parametrize("is_steered", [False, True])
@pytest.mark.parametrize("client", [BIOS, UEFI, IPXE])
def test_the_file_and_server_of_a_dhcp_boot(client: Client, *, is_steered: bool) -> None:
    text = PROMPT + f"dhcp-boot=f,,{OTHER}"
    assert booted(text, client, is_steered=is_steered) == Booted("file", "f", OTHER)


@pytest.mark.parametrize("client", [UEFI, IPXE])
def test_a_lone_service_gives_its_file_on_4011(client: Client) -> None:
    text = "dhcp-boot=hidden\npxe-service=x86-64_EFI,Boot,f.efi"
    assert booted(text, client) == Booted("file", "f.efi")


def test_a_menu_s_only_entry_is_booted() -> None:
    assert booted("dhcp-boot=hidden\npxe-service=x86PC,Boot,f", BIOS) == Booted("file", "f.0")


@pytest.mark.parametrize("client", [BIOS, UEFI])
def test_all_entries_of_a_menu_are_told(client: Client) -> None:
    name = "x86PC" if client is BIOS else "x86-64_EFI"
    text = f"pxe-service={name},A,a.b\npxe-service={name},B,b.c,{OTHER}\npxe-service={name},Disk,0"
    text += f"\npxe-service={name},Far,7"
    found = booted(text, client)
    assert found == Booted(
        "file", "a.b", None, (Booted("file", "b.c", OTHER), Booted("local"), Booted("elsewhere"))
    )
    assert str(found) == (
        "a.b from this machine or b.c from 192.0.2.9 or the local disk or a boot server elsewhere"
    )


def test_ipxe_with_a_file_sees_no_menu_of_port_4011() -> None:
    text = "dhcp-boot=f\npxe-service=x86-64_EFI,A,a.b\npxe-service=x86-64_EFI,B,b.c"
    assert booted(text, IPXE) == Booted("file", "f")


def test_silence_and_an_answer_without_a_file_are_told_apart() -> None:
    assert booted("dhcp-boot=f", BIOS) == Booted("silent")
    assert booted("dhcp-boot=f", BIOS, is_steered=True) == Booted("silent")
    assert booted(PROMPT, UEFI) == Booted("nothing")
    assert str(booted(PROMPT, UEFI)) == "an answer without a file"


def test_http_boot_asks_once_and_a_url_has_no_tftp_server() -> None:
    text = PROMPT + f"dhcp-pxe-vendor=HTTPClient\ndhcp-boot=http://h/f.efi,,{OTHER}"
    assert booted(text, HTTP) == Booted("file", "http://h/f.efi")


def test_a_name_too_long_for_the_header_is_read_from_option_67() -> None:
    reply = bytearray(240)
    reply[236:240] = b"\x63\x82\x53\x63"
    told = bytes(reply) + b"\x43\x03abc\xff"
    ask: Callable[..., bytes] = lambda *_: told  # noqa: E731 - it answers everything alike
    assert boot(HTTP, OTHER, ask, is_steered=False) == Booted("file", "abc")
