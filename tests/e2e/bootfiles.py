"""Boot files that print the proof of their own arrival on the serial port."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent / "bootfiles"
# The real thing, for firmware and boot loaders to load before our scripts.
UNDIONLY = Path("/usr/lib/ipxe/undionly.kpxe")
SNPONLY = Path("/usr/lib/ipxe/snponly.efi")
LKRN = Path("/usr/lib/ipxe/ipxe.lkrn")
SHIM = Path("/usr/lib/shim/shimx64.efi")

TARGETS = {
    "x64": ["x86_64-unknown-windows", "-mno-red-zone"],
    "ia32": ["i386-unknown-windows", "-mno-red-zone"],
    "arm64": ["aarch64-unknown-windows"],
}

# More than 64 KiB in real mode; and an application of the size of a boot loader.
BIOS_PAYLOAD_BYTES = 72_000
EFI_PAYLOAD_BYTES = 900_000
SEED = 0x2545F491


# The boot files of the tests' own rules, and the architecture that each is for.
OWN = {
    "bios.0": "bios",
    "default.efi": "x64",
    "intel.efi": "x64",
    "ia32.efi": "ia32",
    "arm64.efi": "arm64",
    "next.pcbios": "bios",
    "next.efi": "x64",
}
# FOG's names, those of its page for each machine's UUID too. None is an iPXE: all are our own.
FOG = {
    "undionly.kpxe": "bios",
    "undionly.kkpxe": "bios",
    "ipxe.efi": "x64",
    "snponly.efi": "x64",
    "intel.efi": "x64",
    "i386-efi/ipxe.efi": "ia32",
    "i386-efi/snponly.efi": "ia32",
    "arm64-efi/snponly.efi": "arm64",
}


def build(into: Path) -> Path:
    """Make the TFTP root `into` afresh."""
    with workshop(into) as work:
        for name, arch in OWN.items():
            build_file(name, work, arch)
        build_script("efi.ipxe", work, then="default.efi")
        build_script("bios.ipxe", work, then="bios.0")
        for file in (UNDIONLY, SNPONLY):
            shutil.copy(file, work)
        # Debian's shim loads grubx64.efi; what that is doesn't matter where Secure Boot is off.
        build_file("secure/grubx64.efi", work, "x64")
        shutil.copy(SHIM, work / "secure")
    return into


def build_named(into: Path, files: Mapping[str, str]) -> Path:
    """Make a TFTP root of just these files, each for its architecture.

    For "ipxe" it is a script, that loads what is named for iPXE's platform.
    """
    with workshop(into) as work:
        for name, arch in files.items():
            build_file(name, work, arch)
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
            destination.parent.mkdir(parents=True, exist_ok=True)
            file.replace(destination)


def payload(size_bytes: int) -> bytes:
    """Bytes that a boot file can make again, to compare with those it was loaded with."""
    state = SEED
    made = bytearray()
    for _ in range(size_bytes):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        made.append(state >> 24)
    return bytes(made)


def build_file(name: str, work: Path, arch: str) -> None:
    (work / name).parent.mkdir(parents=True, exist_ok=True)
    match arch:
        case "bios":
            build_bios(name, work)
        case "ipxe":
            build_script(name, work, then="next.${platform}")
        case _:
            build_efi(name, work, TARGETS[arch])


def build_efi(name: str, work: Path, target: list[str]) -> None:
    content, compiled = work.parent / "efi.payload", work.parent / "efi.obj"
    run(
        *("clang", "-target", *target, "-ffreestanding", "-fno-stack-protector"),
        *("-O2", "-Wall", "-Wextra", "-Werror"),
        *(f'-DNAME="{name}"', f'-DPAYLOAD="{content}"', f"-DSEED={SEED}u"),
        *("-c", SOURCES / "efi.c", "-o", compiled),
    )
    run(
        *("lld-link", "/subsystem:efi_application", "/entry:efi_main", "/nodefaultlib"),
        *(f"/out:{work / name}", compiled),
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
