"""The dnsmasq configurations of FOG's pages boot real firmware, read as they are published.

configs/fog-bios-uefi.conf and fog-uuid.conf are the two that everybody copies, fog-current.conf is
what FOG says today; only the server's address is filled in. All say tftp-root=/tftpboot and leave
TFTP to another server. Here fastpxe is that server as well, by options beside the file: of two
global tftp-root the file's would win, so this one is that of an interface.
"""

from pathlib import Path

import pytest
from dhcp_servers import isc_dhcpd
from machines import DELL_E6230, Bios, Machine, Uefi, Uefi32
from matrix import CONFIGS, mark, with_tftp
from testbed import Lab, Reply

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

BIOS_UEFI = CONFIGS / "fog-bios-uefi.conf"
UUID = CONFIGS / "fog-uuid.conf"
CURRENT = CONFIGS / "fog-current.conf"


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        pytest.param(Bios(), [mark("undionly.kpxe", "bios")], id="bios"),
        pytest.param(Uefi(), [mark("ipxe.efi", "x64")], id="x64"),
    ],
)
def test_bios_and_uefi_page_boots_as_with_dnsmasq(
    lab: Lab, fog_root: Path, machine: Machine, expected: list[str]
) -> None:
    """Both by way of 4011, where the BIOS's menu has its boot server. Answers are dnsmasq's."""
    lab.serve_dhcp(isc_dhcpd)
    with lab.fastpxe("--dnsmasq-conf", BIOS_UEFI, "--", *with_tftp(fog_root)):
        assert lab.boot(machine) == expected
    ours = lab.replies()
    with lab.dnsmasq_proxy(BIOS_UEFI, *with_tftp(fog_root)):
        assert lab.boot(machine) == expected
    theirs = lab.replies()[len(ours) :]
    assert sorted({reply.port for reply in ours}) == [67, 4011]
    assert comparable(ours) == comparable(theirs)


def test_bios_and_uefi_page_boots_ia32(lab: Lab, fog_root: Path) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.fastpxe("--dnsmasq-conf", BIOS_UEFI, "--", *with_tftp(fog_root)):
        assert lab.boot(Uefi32()) == [mark("i386-efi/ipxe.efi", "ia32")]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        pytest.param(Bios(uuid=DELL_E6230), [mark("undionly.kpxe", "bios")], id="bios-e6230"),
        pytest.param(Uefi(uuid=DELL_E6230), [mark("intel.efi", "x64")], id="x64-e6230"),
        pytest.param(Uefi(), [mark("ipxe.efi", "x64")], id="x64-other"),
    ],
)
def test_uuid_page_boots(lab: Lab, fog_root: Path, machine: Machine, expected: list[str]) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.fastpxe("--dnsmasq-conf", UUID, "--", *with_tftp(fog_root)):
        assert lab.boot(machine) == expected


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        pytest.param(Bios(), [mark("undionly.kkpxe", "bios")], id="bios"),
        pytest.param(Uefi(), [mark("snponly.efi", "x64")], id="x64"),
    ],
)
def test_current_page_boots_beside_the_fog_server(
    lab: Lab, fog_root: Path, machine: Machine, expected: list[str]
) -> None:
    """The page's file alone, FOG with its TFTP server at another address.

    Where the page says it, dhcp-range's address picks the subnet and no more.
    """
    config = lab.folder / "fog.conf"
    config.write_text(CURRENT.read_text().replace("10.77.0.2", "10.77.0.3"))
    fog = lab.attach("fog", "10.77.0.3/24")
    lab.serve_dhcp(isc_dhcpd)
    tftp_only = ["--enable-tftp", f"--tftp-root={fog_root}"]
    with lab.fastpxe("--", *tftp_only, name="tftp", at=fog), lab.fastpxe("--dnsmasq-conf", config):
        assert lab.boot(machine) == expected
    assert lab.decoded("udp dst port 69 and dst host 10.77.0.3")


def test_bios_and_uefi_page_boots_with_another_tftp_server(lab: Lab, fog_root: Path) -> None:
    """FOG's usual case: the page's file alone, and a TFTP server of its own on the same host."""
    lab.serve_dhcp(isc_dhcpd)
    tftp_only = ["--enable-tftp", f"--tftp-root={fog_root}"]
    with lab.fastpxe("--", *tftp_only, name="tftp"), lab.fastpxe("--dnsmasq-conf", BIOS_UEFI):
        assert lab.boot(Bios()) == [mark("undionly.kpxe", "bios")]


def comparable(replies: list[Reply]) -> list[tuple[int, str, int, str]]:
    """Return all but xid and secs, which each boot chooses anew.

    A client may ask again, when it's in a hurry or the machine is busy: equal answers count once.
    """
    found = (
        (r.port, str(r.destination), r.destination_port, (r.payload[:4] + r.payload[10:]).hex())
        for r in replies
    )
    return list(dict.fromkeys(found))
