"""Boot files that print the proof of their own arrival on the serial port."""

import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "bootfiles"
# The real thing, for firmware to load before our scripts.
IPXE = (Path("/usr/lib/ipxe/undionly.kpxe"), Path("/usr/lib/ipxe/snponly.efi"))

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
        made = [
            build_efi("default.efi", work),
            build_efi("intel.efi", work),
            build_bios("bios.0", work),
            build_script("efi.ipxe", work, then="default.efi"),
            build_script("bios.ipxe", work, then="bios.0"),
            *(Path(shutil.copy(file, work)) for file in IPXE),
        ]
        for file in made:
            file.replace(into / file.name)
    return into


def payload(size_bytes: int) -> bytes:
    """Bytes that a boot file can make again, to compare with those it was loaded with."""
    state = SEED
    made = bytearray()
    for _ in range(size_bytes):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        made.append(state >> 24)
    return bytes(made)


def build_efi(name: str, work: Path) -> Path:
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
    return work / name


def build_bios(name: str, work: Path) -> Path:
    content = work / "bios.payload"
    if not content.exists():
        content.write_bytes(payload(BIOS_PAYLOAD_BYTES))
    run(
        *("nasm", "-f", "bin", "-Werror"),
        *("-D", f"NAME='{name}'", "-D", f"PAYLOAD='{content}'", "-D", f"SEED={SEED}"),
        *(SOURCES / "bios.asm", "-o", work / name),
    )
    return work / name


def build_script(name: str, work: Path, *, then: str) -> Path:
    text = (SOURCES / "script.ipxe").read_text()
    (work / name).write_text(text.format(name=name, then=then))
    return work / name


def run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stderr}{done.stdout}"
