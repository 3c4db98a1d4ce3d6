"""Real iPXE asks for a script, says who it is, and runs what was made for it."""

import pytest
from dhcp_servers import isc_dhcpd
from machines import Bios, Machine, Uefi
from testbed import Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

SCRIPT = """#!ipxe
echo FASTPXE-MARK uuid={{ uuid }}
echo FASTPXE-MARK mac={{ mac }} arch={{ arch }} rule={{ rule }}
{% if arch == "bios" %}chain {{ files }}/bios.0{% else %}chain {{ files }}/default.efi{% endif %}
"""

RULES = """
[[boot]]
name = "all iPXE"
ipxe = true
file = "boot.ipxe"

[[boot]]
arch = "uefi-x64"
file = "snponly.efi"
"""


@pytest.mark.parametrize(
    ("machine", "http", "arch", "loaded"),
    [
        (Bios(), "", "bios", "name=bios.0 arch=bios sum=OK"),
        (Uefi(), "[http]\nenabled = true\n", "uefi-x64", "name=default.efi arch=x64 sum=OK"),
    ],
    ids=["bios-tftp", "uefi-http"],
)
def test_ipxe_says_who_it_is_and_gets_its_own_script(
    lab: Lab, machine: Machine, http: str, arch: str, loaded: str
) -> None:
    folder = lab.folder / "scripts"
    folder.mkdir()
    (folder / "boot.ipxe").write_text(SCRIPT)
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(f'scripts = "{folder}"\n{http}{RULES}'):
        marks = lab.boot(machine)
    said = f"mac={machine.mac} arch={arch} rule=all%20iPXE"
    assert marks == [f"uuid={machine.uuid}", said, loaded]
