"""Boot files that print the proof of their own arrival on the serial port."""

import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "bootfiles"
UNDIONLY = Path("/usr/lib/ipxe/undionly.kpxe")

EFI_NAMES = ("default.efi", "intel.efi")
BIOS_NAMES = ("bios.0", "script.0")

# More than 64 KiB in real mode; and an application of the size of a boot loader.
BIOS_PAYLOAD_BYTES = 72_000
EFI_PAYLOAD_BYTES = 900_000
SEED = 0x2545F491


def build(into: Path) -> Path:
    """Make the TFTP root `into` afresh.

    Each file appears there by rename, whole or not at all: another run may be using the folder.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        work = Path(folder)
        for name in EFI_NAMES:
            build_efi(name, work)
        for name in BIOS_NAMES:
            build_bios(name, work)
        build_script("default.ipxe", then="script.0", work=work)
        (work / UNDIONLY.name).write_bytes(UNDIONLY.read_bytes())
        for name in (*EFI_NAMES, *BIOS_NAMES, "default.ipxe", UNDIONLY.name):
            (work / name).replace(into / name)
    return into


def payload(size_bytes: int) -> bytes:
    """Bytes that a boot file can make again, to compare with those it was loaded with."""
    state = SEED
    made = bytearray()
    for _ in range(size_bytes):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        made.append(state >> 24)
    return bytes(made)


def build_efi(name: str, work: Path) -> None:
    content = work / "efi.payload"
    if not content.exists():
        content.write_bytes(payload(EFI_PAYLOAD_BYTES))
    compiled = work / f"{name}.obj"
    run(
        *("clang", "-target", "x86_64-unknown-windows", "-ffreestanding", "-fno-stack-protector"),
        *("-mno-red-zone", "-O2", "-Wall", "-Wextra", "-Werror"),
        *(f'-DNAME="{name}"', f'-DPAYLOAD="{content}"', f"-DSEED={SEED}u"),
        *("-c", SOURCES / "efi.c", "-o", compiled),
    )
    run(
        *("lld-link", "/subsystem:efi_application", "/entry:efi_main", "/nodefaultlib"),
        *(f"/out:{work / name}", compiled),
    )


def build_bios(name: str, work: Path) -> None:
    content = work / "bios.payload"
    if not content.exists():
        content.write_bytes(payload(BIOS_PAYLOAD_BYTES))
    run(
        *("nasm", "-f", "bin", "-Werror"),
        *("-D", f"NAME='{name}'", "-D", f"PAYLOAD='{content}'", "-D", f"SEED={SEED}"),
        *(SOURCES / "bios.asm", "-o", work / name),
    )


def build_script(name: str, *, then: str, work: Path) -> None:
    text = (SOURCES / "script.ipxe").read_text()
    (work / name).write_text(text.format(name=name, then=then))


def run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stderr}{done.stdout}"
