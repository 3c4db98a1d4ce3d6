"""Which clients `check` asks for, at which places, and what each of them downloads."""

from ipaddress import IPv4Address, IPv4Interface

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.lint.sweep import ARCHES, ClientResult, sweep
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses

HEAD = "dhcp-range=10.88.0.1,proxy\npxe-prompt=p\n"
ETH9 = InterfaceAddresses(name="eth9", networks=(IPv4Interface("10.88.0.7/24"),))
LO = InterfaceAddresses(name="lo", networks=(IPv4Interface("127.0.0.1/8"),))


def results(text: str) -> tuple[ClientResult, ...]:
    return sweep(read(HEAD + text), None).results


def files(text: str, arch: int, *, is_ipxe: bool = False) -> list[str]:
    (result,) = (
        s for s in results(text) if (s.arch, s.is_ipxe, s.is_ordinary) == (arch, is_ipxe, True)
    )
    return [file for _, file in result.files()]


def test_every_architecture_is_asked_for_as_firmware_and_as_ipxe() -> None:
    kinds = {(result.arch, result.is_ipxe) for result in results("")}
    assert kinds == {(arch, ipxe) for arch in ARCHES for ipxe in (False, True)} - {(16, True)}


def test_an_architecture_that_a_service_names_is_asked_for_too() -> None:
    assert {result.arch for result in results("pxe-service=39,x,y\npxe-service=70000,x,y\n")} == {
        *ARCHES,
        39,
    }


# --- places -------------------------------------------------------------------------------------


def test_the_machine_s_own_interfaces_count_where_a_proxy_range_covers_them() -> None:
    swept = sweep(read(HEAD), [LO, ETH9])
    assert {result.offer.interface for result in swept.results} == {"eth9"}
    assert IPv4Address("10.88.0.7") in swept.own


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("", "10.88.0.1"),
        ("dhcp-range=10.99.0.0,proxy\n", "10.99.0.1"),
        ("dhcp-range=10.99.0.0,proxy,255.255.255.255\n", "10.99.0.0"),
        ("dhcp-range=10.99.0.0,proxy,255.0.255.0\n", "10.99.0.1"),
        ("interface=nosuch\nlisten-address=10.9.9.9\ndhcp-range=10.99.0.3,proxy\n", "10.99.0.3"),
    ],
)
def test_elsewhere_a_place_is_made_up_for_each_range(text: str, own: str) -> None:
    swept = sweep(read(HEAD + text), [LO])
    assert IPv4Address(own) in swept.own
    owns = {
        str(result.offer.chosen.own) for result in swept.results if result.offer.chosen is not None
    }
    assert own in owns


def test_a_made_up_place_has_the_name_of_the_interface_that_is_served() -> None:
    assert {result.offer.interface for result in results("interface=br*\n")} == {"br"}


def test_without_a_proxy_range_there_is_nobody_to_ask() -> None:
    assert sweep(read("dhcp-range=10.0.0.1,10.0.0.9\n"), None).results == ()


# --- special machines ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "dhcp-mac=set:t,52:54:00:*:*:*",
        "dhcp-match=set:t,97,00:44:45:4c:4c",
        "dhcp-match=set:t,vi-encap:4491,x",
        "dhcp-userclass=set:t,office",
        "dhcp-vendorclass=set:t,Lenovo",
        "dhcp-name-match=set:t,lab*",
        "dhcp-circuitid=set:t,eth0/1",
        "dhcp-host=18:66:da:00:00:01,set:t",
    ],
)
def test_there_is_a_machine_for_each_tag_of_single_machines(line: str) -> None:
    special = [result for result in results(f"{line}\n") if not result.is_ordinary]
    assert special
    assert all("t" in {tag.name for tag in result.offer.tags} for result in special)


@pytest.mark.parametrize(
    "line",
    [
        "dhcp-match=set:t,93,27",
        "dhcp-match=set:t,175",
        "dhcp-vendorclass=set:t,PXEClient:Arch:00027",
        "dhcp-userclass=set:t,iPXE",
        "dhcp-host=18:66:da:00:00:01",
    ],
)
def test_there_is_none_for_what_the_kind_of_client_decides(line: str) -> None:
    assert all(result.is_ordinary for result in results(f"{line}\n"))


def test_there_is_one_machine_for_several_lines_with_one_tag() -> None:
    lines = "".join(f"dhcp-mac=set:t,52:54:00:00:00:{n:02x}\n" for n in range(50))
    assert len(results(lines)) == 2 * len(results(""))


# --- files --------------------------------------------------------------------------------------


def test_bios_gets_every_entry_of_its_menu_or_its_dhcp_boot() -> None:
    menu = "pxe-service=0,One,one\npxe-service=0,Two,two.kpxe\npxe-service=0,Disk,0\n"
    assert files(f"{menu}dhcp-boot=b\n", 0) == ["one.0", "two.kpxe"]
    assert files("dhcp-boot=b\n", 0) == ["b"]
    assert files("", 0) == []


def test_uefi_gets_its_only_service_or_the_menu_or_its_dhcp_boot() -> None:
    assert files("pxe-service=7,One,one.efi\ndhcp-boot=b\n", 7) == ["one.efi"]
    menu = "pxe-service=7,One,one.efi\npxe-service=7,Two,two\n"
    assert files(f"{menu}dhcp-boot=b\n", 7) == ["one.efi", "two.0"]
    assert files("dhcp-boot=b\n", 7) == ["b"]


def test_ipxe_on_uefi_goes_by_the_offer_s_file_and_sees_no_menu() -> None:
    menu = "pxe-service=7,One,one.efi\npxe-service=7,Two,two\n"
    assert files(f"{menu}dhcp-boot=b\n", 7, is_ipxe=True) == ["b"]
    assert files(menu, 7, is_ipxe=True) == ["one.efi", "two.0"]


def test_http_boot_goes_by_the_offer_alone() -> None:
    vendors = "dhcp-pxe-vendor=PXEClient,HTTPClient\n"
    assert files(f"{vendors}dhcp-boot=http://10.88.0.1/a.efi\n", 16) == ["http://10.88.0.1/a.efi"]
    assert files(f"{vendors}pxe-service=16,x,a.efi\ndhcp-boot=b\n", 16) == []
    assert files("dhcp-boot=b\n", 16) == []
