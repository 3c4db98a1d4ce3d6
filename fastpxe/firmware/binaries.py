"""Boot files by their names: those that are iPXE, and those for BIOS machines."""

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

# Names of iPXE's own binaries: given to a client that is iPXE, they load each other for ever.
IPXE_BINARIES = (
    "undionly*", "snponly*.efi", "snp.efi", "ipxe*.efi", "ipxe.pxe", "ipxe.lkrn", "*.kpxe",
    "*.kkpxe", "*.kkkpxe",
)  # fmt: skip

BIOS_FILE = re.compile(r"\.(k*pxe|0|com|lkrn|bin)$")


def is_ipxe_binary(file: str) -> bool:
    """True for a file that is iPXE itself, as far as its name tells."""
    name = re.split(r"[/\\]", file)[-1].lower()
    return any(fnmatchcase(name, pattern) for pattern in IPXE_BINARIES)


def is_ipxe_loader(file: str) -> bool:
    name = PurePosixPath(file.replace("\\", "/")).name.lower()
    return name.startswith(("ipxe", "undionly", "snponly", "snp.", "netboot.xyz")) and (
        name.endswith((".efi", ".pxe", ".kpxe", ".kkpxe", ".0"))
    )
