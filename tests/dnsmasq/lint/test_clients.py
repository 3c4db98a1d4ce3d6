"""Findings about the replies: each in a configuration with it, and in one without."""

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.lint.clients import check_clients
from fastpxe.dnsmasq.lint.sweep import sweep
from fastpxe.findings import Finding

HEAD = "dhcp-range=10.88.0.1,proxy\npxe-prompt=p\n"


def findings(text: str) -> list[Finding]:
    parsed = read(HEAD + text)
    return list(check_clients(parsed, sweep(parsed, None)))


def names(text: str) -> list[str]:
    return [finding.name for finding in findings(text)]


def only(text: str, name: str) -> Finding:
    (finding,) = (finding for finding in findings(text) if finding.name == name)
    return finding


X64 = "dhcp-match=set:x64,93,7\n"
SERVICE = "pxe-service=x86-64_EFI,Boot,a.efi,10.88.0.9\n"


# --- a dhcp-boot that a lone pxe-service hides --------------------------------------------------


def test_a_lone_service_hides_the_boot_line_of_a_uefi_architecture() -> None:
    finding = only(f"{X64}dhcp-boot=tag:x64,b.efi,,10.88.0.9\n{SERVICE}", "hidden-boot")
    assert finding.where == "f.conf:4"
    assert finding.effect.startswith("uefi-x64 (7) never gets this file")
    assert finding.effect.endswith("f.conf:5 has a.efi")


@pytest.mark.parametrize(
    "text",
    [
        f"{X64}dhcp-boot=tag:x64,a.efi,,10.88.0.9\n{SERVICE}",
        f"{X64}dhcp-boot=tag:x64,b.efi\n{SERVICE}pxe-service=x86-64_EFI,Other,c.efi\n",
        f"dhcp-boot=undionly.kpxe\n{SERVICE}",
        "dhcp-match=set:bios,93,0\ndhcp-boot=tag:bios,b\npxe-service=x86PC,Boot,a\n",
        f"{X64}dhcp-boot=tag:x64,b.efi\n",
    ],
    ids=["the same file and server", "a menu of two", "a fallback for BIOS", "BIOS", "no service"],
)
def test_other_boot_lines_are_not_hidden(text: str) -> None:
    assert "hidden-boot" not in names(text)


def test_a_boot_line_of_one_machine_is_hidden_as_well() -> None:
    text = f"dhcp-mac=set:lab,52:54:00:*:*:*\ndhcp-boot=tag:lab,b.efi\n{SERVICE}"
    assert only(text, "hidden-boot").where == "f.conf:4"


# --- untagged lines in the last place -----------------------------------------------------------


def test_a_line_without_tags_in_the_last_place_replaces_nothing() -> None:
    finding = only(f"{X64}dhcp-boot=tag:x64,a.efi\ndhcp-boot=b.efi\n", "untagged-boot-last")
    assert finding.where == "f.conf:5"
    assert "uefi-x64 (7) can get f.conf:4" in finding.effect


@pytest.mark.parametrize(
    "text",
    [
        f"{X64}dhcp-boot=b.efi\ndhcp-boot=tag:x64,a.efi\n",
        "dhcp-boot=a.efi\ndhcp-boot=b.efi\n",
        "dhcp-boot=tag:nobody,a.efi\ndhcp-boot=b.efi\n",
    ],
    ids=["it comes first", "all without tags", "the tag is never set"],
)
def test_a_line_without_tags_elsewhere_is_no_trap(text: str) -> None:
    assert "untagged-boot-last" not in names(text)


# --- the wrong file -----------------------------------------------------------------------------


def test_the_fallback_of_bios_reaches_other_architectures() -> None:
    finding = only(f"{X64}dhcp-boot=pxelinux.0\ndhcp-boot=tag:x64,a.efi\n", "bios-file-for-uefi")
    assert finding.where == "f.conf:4"
    assert finding.effect.startswith(
        "uefi-ia32 (6), uefi-ebc (9), uefi-arm32 (10), uefi-arm64 (11) gets pxelinux.0"
    )


def test_a_service_can_have_the_wrong_file() -> None:
    finding = only("pxe-service=11,Boot,undionly.kpxe\n", "bios-file-for-uefi")
    assert finding.advice == "write a file for UEFI in this line"


def test_bios_can_get_a_file_of_uefi() -> None:
    finding = only("dhcp-boot=snponly.efi\n", "uefi-file-for-bios")
    assert (
        finding.effect
        == "bios (0) gets snponly.efi, which is for UEFI: it downloads the file and hangs"
    )


@pytest.mark.parametrize(
    "text",
    [
        "dhcp-match=set:bios,93,0\ndhcp-boot=tag:bios,pxelinux.0\n",
        "dhcp-mac=set:lab,52:54:00:*:*:*\ndhcp-boot=tag:lab,pxelinux.0\n",
        "pxe-service=x86-64_EFI,Boot,noDot\n",
        "dhcp-boot=grub\n",
    ],
    ids=["tagged", "a named machine", "a suffix that dnsmasq adds", "a name that says nothing"],
)
def test_a_file_for_the_right_machines_is_none(text: str) -> None:
    assert not {"bios-file-for-uefi", "uefi-file-for-bios"} & set(names(text))


# --- x64 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("csa", ["x86-64_EFI", "BC_EFI", "7", "9"])
def test_one_of_the_two_numbers_of_x64_is_not_enough(csa: str) -> None:
    finding = only(f"pxe-service={csa},Boot,a.efi\n", "x64-has-two-numbers")
    assert finding.where == "f.conf:3"
    assert "no file" in finding.effect
    assert "before dnsmasq 2.76" in finding.effect


def test_both_numbers_of_x64_may_not_differ() -> None:
    text = "pxe-service=7,Boot,a.efi\npxe-service=9,Boot,b.efi\n"
    assert "with 7 it gets a.efi, with 9 b.efi" in only(text, "x64-has-two-numbers").effect


@pytest.mark.parametrize(
    "text",
    [
        "pxe-service=7,Boot,a.efi\npxe-service=9,Boot,a.efi\n",
        "pxe-service=7,Boot,a.efi\ndhcp-match=set:ebc,93,9\ndhcp-boot=tag:ebc,a.efi\n",
        "dhcp-boot=a.efi\n",
    ],
    ids=["both", "the other by dhcp-boot", "no service"],
)
def test_x64_machines_that_get_the_same_are_no_trap(text: str) -> None:
    assert "x64-has-two-numbers" not in names(text)


# --- iPXE ---------------------------------------------------------------------------------------


def test_ipxe_that_gets_itself_goes_round() -> None:
    finding = only("pxe-service=x86PC,Boot,undionly.kpxe\ndhcp-boot=ipxe.efi\n", "ipxe-loop")
    assert finding.where == "f.conf:3"
    assert "undionly.kpxe to bios (0)" in finding.effect
    assert "ipxe.efi to uefi-ia32 (6), uefi-x64 (7)" in finding.effect


@pytest.mark.parametrize(
    "text",
    [
        "dhcp-match=set:i,175\ndhcp-boot=ipxe.efi\ndhcp-boot=tag:i,http://10.88.0.1/boot.ipxe\n",
        "dhcp-userclass=set:i,iPXE\ndhcp-boot=tag:!i,ipxe.efi\n",
        "dhcp-boot=grubx64.efi\n",
    ],
    ids=["a script", "nothing for iPXE", "no iPXE"],
)
def test_ipxe_that_gets_something_else_does_not(text: str) -> None:
    assert "ipxe-loop" not in names(text)


# --- classes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hint",
    [
        "pxe-service=16,Boot,http://10.88.0.1/a.efi",
        "dhcp-vendorclass=set:h,HTTPClient",
        "dhcp-match=set:h,93,16",
        "dhcp-match=set:h,60,HTTPClient",
        "dhcp-boot=http://10.88.0.1/a.efi",
    ],
)
def test_http_boot_that_is_hinted_at_is_never_answered(hint: str) -> None:
    finding = only(f"{hint}\n", "http-unanswered")
    assert finding.where == "f.conf:3"
    assert "uefi-x64-http (16)" in finding.effect
    assert names(f"{hint}\ndhcp-pxe-vendor=PXEClient,HTTPClient\n").count("http-unanswered") == 0


@pytest.mark.parametrize(
    "text",
    ["dhcp-boot=a.efi\n", "dhcp-boot=tag:ipxe,http://10.88.0.1/a.ipxe\n", "dhcp-match=set:h,93\n"],
)
def test_http_boot_that_nobody_wants_is_no_trap(text: str) -> None:
    assert "http-unanswered" not in names(text)


VENDORS = "dhcp-pxe-vendor=PXEClient,HTTPClient\n"


def test_http_boot_needs_a_url_in_the_offer() -> None:
    assert only(f"{VENDORS}dhcp-boot=a.efi\n", "http-without-url").where == "f.conf:4"
    lone = "pxe-service=16,Boot,http://10.88.0.1/a.efi\n"
    assert only(VENDORS + lone, "http-without-url").where == "f.conf:4"
    assert only(VENDORS, "http-without-url").where == "f.conf:1"
    assert "http-without-url" not in names(f"{VENDORS}dhcp-boot=http://10.88.0.1/a.efi\n")


def test_dhcp_pxe_vendor_replaces_pxeclient() -> None:
    finding = only("dhcp-pxe-vendor=HTTPClient\ndhcp-boot=a.efi\n", "pxe-clients-left-out")
    assert finding.advice == "write dhcp-pxe-vendor=PXEClient,HTTPClient"
    assert "pxe-clients-left-out" not in names(VENDORS)


# --- option 43 ----------------------------------------------------------------------------------


def test_a_menu_that_is_too_large_is_left_out() -> None:
    text = f"pxe-service=x86PC,{'m' * 120},a\n" * 3
    finding = only(text, "menu-too-large")
    assert finding.where == "f.conf:5"
    assert finding.effect.startswith('bios (0) gets no menu: "PXE menu too large"')
    assert "menu-too-large" not in names(text.replace("m" * 120, "m" * 60))


def test_a_menu_that_the_packet_has_no_room_for_is_left_out() -> None:
    options = "".join(f"dhcp-option=vendor:PXEClient,{code},{'v' * 250}\n" for code in range(5))
    assert "no space left" in only(f"{options}pxe-service=0,Boot,a\n", "menu-too-large").effect


def test_two_prompts_for_one_client_are_a_trap() -> None:
    finding = only("pxe-prompt=second\n", "several-prompts")
    assert finding.where == "f.conf:3"
    assert finding.effect.startswith("bios (0), uefi-ia32 (6)")
    assert "uefi-x64-http" not in finding.effect


def test_two_prompts_for_different_clients_are_none() -> None:
    assert "several-prompts" not in names("pxe-prompt=tag:nobody,second\n")
