"""Boot loaders that fetch their own files."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bootfiles
import packages
import pytest
from dhcp_servers import isc_dhcpd
from machines import Bios
from served import pattern
from testbed import RESPONDER, Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

PXELINUX = Path("/usr/lib/PXELINUX/pxelinux.0")
LDLINUX = Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
GRUB = Path("/usr/lib/grub/i386-pc")

RULES = """
[[boot]]
name = "bios"
arch = "bios"
file = "{file}"
"""

MENU = """
SERIAL 0
DEFAULT ours
LABEL ours
    PXE bios.0
"""

# `sha256sum` reads the file over TFTP; what it prints is compared here.
GRUB_SCRIPT = """
serial --unit=0
terminal_output serial
echo -n "FASTPXE-MARK "
sha256sum ($root)/big
halt
"""

# Each block is a packet of its own here: the test bed's Ethernet has no offloads.
LOSS = """
table bridge loss {
    counter to_machine { }
    counter from_machine { }
    chain forward {
        type filter hook forward priority 0
        oifname "tap0" udp sport { 67, 4011 } accept
        iifname "tap0" udp dport { 67, 4011 } accept
        oifname "tap0" meta l4proto udp numgen random mod 100 < 5 counter name to_machine drop
        iifname "tap0" meta l4proto udp numgen random mod 100 < 5 counter name from_machine drop
    }
}
"""


def lose_a_twentieth(lab: Lab) -> None:
    lab.bridge.run("nft", "-f", "-", stdin=LOSS)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if absent := packages.missing():
        pytest.fail(f"apt-get install --no-install-recommends {' '.join(absent)}")
    root = bootfiles.build(tmp_path / "tftp")
    with Lab(tmp_path, root) as lab:
        yield lab
        print(*(f"--- {title}\n{text}" for title, text in lab.report()), sep="\n")  # noqa: T201 - shown beneath a failure


def test_pxelinux_looks_for_its_menu_and_loads_from_it(lab: Lab) -> None:
    shutil.copy(PXELINUX, lab.tftp_root)
    shutil.copy(LDLINUX, lab.tftp_root)
    menus = lab.tftp_root / "pxelinux.cfg"
    menus.mkdir()
    (menus / "default").write_text(MENU)
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(RULES.format(file="pxelinux.0")):
        assert lab.boot(Bios()) == ["name=bios.0 arch=bios sum=OK"]
    asked = lab.requested_files()
    assert asked[:2] == ["pxelinux.0", "ldlinux.c32"]
    assert asked[-2:] == ["pxelinux.cfg/default", "bios.0"]
    # It asks for the menu of the machine first, and for those of smaller and smaller networks.
    assert len(asked) > 8


@pytest.mark.parametrize("is_lossy", [False, True], ids=["", "lossy"])
def test_grub_loads_its_modules_and_a_file(lab: Lab, *, is_lossy: bool) -> None:
    if is_lossy:
        lose_a_twentieth(lab)
    modules = lab.tftp_root / "grub/i386-pc"
    shutil.copytree(GRUB, modules, ignore=shutil.ignore_patterns("*.img", "*.image"))
    (lab.tftp_root / "grub/grub.cfg").write_text(GRUB_SCRIPT)
    big = pattern(200_000 if is_lossy else 3_000_000)
    (lab.tftp_root / "big").write_bytes(big)
    # The server is named: GRUB takes it from the DHCP server's answer, not from the proxy's.
    subprocess.run(
        [
            *("grub-mkimage", "-O", "i386-pc-pxe", "-d", GRUB, "-o", lab.tftp_root / "core.0"),
            *("-p", f"(tftp,{RESPONDER})/grub", "pxe", "tftp"),
        ],
        check=True,
    )
    lab.serve_dhcp(isc_dhcpd)
    with lab.responder(RULES.format(file="core.0")):
        (mark,) = lab.boot(Bios())
    assert mark.split()[0] == hashlib.sha256(big).hexdigest()
    assert "/grub/i386-pc/normal.mod" in lab.requested_files()
    assert is_lossy == any(lab.lost().values())
