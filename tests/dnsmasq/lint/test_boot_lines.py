"""Findings about the lines of the reply: each in a configuration with it, and in one without."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.lint.boot_lines import check_lines, missing_files
from fastpxe.findings import Finding

OWN = frozenset({IPv4Address("10.88.0.1")})


def findings(text: str, **files: str) -> list[Finding]:
    return list(check_lines(read(text, **files), OWN))


def names(text: str) -> list[str]:
    return [finding.name for finding in findings(text)]


def only(text: str, name: str) -> Finding:
    (finding,) = (finding for finding in findings(text) if finding.name == name)
    return finding


# --- dhcp-boot ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("a", "b"),
        ("tag:x,a", "tag:x,b"),
        ("tag:x,tag:y,a", "tag:y,b"),
        ("tag:!x,tag:y,a", "tag:!x,b"),
    ],
)
def test_a_boot_line_before_another_that_always_applies_is_dead(earlier: str, later: str) -> None:
    finding = only(f"dhcp-boot={earlier}\ndhcp-boot={later}\n", "dead-boot")
    assert finding.where == "f.conf:1"
    assert finding.effect.startswith("a is never sent: f.conf:2 applies whenever")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("a", "tag:x,b"), ("tag:x,a", "b"), ("tag:x,a", "tag:x,tag:y,b"), ("tag:x,a", "tag:!x,b")],
)
def test_a_boot_line_that_sometimes_wins_is_alive(earlier: str, later: str) -> None:
    assert names(f"dhcp-boot={earlier}\ndhcp-boot={later}\n") == []


def test_a_blank_for_a_comma_makes_the_address_a_name() -> None:
    finding = only("dhcp-boot=tag:x,intel.efi, 10.88.0.1 10.88.0.1\n", "space-for-comma")
    assert "no address" in finding.effect
    assert finding.advice == "write intel.efi,,10.88.0.1"


def test_an_address_in_the_place_of_the_name_is_none() -> None:
    assert only("dhcp-boot=a.efi,10.88.0.9\n", "address-as-name").advice == (
        "write a.efi,,10.88.0.9"
    )


@pytest.mark.parametrize(
    "fields", ["", ",,10.88.0.9", ",boot server,10.88.0.9", ",10.88.0.9,10.88.0.9"]
)
def test_an_address_in_its_place_is_no_trap(fields: str) -> None:
    assert names(f"dhcp-boot=a.efi{fields}\n") == []


@pytest.mark.parametrize("line", ["dhcp-boot=a,,fog.lab", "pxe-service=x86PC,Boot,a,fog.lab"])
def test_a_server_s_name_must_be_known(line: str) -> None:
    finding = only(f"{line}\nport=0\nenable-tftp\n", "server-unknown")
    assert finding.where == "f.conf:1"
    assert "with port=0 there are none" in finding.effect
    assert finding.effect.endswith("clients get 0.0.0.0 as the server")
    known = f"{line}\nhost-record=fog.lab,10.88.0.1\n"
    assert "server-unknown" not in names(known)


def test_a_field_too_many_is_part_of_the_server_s_name() -> None:
    finding = only("dhcp-boot=a,,10.88.0.1,10.88.0.2\n", "server-unknown")
    assert "the rest of the line is one name" in finding.effect


# --- pxe-service --------------------------------------------------------------------------------

SERVICE = "pxe-service=x86PC,Boot,undionly.kpxe\n"


def test_a_service_without_server_needs_tftp_here() -> None:
    finding = only(f"tftp-root=/tftpboot\n{SERVICE}", "service-without-server")
    assert finding.where == "f.conf:2"
    assert finding.effect.startswith("bios (0) requests undionly.kpxe from this machine")
    assert "PXEBS or TFTP times out" in finding.effect
    assert finding.advice.endswith(
        "…,undionly.kpxe,ADDRESS, or add enable-tftp if this machine has the files"
    )


def test_a_service_without_server_goes_wrong_where_the_files_are_elsewhere() -> None:
    text = f"enable-tftp\ntftp-root=/t\ndhcp-boot=a,,10.88.0.9\n{SERVICE}"
    finding = only(text, "service-without-server")
    assert "although by f.conf:3 the files are on 10.88.0.9:" in finding.effect
    assert (
        finding.advice == "end the line with the TFTP server's address: …,undionly.kpxe,10.88.0.9"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"enable-tftp\ntftp-root=/t\n{SERVICE}",
        f"enable-tftp\ntftp-root=/t\ndhcp-boot=a,,10.88.0.1\n{SERVICE}",
        "pxe-service=x86PC,Boot,a,10.88.0.9\n",
        "pxe-service=x86PC,Local boot,0\n",
        "pxe-service=x86PC,Boot,http://10.88.0.1/a\n",
        "pxe-service=16,Boot,a.efi\n",
    ],
    ids=["TFTP is here", "and dhcp-boot says so", "a server", "local boot", "a URL", "HTTP"],
)
def test_a_service_that_leads_to_its_file_is_no_trap(text: str) -> None:
    assert names(text) == []


def test_an_empty_text_in_the_menu_is_a_trap() -> None:
    assert "dnsmasq crashes" in only("pxe-service=0,,a,10.0.0.1\n", "empty-menu-text").effect


# --- the rest -----------------------------------------------------------------------------------


def test_a_delay_holds_everybody_up_in_dnsmasq() -> None:
    finding = only("dhcp-reply-delay=2\n", "reply-delay")
    assert finding.effect.startswith("each reply is sent 2 s late, after iPXE has given up")
    assert "given up" not in only("dhcp-reply-delay=1\n", "reply-delay").effect
    assert names("dhcp-reply-delay=0\n") == []


def test_ignore_in_a_host_has_no_effect() -> None:
    finding = only("dhcp-host=52:54:00:12:34:56,ignore\n", "host-ignore")
    assert "dhcp-ignore=tag:never" in finding.advice
    assert names("dhcp-host=52:54:00:12:34:56,set:never\ndhcp-ignore=tag:never\n") == []


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("dhcp-option=66,10.88.0.1", "write dhcp-boot=FILE,,ADDRESS"),
        ("dhcp-option-force=67,a.efi", "write dhcp-boot=FILE,,ADDRESS"),
        ("dhcp-option=tag:x,150,10.88.0.1", "write dhcp-boot=FILE,,ADDRESS"),
        ("dhcp-option=option:tftp-server,x", "write dhcp-boot=FILE,,ADDRESS"),
        ("dhcp-option=3,10.88.0.66", "set it in the DHCP server"),
        ("dhcp-option=encap:175,190,x", "set it in the DHCP server"),
    ],
)
def test_options_are_never_sent(line: str, advice: str) -> None:
    finding = only(f"{line}\n", "option-never-sent")
    assert finding.effect.startswith(line)
    assert finding.advice.startswith(advice)


def test_options_inside_option_43_are_sent() -> None:
    assert names("dhcp-option=vendor:PXEClient,1,0.0.0.0\n") == []


def test_dhcp_no_override_changes_nothing() -> None:
    assert only("dhcp-no-override\n", "no-override").where == "f.conf:1"


def test_skipped_lines_are_reported() -> None:
    (finding,) = findings("dhcp-optsfile=opts.txt\n", opts_txt="nonsense\n")
    assert (finding.name, finding.where) == ("line-skipped", "opts.txt:1")


# --- files --------------------------------------------------------------------------------------

HERE = "enable-tftp\ntftp-root=/t\n"


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("dhcp-boot=none.efi", "none.efi"),
        ("dhcp-boot=none.efi,,10.88.0.1", "none.efi"),
        ("pxe-service=x86PC,Boot,none", "none.0"),
        ("pxe-service=x86PC,Boot,none.kpxe,10.88.0.1", "none.kpxe"),
    ],
)
def test_a_file_that_is_not_here_is_missing(line: str, file: str) -> None:
    parsed = read(f"{HERE}{line}\n")
    (finding,) = missing_files(parsed, OWN, lambda _: False)
    assert (finding.name, finding.where) == ("missing-file", "f.conf:3")
    assert finding.effect.startswith(f"{file} is not under the TFTP root")
    assert list(missing_files(parsed, OWN, file.__eq__)) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{HERE}dhcp-boot=a,,10.88.0.9\n",
        f"{HERE}dhcp-boot=a,,fog.lab\n",
        f"{HERE}dhcp-boot=http://10.88.0.1/a\n",
        f"{HERE}dhcp-boot=\n",
        f"{HERE}pxe-service=x86PC,Local boot,0\n",
        "dhcp-boot=a\n",
    ],
    ids=["another server", "a name", "a URL", "no file", "local boot", "no TFTP here"],
)
def test_a_file_that_is_not_fetched_from_here_is_not_missing(text: str) -> None:
    assert list(missing_files(read(text), OWN, lambda _: False)) == []
