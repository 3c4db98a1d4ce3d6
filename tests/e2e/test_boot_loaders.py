"""Boot loaders that a rule hands out, and what they load: a menu, and the file that it names."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import bootfiles
import pytest
from matrix import DHCP_SERVERS, MACHINES, mark
from testbed import RESPONDER, Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

RULE = """
[[boot]]
name = "a loader"
file = "loader"
"""

# The commands of an iPXE that is loaded as a Linux kernel.
IPXE = f"dhcp && chain tftp://{RESPONDER}/bios.ipxe"

PXELINUX = Path("/usr/lib/PXELINUX/pxelinux.0")
MODULES = Path("/usr/lib/syslinux/modules/bios")
PXELINUX_MENU = f"""
SERIAL 0
UI menu.c32
TIMEOUT 10
LABEL ours
    MENU DEFAULT
    KERNEL ipxe.lkrn
    APPEND {IPXE}
"""

GRUB = Path("/usr/lib/grub")
GRUB_MENU = {
    "i386-pc": f"""
serial --unit=0
terminal_output serial
set timeout=1
menuentry ours {{
    linux16 /ipxe.lkrn {IPXE.replace("&&", "'&&'")}
}}
""",
    "x86_64-efi": """
set timeout=1
menuentry ours {
    chainloader /default.efi
}
""",
}

BY_IPXE = ["name=bios.ipxe arch=ipxe sum=UNCHECKED", mark("bios.0", "bios")]


def pxelinux(root: Path) -> None:
    shutil.copy(PXELINUX, root / "loader")
    for name in "ldlinux.c32", "libutil.c32", "menu.c32":
        shutil.copy(MODULES / name, root)
    (root / "pxelinux.cfg").mkdir()
    (root / "pxelinux.cfg/default").write_text(PXELINUX_MENU)


def grub_pc(root: Path) -> None:
    grub(root, "i386-pc", "i386-pc-pxe", "pxe")


def grub_efi(root: Path) -> None:
    grub(root, "x86_64-efi", "x86_64-efi", "efinet")


def grub(root: Path, platform: str, image: str, driver: str) -> None:
    modules = root / "grub" / platform
    shutil.copytree(GRUB / platform, modules, ignore=shutil.ignore_patterns("*.img", "*.image"))
    (root / "grub/grub.cfg").write_text(GRUB_MENU[platform])
    # The server is named: GRUB takes it from the DHCP server's answer, not from the proxy's.
    place = ("-p", f"(tftp,{RESPONDER})/grub", "-d", GRUB / platform, "-o", root / "loader")
    subprocess.run(["grub-mkimage", "-O", image, *place, driver, "tftp"], check=True)


LOADERS: dict[str, tuple[Callable[[Path], None], list[str], list[str]]] = {
    "pxelinux": (pxelinux, BY_IPXE, ["bios-rom", "bios", "bios-e1000"]),
    "grub-pc": (grub_pc, BY_IPXE, ["bios-rom", "bios", "bios-e1000"]),
    "grub-efi": (grub_efi, [mark("default.efi", "x64")], ["x64", "x64-ipxe", "x64-ipxe-e1000"]),
}
CORE = {("pxelinux", "bios-rom", "isc"), ("grub-pc", "bios", "kea"), ("grub-efi", "x64", "kea")}


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id="-".join(cell), marks=[] if cell in CORE else [pytest.mark.matrix])
        for loader, (_, _, machines) in LOADERS.items()
        for machine in machines
        for cell in ((loader, machine, dhcp) for dhcp in DHCP_SERVERS)
    ],
)
def test_loader_shows_its_menu_and_boots_from_it(
    lab: Lab, tmp_path: Path, tftp_root: Path, cell: tuple[str, str, str]
) -> None:
    loader, machine, dhcp = cell
    install, expected, _ = LOADERS[loader]
    lab.tftp_root = shutil.copytree(tftp_root, tmp_path / "tftp")
    install(lab.tftp_root)
    shutil.copy(bootfiles.LKRN, lab.tftp_root)
    lab.serve_dhcp(DHCP_SERVERS[dhcp])
    with lab.responder(RULE):
        assert lab.boot(MACHINES[machine]) == expected
    asked = lab.requested_files()
    assert asked[0] == "loader"
    assert {"/grub/grub.cfg", "pxelinux.cfg/default"} & set(asked)
