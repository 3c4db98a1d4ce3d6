"""What firmware does with an offer, by its option 43: EDK2, BIOS ROMs and iPXE."""

import pytest

from fastpxe.firmware.next_step import NextStep, menu_entries, next_step

DIRECT = bytes.fromhex("060108ff")
MENU = bytes.fromhex("06010009088000054c696e7578ff")
WITH_LOCAL_DISK = bytes.fromhex("091000000544697363218000054469736332ff")


@pytest.mark.parametrize(
    ("arch", "vendor", "unusual", "step"),
    [
        (7, b"", "", "4011"),
        (7, DIRECT, "", "fetch"),
        (7, bytes.fromhex("060107ff"), "", "4011"),
        (7, bytes.fromhex("0600ff"), "", "4011"),
        (0, b"", "", "fetch"),
        (0, b"", "names no file", "4011"),
        (None, b"", "", "fetch"),
        (7, b"", "ipxe", "fetch"),
        (7, b"", "ipxe, names no file", "4011"),
        (0, MENU, "", "4011"),
        (7, MENU, "", "4011"),
        (7, WITH_LOCAL_DISK, "", "choice"),
        (7, bytes.fromhex("0902ffffff"), "", "4011"),
    ],
)
def test_what_firmware_does_next(
    arch: int | None, vendor: bytes, unusual: str, step: NextStep
) -> None:
    found = next_step(
        arch, vendor, ipxe="ipxe" in unusual, names_file="names no file" not in unusual
    )
    assert found == step


def test_entries_of_a_menu_end_at_one_that_overruns() -> None:
    assert list(menu_entries(WITH_LOCAL_DISK)) == [(0, "Disc!"), (0x8000, "Disc2")]
    assert list(menu_entries(bytes.fromhex("090a8000014180010941ff"))) == []
    assert list(menu_entries(bytes.fromhex("09088000014180010941ff"))) == [(0x8000, "A")]
