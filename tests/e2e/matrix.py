"""What is booted: every machine, with each way to configure fastpxe, beside each DHCP server."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import bootfiles
from dhcp_servers import DhcpServer, dnsmasq, isc_dhcpd, kea
from machines import Bios, BiosRom, Machine, Uefi, Uefi32, UefiArm64, UefiIpxe
from testbed import Lab

HERE = Path(__file__).parent
CONFIGS = HERE / "configs"

MACHINES: dict[str, Machine] = {
    "bios-rom": BiosRom(),
    "bios": Bios(),
    "bios-e1000": Bios(card="e1000"),
    "x64": Uefi(),
    "x64-ipxe": UefiIpxe(),
    "x64-ipxe-e1000": UefiIpxe(card="e1000"),
    "ia32": Uefi32(),
    "arm64": UefiArm64(),
}
HTTP_MACHINES: dict[str, Machine] = {
    "x64-http": Uefi(http=True),
    "ia32-http": Uefi32(http=True),
    "arm64-http": UefiArm64(http=True),
}
DHCP_SERVERS: dict[str, DhcpServer] = {"isc": isc_dhcpd, "dnsmasq": dnsmasq, "kea": kea}

# What each profile names: docs/how-to/profiles.md. There is none for "rpi": QEMU has no firmware of
# a Raspberry Pi that boots from the network; tests/corpus has its packets.
PROFILES = {
    "fog-1.6": {
        "bios": "undionly.kkpxe",
        "x64": "snponly.efi",
        "ia32": "i386-efi/snponly.efi",
        "arm64": "arm64-efi/snponly.efi",
        "ipxe": "default.ipxe",
    },
    "fog-1.5": {
        "bios": "undionly.kpxe",
        "x64": "ipxe.efi",
        "ia32": "i386-efi/ipxe.efi",
        "arm64": "arm64-efi/ipxe.efi",
        "ipxe": "default.ipxe",
    },
    "netbootxyz": {
        "bios": "netboot.xyz.kpxe",
        "x64": "netboot.xyz.efi",
        "arm64": "netboot.xyz-arm64.efi",
    },
    "ipxe": {
        "bios": "undionly.kpxe",
        "x64": "snponly.efi",
        "ia32": "snponly-i386.efi",
        "arm64": "snponly-arm64.efi",
        "ipxe": "autoexec.ipxe",
    },
    "secure-boot": {
        "bios": "i386/undionly.kpxe",
        "x64": "x86_64-sb/snponly-shim.efi",
        "ia32": "i386/snponly.efi",
        "arm64": "arm64-sb/snponly-shim.efi",
        "ipxe": "autoexec.ipxe",
    },
}
PAGES = {
    "fog-bios-uefi.conf": {
        "bios": "undionly.kpxe",
        "x64": "ipxe.efi",
        "ia32": "i386-efi/ipxe.efi",
    },
    "fog-uuid.conf": {
        "bios": "undionly.kpxe",
        "x64": "ipxe.efi",
        "ia32": "i386-efi/ipxe.efi",
    },
    "fog-current.conf": {
        "bios": "undionly.kkpxe",
        "x64": "snponly.efi",
        "ia32": "i386-efi/snponly.efi",
        "arm64": "arm64-efi/snponly.efi",
    },
}
OWN = {"bios": "bios.0", "x64": "default.efi", "ia32": "ia32.efi", "arm64": "arm64.efi"}
FILES: dict[str, dict[str, str]] = {
    "none": PROFILES["fog-1.6"],
    **PROFILES,
    **PAGES,
    "binl": OWN,
    "direct": OWN,
    "menu": OWN,
    "http": OWN,
}
NEXT = {"next.pcbios": "bios", "next.efi": "x64"}  # what a profile's script loads

ARCHITECTURES = {"bios": "bios", "x64": "uefi-x64", "ia32": "uefi-ia32", "arm64": "uefi-arm64"}
RULE = """
[[boot]]
arch = "{arch}"
file = "{file}"
style = "{style}"
reply_delay_s = {delay_s}
"""
MENU = """
[[boot]]
arch = "{arch}"
timeout_s = 1
[[boot.item]]
text = "The usual"
file = "{file}"
[[boot.item]]
text = "Another"
file = "next.efi"
"""


class Cell(NamedTuple):
    machine: str
    config: str
    dhcp_server: str

    @property
    def expected(self) -> list[str]:
        """What the boot files say, in order."""
        machine = (MACHINES | HTTP_MACHINES)[self.machine]
        files = FILES[self.config]
        if not machine.says_ipxe or "ipxe" not in files:
            return [mark(files[machine.arch], machine.arch)]
        script = f"name={files['ipxe']} arch=ipxe sum=UNCHECKED"
        return [script, mark("next.pcbios" if machine.arch == "bios" else "next.efi", machine.arch)]


def mark(name: str, arch: str) -> str:
    return f"name={name} arch={arch} sum=OK"


def cells() -> Iterator[Cell]:
    """Every cell whose machine gets a file."""
    for config in FILES:
        for machine in HTTP_MACHINES if config == "http" else MACHINES:
            if gets_a_file(machine, config):
                for dhcp_server in DHCP_SERVERS:
                    yield Cell(machine, config, dhcp_server)


def gets_a_file(name: str, config: str) -> bool:
    machine = (MACHINES | HTTP_MACHINES)[name]
    match config:
        case "netbootxyz" if machine.says_ipxe and machine.arch == "bios":
            return False  # its name says iPXE, which is not told to load itself
        case "menu" if machine.says_ipxe:
            return False  # iPXE would take the menu for its file
    return machine.arch in FILES[config]


@cache  # a second test finds the folder as the first made it: nobody changes it
def root(config: str) -> Path:
    """Make the TFTP root of a configuration: its files, and no others."""
    files = {name: arch for arch, name in FILES[config].items()}
    return bootfiles.build_named(HERE / "build" / config / "tftpboot", files | NEXT)


def running(lab: Lab, config: str) -> AbstractContextManager[None]:
    """Run fastpxe with one of FILES."""
    if config == "none":
        return lab.fastpxe_without_configuration()
    if config in PROFILES:
        return lab.responder("", top=f'profile = "{config}"')
    if config in PAGES:
        return lab.fastpxe("--dnsmasq-conf", CONFIGS / config, "--", *with_tftp(lab.tftp_root))
    return lab.responder(rules(config))


def rules(config: str, *, delay_s: float = 0) -> str:
    """Return the tables of one of the configurations that are our own."""
    if config == "http":
        files = {f"{ARCHITECTURES[arch]}-http": OWN[arch] for arch in ("x64", "ia32", "arm64")}
        top = "[http]\nenabled = true\n"
    else:
        files = {ARCHITECTURES[arch]: file for arch, file in OWN.items()}
        top = ""
    template = MENU if config == "menu" else RULE
    style = "direct" if config == "direct" else "binl"
    return top + "".join(
        template.format(arch=arch, file=file, style=style, delay_s=delay_s)
        for arch, file in files.items()
    )


def with_tftp(folder: Path) -> list[str]:
    """Return the options that add a TFTP server. This machine may well have no /tftpboot."""
    return ["--enable-tftp", f"--tftp-root={folder},eth0", "--tftp-no-fail"]
