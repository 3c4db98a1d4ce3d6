"""Real firmware boots, beside a DHCP server that knows nothing of it.

A boot has passed when the file that the machine loaded says so itself, on the serial port.
"""

import shutil
from pathlib import Path

import pytest
from dhcp_servers import DhcpServer, dnsmasq, isc_dhcpd
from machines import DELL_E6230, Bios, Uefi, read_serial
from testbed import Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

RULES = f"""
[[boot]]
name = "Dell E6230"
arch = ["uefi-x64"]
uuid = "{DELL_E6230}"
file = "intel.efi"

[[boot]]
name = "uefi"
arch = "uefi-x64"
file = "default.efi"

[[boot]]
name = "bios"
arch = "bios"
file = "bios.0"
"""

BIOS = ["name=bios.0 arch=bios sum=OK"]
DEFAULT = ["name=default.efi arch=x64 sum=OK"]
INTEL = ["name=intel.efi arch=x64 sum=OK"]

DIRECT = """
[[boot]]
name = "uefi"
arch = "uefi-x64"
file = "default.efi"
style = "direct"
"""

HTTP = """
[http]
enabled = true

[[boot]]
name = "uefi"
arch = ["uefi-x64", "uefi-x64-http"]
file = "default.efi"
"""

MENU = """
[[boot]]
name = "uefi"
arch = "uefi-x64"
timeout_s = 1

[[boot.item]]
text = "The usual"
file = "default.efi"

[[boot.item]]
text = "Another"
file = "intel.efi"
"""

SHIM = """
[[boot]]
name = "uefi"
arch = "uefi-x64"
file = "secure/shimx64.efi"
"""

# QEMU's BIOS ROM for the card is an iPXE too, so the rule has to say that iPXE shall load iPXE.
# The vendor class tells the two apart: the one that is loaded says no more than "PXEClient".
CHAIN = """
[[boot]]
name = "bios"
arch = "bios"
ipxe = true
vendor_class = "PXEClient:Arch:00000:*"
file = "undionly.kpxe"

[[boot]]
name = "bios-ipxe"
arch = "bios"
ipxe = true
file = "bios.ipxe"

[[boot]]
name = "efi-ipxe"
arch = "uefi-x64"
ipxe = true
file = "efi.ipxe"

[[boot]]
name = "efi"
arch = "uefi-x64"
file = "snponly.efi"
"""


@pytest.mark.parametrize("dhcp_server", [isc_dhcpd, dnsmasq])
def test_bios_boots(lab: Lab, dhcp_server: DhcpServer) -> None:
    lab.serve_dhcp(dhcp_server)
    with lab.responder(RULES):
        assert lab.boot(Bios()) == BIOS


@pytest.mark.parametrize("dhcp_server", [isc_dhcpd, dnsmasq])
def test_uefi_boots_by_way_of_4011(lab: Lab, dhcp_server: DhcpServer) -> None:
    lab.serve_dhcp(dhcp_server)
    with lab.responder(RULES):
        assert lab.boot(Uefi()) == DEFAULT
    assert lab.decoded("udp dst port 4011 and dst host 10.77.0.2")


def test_uefi_boots_straight_from_a_direct_offer(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(DIRECT):
        assert lab.boot(Uefi()) == DEFAULT
    assert not lab.decoded("udp port 4011")


@pytest.mark.parametrize("dhcp_server", [isc_dhcpd, dnsmasq])
def test_uefi_boots_over_http_from_our_own_server(lab: Lab, dhcp_server: DhcpServer) -> None:
    lab.serve_dhcp(dhcp_server)
    with lab.responder(HTTP):
        assert lab.boot(Uefi(http=True)) == DEFAULT
    asked = [line for line in lab.log_of("fastpxe") if " http-" in line]
    assert ["method=HEAD" in asked[0], "method=GET" in asked[1]] == [True, True]
    assert all("http-done" in line for line in asked)


def test_uefi_boots_the_first_item_of_its_menu(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(MENU):
        assert lab.boot(Uefi()) == DEFAULT
    (line,) = (line for line in lab.log_of("fastpxe") if " ack " in line)
    assert "file=default.efi" in line
    assert "Boot menu" in read_serial(lab.serials[0])


def test_bios_loads_ipxe_and_that_its_script(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(CHAIN):
        assert lab.boot(Bios()) == ["name=bios.ipxe arch=ipxe sum=UNCHECKED", *BIOS]
    assert lab.requested_files() == ["undionly.kpxe", "bios.ipxe", "bios.0"]


def test_uefi_loads_ipxe_and_that_its_script(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(CHAIN):
        assert lab.boot(Uefi()) == ["name=efi.ipxe arch=ipxe sum=UNCHECKED", *DEFAULT]
    # Twice: EDK2 first asks for the size alone.
    assert lab.requested_files() == ["snponly.efi", "snponly.efi", "efi.ipxe", "default.efi"]


@pytest.mark.parametrize("style", ["binl", "direct"])
def test_shim_asks_us_for_its_second_stage(lab: Lab, style: str) -> None:
    """From the folder that it came from itself: the DHCP server names no file, and we do."""
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(SHIM + f'style = "{style}"'):
        assert lab.boot(Uefi()) == ["name=secure/grubx64.efi arch=x64 sum=OK"]
    assert lab.requested_files()[-1] == "secure/grubx64.efi"
    assert not lab.decoded("udp dst port 69 and not dst host 10.77.0.2")


def test_uuid_of_dell_e6230_gets_its_own_file(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(RULES):
        assert lab.boot(Uefi(uuid=DELL_E6230)) == INTEL


def test_uuid_of_dell_e6230_gets_the_bios_file_in_bios_mode(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(RULES):
        assert lab.boot(Bios(uuid=DELL_E6230)) == BIOS


def test_bios_boots_where_a_tenth_of_tftp_is_lost(lab: Lab) -> None:
    lab.serve_dhcp(isc_dhcpd)
    lab.lose_one_packet_of(10)
    with lab.responder(RULES):
        assert lab.boot(Bios()) == BIOS
    # Else the rules matched nothing, and the boot proves nothing.
    assert all(lab.lost().values())


def test_damaged_file_says_so(lab: Lab, tftp_root: Path) -> None:
    """Sum=OK means something: one wrong byte, the last, and it's another word."""
    lab.tftp_root = shutil.copytree(tftp_root, lab.folder / "damaged")
    file = lab.tftp_root / "bios.0"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(RULES):
        assert lab.boot(Bios()) == ["name=bios.0 arch=bios sum=BAD"]
