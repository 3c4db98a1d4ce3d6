"""Boot files that print the proof of their own arrival on the serial port."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent / "bootfiles"
# The real thing, for firmware to load before our scripts.
IPXE = (Path("/usr/lib/ipxe/undionly.kpxe"), Path("/usr/lib/ipxe/snponly.efi"))
SHIM = Path("/usr/lib/shim/shimx64.efi")

X64 = "x86_64-unknown-windows"
IA32 = "i386-unknown-windows"

# More than 64 KiB in real mode; and an application of the size of a boot loader.
BIOS_PAYLOAD_BYTES = 72_000
EFI_PAYLOAD_BYTES = 900_000
SEED = 0x2545F491


def build(into: Path) -> Path:
    """Make the TFTP root `into` afresh."""
    with workshop(into) as work:
        build_efi("default.efi", work)
        build_efi("intel.efi", work)
        build_bios("bios.0", work)
        build_script("efi.ipxe", work, then="default.efi")
        build_script("bios.ipxe", work, then="bios.0")
        for file in IPXE:
            shutil.copy(file, work)
        # Debian's shim loads grubx64.efi; what that is doesn't matter where Secure Boot is off.
        build_efi("secure/grubx64.efi", work)
        shutil.copy(SHIM, work / "secure")
    return into


def build_fog(into: Path) -> Path:
    """Make a TFTP root with the names of FOG's boot files. None is an iPXE: all are our own."""
    with workshop(into) as work:
        for name in "undionly.kpxe", "undionly.kkpxe":
            build_bios(name, work)
        for name in "ipxe.efi", "snponly.efi", "intel.efi":
            build_efi(name, work)
        build_efi("i386-efi/ipxe.efi", work, target=IA32)
    return into


@contextmanager
def workshop(into: Path) -> Iterator[Path]:
    """Give a folder to fill, and bring its files to `into`; what is beside it is thrown away.

    Each file appears there by rename, whole or not at all: another run may be using the folder.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        beside = Path(folder)
        (beside / "efi.payload").write_bytes(payload(EFI_PAYLOAD_BYTES))
        (beside / "bios.payload").write_bytes(payload(BIOS_PAYLOAD_BYTES))
        work = beside / "files"
        work.mkdir()
        yield work
        for file in filter(Path.is_file, work.rglob("*")):
            destination = into / file.relative_to(work)
            destination.parent.mkdir(exist_ok=True)
            file.replace(destination)


def payload(size_bytes: int) -> bytes:
    """Bytes that a boot file can make again, to compare with those it was loaded with."""
    state = SEED
    made = bytearray()
    for _ in range(size_bytes):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        made.append(state >> 24)
    return bytes(made)


def build_efi(name: str, work: Path, *, target: str = X64) -> None:
    content, compiled = work.parent / "efi.payload", work.parent / "efi.obj"
    file = work / name
    file.parent.mkdir(exist_ok=True)
    run(
        *("clang", "-target", target, "-ffreestanding", "-fno-stack-protector"),
        *("-mno-red-zone", "-O2", "-Wall", "-Wextra", "-Werror"),
        *(f'-DNAME="{name}"', f'-DPAYLOAD="{content}"', f"-DSEED={SEED}u"),
        *("-c", SOURCES / "efi.c", "-o", compiled),
    )
    run(
        *("lld-link", "/subsystem:efi_application", "/entry:efi_main", "/nodefaultlib"),
        *(f"/out:{file}", compiled),
    )


def build_bios(name: str, work: Path) -> None:
    content = work.parent / "bios.payload"
    run(
        *("nasm", "-f", "bin", "-Werror"),
        *("-D", f"NAME='{name}'", "-D", f"PAYLOAD='{content}'", "-D", f"SEED={SEED}"),
        *(SOURCES / "bios.asm", "-o", work / name),
    )


def build_script(name: str, work: Path, *, then: str) -> None:
    text = (SOURCES / "script.ipxe").read_text()
    (work / name).write_text(text.format(name=name, then=then))


def run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stderr}{done.stdout}"
