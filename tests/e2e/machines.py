"""The machines that boot: real firmware in QEMU, with a virtio network card and nothing else."""

import re
from pathlib import Path

import msgspec

OVMF = Path("/usr/share/OVMF")

# What colours and places text on a terminal.
ANSI = re.compile(r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|c)")
MARK = re.compile(r"FASTPXE-MARK (.*?) *\r?\n")

# After these, no more good can come.
HOPELESS = ("EFI Internal Shell", "No bootable device", "PXE-E", "No more network devices")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    mac: str = "52:54:00:77:00:01"
    uuid: str = "6f0d5a52-1c3b-4e7a-9d11-0c5b7a2e9f01"
    rom: str = ""  # how the card's option ROM is chosen: QEMU's own, unless said otherwise
    limit_s: float = 60

    def qemu(self, tap: str, serial: Path) -> list[str]:
        """Return the command that boots it."""
        return [
            *("qemu-system-x86_64", *self.firmware(serial.parent)),
            *("-uuid", self.uuid),
            *("-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net,mac={self.mac},bootindex=0{self.rom}"),
            *("-serial", f"file:{serial}"),
            *("-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot"),
        ]

    def firmware(self, folder: Path) -> list[str]:
        raise NotImplementedError


class Bios(Machine, frozen=True, kw_only=True):
    """SeaBIOS; QEMU's ROM for the card is an iPXE."""

    def firmware(self, folder: Path) -> list[str]:  # noqa: ARG002 -- nothing to keep between boots
        return ["-machine", "pc,accel=tcg,graphics=off", "-m", "64"]


class Uefi(Machine, frozen=True, kw_only=True):
    """OVMF and its own PXE client: with the card's ROM, iPXE would replace it."""

    rom: str = ",romfile="
    limit_s: float = 120
    code: str = "OVMF_CODE_4M.fd"
    variables: str = "OVMF_VARS_4M.fd"
    machine: tuple[str, ...] = ("-machine", "q35,accel=tcg,smm=off")

    def firmware(self, folder: Path) -> list[str]:
        variables = folder / self.variables
        variables.write_bytes((OVMF / self.variables).read_bytes())
        return [
            *(*self.machine, "-cpu", "qemu64", "-m", "128"),
            *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF / self.code}"),
            *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
            # Else a failure takes another minute, for IPv6.
            *("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"),
        ]


class UefiHttp(Uefi, frozen=True, kw_only=True):
    """OVMF with nothing but its HTTP Boot entry."""

    def firmware(self, folder: Path) -> list[str]:
        off = ("-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n")
        return [*super().firmware(folder), *off]


class Uefi32(Uefi, frozen=True, kw_only=True):
    """The same of 32 bits. Debian's one build keeps its variables in SMM, so it must have SMM."""

    code: str = "OVMF32_CODE_4M.secboot.fd"
    variables: str = "OVMF32_VARS_4M.fd"
    machine: tuple[str, ...] = (
        *("-machine", "q35,accel=tcg,smm=on"),
        *("-global", "driver=cfi.pflash01,property=secure,value=on"),
    )


def read_serial(path: Path) -> str:
    text = path.read_text(errors="replace") if path.exists() else ""
    return ANSI.sub("", text)


def read_marks(serial: str) -> list[str]:
    """Return what the boot files said of themselves, such as "name=bios.0 arch=bios sum=OK"."""
    return MARK.findall(serial)


def is_hopeless(serial: str) -> bool:
    return any(text in serial for text in HOPELESS)
