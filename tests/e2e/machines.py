"""The machines that boot: real firmware in QEMU, with a network card and nothing else."""

import re
import subprocess
from pathlib import Path
from typing import ClassVar

import msgspec

OVMF = Path("/usr/share/OVMF")
AAVMF = Path("/usr/share/AAVMF")

DELL_E6230 = "4c4c4544-0038-3610-804e-c4c04f4a5831"  # the UUID of a machine that gets its own file

# What colours and places text on a terminal.
ANSI = re.compile(r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|c)")
MARK = re.compile(r"FASTPXE-MARK (.*?) *\r?\n")

# After these, no more good can come.
HOPELESS = ("EFI Internal Shell", "No bootable device", "PXE-E", "No more network devices")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    arch: ClassVar[str]  # as its boot files call it
    says_ipxe: ClassVar[bool] = False
    is_disguised: ClassVar[bool] = False  # see disguise.py

    card: str = "virtio-net-pci"
    mac: str = "52:54:00:77:00:01"
    uuid: str = "6f0d5a52-1c3b-4e7a-9d11-0c5b7a2e9f01"
    rom: str = ""  # how the card's option ROM is chosen: QEMU's own, unless said otherwise
    limit_s: float = 60

    def qemu(self, tap: str, serial: Path) -> list[str]:
        """Return the command that boots it."""
        return [
            *self.firmware(serial.parent),
            *("-uuid", self.uuid),
            *("-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no"),
            *("-device", f"{self.card},netdev=net,mac={self.mac},bootindex=0{self.rom}"),
            *("-serial", f"file:{serial}"),
            *("-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot"),
        ]

    def firmware(self, folder: Path) -> list[str]:
        """Return QEMU's name, and the options that make the machine around the card."""
        raise NotImplementedError


class Bios(Machine, frozen=True, kw_only=True):
    """SeaBIOS; QEMU's ROM for the card is an iPXE."""

    arch = "bios"
    says_ipxe = True

    def firmware(self, folder: Path) -> list[str]:  # noqa: ARG002 -- nothing to keep between boots
        return ["qemu-system-x86_64", "-machine", "pc,accel=tcg,graphics=off", "-m", "64"]


class BiosRom(Bios, frozen=True, kw_only=True):
    """The same, and the ROM doesn't say that it is an iPXE."""

    says_ipxe = False
    is_disguised = True


class Uefi(Machine, frozen=True, kw_only=True):
    """OVMF and its own PXE client, or HTTP client: with the card's ROM, iPXE would replace it."""

    arch = "x64"

    http: bool = False
    rom: str = ",romfile="
    limit_s: float = 120
    code: Path = OVMF / "OVMF_CODE_4M.fd"
    variables: Path = OVMF / "OVMF_VARS_4M.fd"
    machine: tuple[str, ...] = (
        *("qemu-system-x86_64", "-machine", "q35,accel=tcg,smm=off"),
        *("-cpu", "qemu64", "-m", "128"),
    )

    def firmware(self, folder: Path) -> list[str]:
        variables = folder / self.variables.name
        # ARM's have 64 MiB, and are all holes.
        subprocess.run(["cp", "--sparse=always", self.variables, variables], check=True)
        return [
            *self.machine,
            *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={self.code}"),
            *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
            # Else a failure takes another minute, for IPv6; and PXE comes before HTTP.
            *("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"),
            *("-fw_cfg", f"name=opt/org.tianocore/IPv4PXESupport,string={'ny'[not self.http]}"),
        ]


class UefiIpxe(Uefi, frozen=True, kw_only=True):
    """OVMF and the card's ROM: an iPXE as EFI driver."""

    says_ipxe = True
    rom: str = ""


class Uefi32(Uefi, frozen=True, kw_only=True):
    """The same of 32 bits. Debian's one build keeps its variables in SMM, so it must have SMM."""

    arch = "ia32"

    code: Path = OVMF / "OVMF32_CODE_4M.secboot.fd"
    variables: Path = OVMF / "OVMF32_VARS_4M.fd"
    machine: tuple[str, ...] = (
        *("qemu-system-x86_64", "-machine", "q35,accel=tcg,smm=on"),
        *("-global", "driver=cfi.pflash01,property=secure,value=on"),
        *("-cpu", "qemu64", "-m", "128"),
    )


class UefiArm64(Uefi, frozen=True, kw_only=True):
    """AAVMF, the same for ARM64. The cards' ROMs have nothing for this processor."""

    arch = "arm64"

    limit_s: float = 240
    code: Path = AAVMF / "AAVMF_CODE.fd"
    variables: Path = AAVMF / "AAVMF_VARS.fd"
    machine: tuple[str, ...] = (
        *("qemu-system-aarch64", "-machine", "virt,accel=tcg,gic-version=2"),
        *("-cpu", "cortex-a57", "-m", "256"),
    )


def read_serial(path: Path) -> str:
    text = path.read_text(errors="replace") if path.exists() else ""
    return ANSI.sub("", text)


def read_marks(serial: str) -> list[str]:
    """Return what the boot files said of themselves, such as "name=bios.0 arch=bios sum=OK"."""
    return MARK.findall(serial)


def is_hopeless(serial: str) -> bool:
    return any(text in serial for text in HOPELESS)
