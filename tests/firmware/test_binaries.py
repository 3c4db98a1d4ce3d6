"""Boot files that are iPXE, by their names."""

import pytest

from fastpxe.firmware.binaries import is_ipxe_binary


@pytest.mark.parametrize("file", ["undionly.kpxe", "x/SNPONLY.efi", "x\\ipxe.efi", "intel.kkpxe"])
def test_ipxe_s_own_binaries_are_known_by_their_names(file: str) -> None:
    assert is_ipxe_binary(file)
