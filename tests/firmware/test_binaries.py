"""Boot files by their names, in every spelling that an offer or a log may have."""

import pytest

from fastpxe.firmware.binaries import is_bios_file, is_ipxe_binary

IPXE = (
    "ipxe.efi", "ipxe.lkrn", "ipxe.pxe", "ipxe.0", "ipxe-arm64.efi", "ipxe-snponly-x86_64.efi",
    "ipxe64.efi", "snp.efi", "snp-arm64.efi", "snponly", "snponly.0", "snponly.efi",
    "snponly-x86-64.efi",
    "undionly", "undionly.0", "undionly.kpxe", "undionly.kkpxe", "undionly.kkkpxe", "intel.kpxe",
    "10ec8139.kkpxe", "netboot.xyz.efi", "netboot.xyz-snp.efi", "netboot.xyz-arm64.efi",
    "netboot.xyz.kpxe", "netboot.xyz-undionly.kpxe", "netboot.xyz.lkrn",
)  # fmt: skip
OTHERS = (
    "", "boot.ipxe", "default.ipxe", "ipxe.cfg", "undionly.ipxe", "snponly.ipxe", "ipxe",
    "snponly.efi.sig", "undionly.kpxe.bak",
    "snapshot.efi", "shimx64.efi", "grubx64.efi", "pxelinux.0", "lpxelinux.0", "wdsnbp.com",
    "netboot.xyz.ipxe", "netboot.xyz", "bootx64.efi", "ipxe.efi/menu", "kpxe",
)  # fmt: skip
PLACES = ("{}", "x64/{}", "/srv/tftp/{}", "Boot\\x64\\{}", "http://h/{}", "http://h/{}?mac=1")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", IPXE)
def test_ipxe_s_binaries_are_known_by_their_names(name: str, place: str) -> None:
    file = place.format(name)
    assert is_ipxe_binary(file)
    assert is_ipxe_binary(file.upper())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", OTHERS)
def test_scripts_and_other_loaders_are_none(name: str, place: str) -> None:
    assert not is_ipxe_binary(place.format(name))


@pytest.mark.parametrize("file", ["pxelinux.0", "UNDIONLY.KPXE", "a/ipxe.lkrn", "x.pxe", "y.com"])
def test_files_for_bios_machines(file: str) -> None:
    assert is_bios_file(file)


@pytest.mark.parametrize("file", ["a.efi", "boot.ipxe", "pxelinux.0/x", "lkrn", "http://h/a"])
def test_files_that_are_not_for_bios_alone(file: str) -> None:
    assert not is_bios_file(file)
