"""What clients boot, by what they are told: files, menus, a second question on port 4011."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read
from packets import message, tlv, u16

from fastpxe.dnsmasq.convert.sample_networks import sample_networks
from fastpxe.dnsmasq.engine.engine import Answer, Arrival
from fastpxe.firmware.boot import Outcome, boot
from fastpxe.firmware.requests import Client

RANGE = "dhcp-range=192.0.2.0,proxy\n"
OTHER = IPv4Address("192.0.2.9")


def booted(text: str, client: Client, *, is_steered: bool = False) -> Outcome:
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
    assert booted(text, client, is_steered=is_steered) == Outcome("file", "f", OTHER)


@pytest.mark.parametrize("client", [UEFI, IPXE])
def test_a_lone_service_gives_its_file_on_4011(client: Client) -> None:
    text = "dhcp-boot=hidden\npxe-service=x86-64_EFI,Boot,f.efi"
    assert booted(text, client) == Outcome("file", "f.efi")


def test_a_menu_s_only_entry_is_booted() -> None:
    assert booted("dhcp-boot=hidden\npxe-service=x86PC,Boot,f", BIOS) == Outcome("file", "f.0")


@pytest.mark.parametrize("client", [BIOS, UEFI])
def test_all_entries_of_a_menu_are_told(client: Client) -> None:
    name = "x86PC" if client is BIOS else "x86-64_EFI"
    text = f"pxe-service={name},A,a.b\npxe-service={name},B,b.c,{OTHER}\npxe-service={name},Disk,0"
    text += f"\npxe-service={name},Far,7"
    found = booted(text, client)
    assert found == Outcome(
        "file", "a.b", None, (Outcome("file", "b.c", OTHER), Outcome("local"), Outcome("elsewhere"))
    )
    assert str(found) == (
        "a.b from this machine or b.c from 192.0.2.9 or the local disk or a boot server elsewhere"
    )


def test_ipxe_with_a_file_sees_no_menu_of_port_4011() -> None:
    text = "dhcp-boot=f\npxe-service=x86-64_EFI,A,a.b\npxe-service=x86-64_EFI,B,b.c"
    assert booted(text, IPXE) == Outcome("file", "f")


def test_silence_and_an_answer_without_a_file_are_told_apart() -> None:
    assert booted("dhcp-boot=f", BIOS) == Outcome("silent")
    assert booted("dhcp-boot=f", BIOS, is_steered=True) == Outcome("silent")
    assert booted(PROMPT, UEFI) == Outcome("nothing")
    assert str(booted(PROMPT, UEFI)) == "an answer without a file"


def test_http_boot_asks_once_and_a_url_has_no_tftp_server() -> None:
    text = PROMPT + f"dhcp-pxe-vendor=HTTPClient\ndhcp-boot=http://h/f.efi,,{OTHER}"
    assert booted(text, HTTP) == Outcome("file", "http://h/f.efi")


def test_a_name_too_long_for_the_header_is_read_from_option_67() -> None:
    told = message((60, b"HTTPClient"), (67, b"abc\0"), op=2)
    ask: Callable[..., bytes] = lambda *_: told  # noqa: E731 - it answers everything alike
    assert boot(HTTP, OTHER, ask, is_steered=False) == Outcome("file", "abc")


# --- at any server ------------------------------------------------------------------------------

HERE, NO_SERVER = IPv4Address("192.0.2.2"), IPv4Address(0)


def at(client: Client, offer: bytes, ack: bytes | None) -> Outcome:
    """What a client boots that gets this offer, and this answer on port 4011."""
    return boot(
        client, HERE, lambda _datagram, port, *_: offer if port == 67 else ack, is_steered=False
    )


def pxe(*options: tuple[int, bytes], file: bytes = b"", siaddr: IPv4Address = HERE) -> bytes:
    made = (54, HERE.packed), (60, b"PXEClient"), *options
    return message(*made, op=2, file=file, siaddr=siaddr)


def test_ipxe_takes_no_file_without_siaddr() -> None:
    offer = pxe(file=b"a", siaddr=NO_SERVER)
    for ack in None, offer:
        outcome = at(IPXE, offer, ack)
        assert outcome == Outcome("no-server", "a")
        assert str(outcome) == "a from no server, which iPXE doesn't take"
    assert at(IPXE, offer, pxe(file=b"b")) == Outcome("file", "b")
    assert at(UEFI, offer, offer) == Outcome("file", "a")


def test_ipxe_boots_a_url_though_port_4011_is_silent() -> None:
    offer = pxe(file=b"http://h/a", siaddr=NO_SERVER)
    assert at(IPXE, offer, None) == Outcome("file", "http://h/a")


@pytest.mark.parametrize("client", [BIOS, UEFI])
def test_other_firmware_stops_when_port_4011_is_silent(client: Client) -> None:
    assert at(client, pxe(), None) == Outcome("nothing")
    assert at(UEFI, pxe(file=b"a"), None) == Outcome("nothing")


@pytest.mark.parametrize(
    ("control", "kind"), [(7, "nothing"), (3, "nothing"), (2, "elsewhere"), (1, "elsewhere")]
)
@pytest.mark.parametrize("client", [BIOS, UEFI, IPXE])
def test_a_boot_server_that_isn_t_listed_is_searched_for_if_that_is_allowed(
    client: Client, control: int, kind: str
) -> None:
    menu = tlv(6, bytes([control])) + tlv(9, u16(4) + b"\1A") + tlv(10, b"\0Go")
    assert at(client, pxe((43, menu)), pxe(file=b"a")).kind == kind


def test_a_menu_may_come_from_port_4011() -> None:
    listed = tlv(8, u16(4) + b"\1" + HERE.packed)
    menu = (43, tlv(6, b"\7") + listed + tlv(9, u16(4) + b"\1A") + tlv(10, b"\0Go"))
    asked: list[bytes] = []

    def ask(datagram: bytes, _port: int, _source: IPv4Address, _source_port: int) -> bytes:
        asked.append(datagram)
        return (pxe(), pxe(menu), pxe(file=b"a"))[len(asked) - 1]

    assert boot(UEFI, HERE, ask, is_steered=False) == Outcome("file", "a")
    assert [b"\x47\4\0\4\0\0\xff" in datagram for datagram in asked] == [False, False, True]


def test_a_name_with_braces_is_shown_as_it_is() -> None:
    assert str(Outcome("file", "{a}")) == "{a} from this machine"
    assert str(Outcome("no-server", "{a}")).startswith("{a} from no server")


def test_an_ack_with_a_menu_of_nothing_ends_the_boot() -> None:
    empty = pxe((43, tlv(9, b"")), file=b"a")
    for client in BIOS, UEFI, IPXE:
        assert boot(client, HERE, lambda *_: empty, is_steered=True) == Outcome("nothing")
