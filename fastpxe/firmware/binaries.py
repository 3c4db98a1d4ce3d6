"""Boot files by their names: those that are iPXE, and those for BIOS machines."""

import re
from fnmatch import fnmatchcase

IPXE_BINARIES = (
    "undionly", "undionly*.0", "undionly*.pxe", "snponly", "snponly*.efi", "snponly*.0", "snp.efi",
    "snp-*.efi", "ipxe*.efi", "ipxe*.pxe", "ipxe*.lkrn", "ipxe*.0", "netboot.xyz*.efi",
    "netboot.xyz*.lkrn", "*.kpxe", "*.kkpxe", "*.kkkpxe",
)  # fmt: skip
"""Names of iPXE's own binaries: given to a client that is iPXE, they load each other forever."""

_BIOS_FILE = re.compile(r"\.(k*pxe|0|com|lkrn|bin)$", re.IGNORECASE)


def is_ipxe_binary(file: str) -> bool:
    """Whether a file is iPXE itself, as far as the name in its path or URL shows."""
    name = re.split(r"[/\\]", file.partition("?")[0])[-1].lower()
    return any(fnmatchcase(name, pattern) for pattern in IPXE_BINARIES)


def is_bios_file(file: str) -> bool:
    """Whether a file is for BIOS machines alone, as far as its name shows."""
    return bool(_BIOS_FILE.search(file))
