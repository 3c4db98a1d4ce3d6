"""`check` on whole configurations: those of FOG's guides, the recorded ones, and random ones."""

import re
from ipaddress import IPv4Interface
from pathlib import Path
from random import Random

import pytest
from dnsmasq_golden import config, recorded
from dnsmasq_random import RandomConfig
from dnsmasq_text import read
from hypothesis import given
from hypothesis import strategies as st
from project import DOCS

from fastpxe.dnsmasq.lint import lint as check_module
from fastpxe.dnsmasq.lint.lint import check
from fastpxe.dnsmasq.syntax.directives import DIRECTIVES
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.errors import ConfigError
from fastpxe.findings import Finding

ETH0 = (InterfaceAddresses(name="eth0", networks=(IPv4Interface("10.88.0.7/24"),)),)


def found(parsed: DnsmasqConfig) -> list[tuple[int, str]]:
    """Line and name of each finding."""
    return [(int(f.where.rpartition(":")[2]), f.name) for f in check(parsed, None, None)]


def find(parsed: DnsmasqConfig, name: str) -> Finding:
    return next(f for f in check(parsed, None, None) if f.name == name)


SEED1 = [
    (8, "tftp-off"),
    (11, "bios-file-for-uefi"),
    (11, "ipxe-loop"),
    (15, "no-override"),
    (18, "tag-never-tested"),
    (25, "hidden-boot"),
    (26, "hidden-boot"),
    (35, "service-without-server"),
    (36, "service-without-server"),
    (37, "service-without-server"),
]
SEED2 = [
    (7, "tftp-off"),
    (11, "no-override"),
    (14, "tag-never-tested"),
    (24, "ipxe-loop"),
    (32, "untagged-boot-last"),
    (32, "bios-file-for-uefi"),
]


@pytest.mark.parametrize(("name", "expected"), [("seed1", SEED1), ("seed2", SEED2)])
def test_the_old_guides_of_fog_have_these_findings(
    name: str, expected: list[tuple[int, str]]
) -> None:
    assert found(config(f"configs/{name}.conf")) == expected


def test_the_findings_of_the_first_guide_name_clients_and_files() -> None:
    seed = config("configs/seed1.conf")
    assert find(seed, "bios-file-for-uefi").effect == (
        "uefi-arm32 (10), uefi-arm64 (11) gets undionly.kpxe, which is for BIOS: the firmware "
        "downloads it, refuses it and stops"
    )
    assert find(seed, "hidden-boot").effect == (
        "uefi-x64 (7) never gets this file: the only pxe-service of a UEFI architecture replaces "
        "every dhcp-boot, and configs/seed1.conf:36 has ipxe.efi"
    )
    assert find(seed, "service-without-server").advice == (
        "end the line with the TFTP server's address: …,undionly.kpxe,10.88.0.1, or add "
        "enable-tftp if this machine has the files"
    )


FOG_NOW = """\
port=0
tftp-root=/tftpboot
dhcp-boot=undionly.kkpxe,,10.88.0.1
dhcp-no-override
dhcp-vendorclass=BIOS,PXEClient:Arch:00000
dhcp-vendorclass=UEFI32,PXEClient:Arch:00006
dhcp-vendorclass=UEFI,PXEClient:Arch:00007
dhcp-vendorclass=UEFI64,PXEClient:Arch:00009
dhcp-boot=net:UEFI32,i386-efi/snponly.efi,,10.88.0.1
dhcp-boot=net:UEFI,snponly.efi,,10.88.0.1
dhcp-boot=net:UEFI64,snponly.efi,,10.88.0.1
pxe-prompt="Booting FOG Client", 1
pxe-service=X86PC, "Boot to FOG", undionly.kkpxe, 10.88.0.1
pxe-service=X86-64_EFI, "Boot to FOG UEFI", snponly.efi, 10.88.0.1
pxe-service=BC_EFI, "Boot to FOG UEFI PXE-BC", snponly.efi, 10.88.0.1
dhcp-range=10.88.0.1,proxy
"""


def test_the_present_guide_of_fog_has_few() -> None:
    assert found(read(FOG_NOW)) == [
        (2, "tftp-off"),
        (3, "bios-file-for-uefi"),
        (3, "ipxe-loop"),
        (4, "no-override"),
        (5, "tag-never-tested"),
    ]


SOUND = """\
enable-tftp
tftp-root=/srv/tftp
dhcp-range=10.88.0.0,proxy,255.255.255.0
dhcp-match=set:ipxe,175
dhcp-match=set:bios,option:client-arch,0
dhcp-match=set:x64,option:client-arch,7
dhcp-match=set:x64,option:client-arch,9
dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe
dhcp-boot=tag:x64,tag:!ipxe,snponly.efi
dhcp-boot=tag:ipxe,http://10.88.0.1/boot.ipxe
pxe-prompt="Network boot",1
"""


def test_a_sound_configuration_has_no_finding() -> None:
    assert check(read(SOUND), ETH0, {"undionly.kpxe", "snponly.efi"}.__contains__) == []


def test_findings_are_in_the_order_of_the_lines() -> None:
    lines = [line for line, _ in found(read(FOG_NOW + "dhcp-option=66,x\n"))]
    assert lines == sorted(lines)


def test_a_finding_in_arguments_is_counted_by_argument() -> None:
    parsed = read("", "--dhcp-range=10.0.0.0,proxy", "--pxe-prompt=x", "--dhcp-match=set:a,97,0*:1")
    wheres = {f.where for f in check(parsed, None, None)}
    assert wheres == {"command line:3"}


# --- never an exception -------------------------------------------------------------------------

STARTED = sorted({exchange.config for exchange in recorded() if not exchange.startup_failed})


@pytest.mark.parametrize("path", STARTED)
def test_every_recorded_configuration_can_be_checked(path: str) -> None:
    for finding in [*check(config(path), None, None), *check(config(path), ETH0, lambda _: False)]:
        assert all((finding.name, finding.where, finding.effect, finding.advice))


@pytest.mark.parametrize("seed", range(60))
def test_every_random_configuration_can_be_checked(seed: int) -> None:
    parsed = read(RandomConfig(Random(seed)).file)  # noqa: S311 - not for secrets
    check(parsed, ETH0 if seed % 2 else None, lambda _: False)


FIELDS = st.sampled_from(
    ["set:a", "tag:a", "tag:!a", "net:b", "a", "97", "93", "60", "175", "0", "7", "x86PC", "16",
     "BC_EFI", "00:44:*", "0*:1", "0044:45", "00-44", "0007", "4c4c", '"text"', "PXE*", "proxy",
     "10.88.0.0", "10.88.0.1 10.88.0.1", "255.0.255.0", "255.255.255.255", "24", "f", "f.efi", "",
     "http://10.0.0.1/x.efi", "ipxe.efi", "vendor:PXEClient", "10", "HTTPClient", "PXEClient",
     "52:54:00:*:*:*", "52-54-00-12-34-56", "ignore", "eth*", "m" * 200, "lab*", "\N{SNOWMAN}"]
)  # fmt: skip
READ_NO_FILE = sorted(
    set(DIRECTIVES) - {"addn-hosts", "hostsdir", "dhcp-hostsdir", "dhcp-optsdir", "read-ethers"}
)
LINES = st.tuples(
    st.sampled_from(READ_NO_FILE),
    st.lists(FIELDS | st.text(st.characters(max_codepoint=0x24F), max_size=8), max_size=5),
)


def accepted(lines: list[tuple[str, list[str]]]) -> DnsmasqConfig:
    """What remains when the lines that dnsmasq refuses are left out."""
    text = "dhcp-range=10.88.0.0,proxy\npxe-prompt=p\n"
    for key, values in lines:
        more = f"{text}{key}={','.join(values)}\n" if values else f"{text}{key}\n"
        try:
            read(more)
        except ConfigError:
            continue
        text = more
    return read(text)


@given(st.lists(LINES, max_size=12))
def test_whatever_is_accepted_can_be_checked(lines: list[tuple[str, list[str]]]) -> None:
    parsed = accepted(lines)
    for finding in [*check(parsed, None, None), *check(parsed, ETH0, lambda _: False)]:
        assert all((finding.name, finding.where, finding.effect, finding.advice))


# --- the documentation --------------------------------------------------------------------------


def test_every_finding_is_in_the_documentation() -> None:
    sources = Path(check_module.__file__).parent.glob("*.py")
    names = {n for path in sources for n in re.findall(r'name="([\w-]+)"', path.read_text())}
    page = DOCS / "reference" / "command.md"
    described = set(re.findall(r"`([\w-]+)`", page.read_text()))
    assert names
    assert names <= described
