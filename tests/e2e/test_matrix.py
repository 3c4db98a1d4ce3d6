"""Every machine boots with every configuration that has a file for it, beside every DHCP server.

A few of these boots are part of every test run, so that each machine, each profile and each DHCP
server is there. The rest is `make test-e2e-full`, and a part of it, another each day, `make test`.
"""

import shutil
from pathlib import Path
from typing import get_args

import bootfiles
import pytest
from dhcp_servers import isc_dhcpd, kea
from machines import Bios, BiosRom, Machine, Uefi
from matrix import (
    DHCP_SERVERS,
    FILES,
    HTTP_MACHINES,
    MACHINES,
    PROFILES,
    Cell,
    cells,
    root,
    running,
)
from project import TOP
from testbed import Lab

from fastpxe.policy.schema import Profile

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

PAGE = TOP / "docs/explanation/tested-firmware.md"

CORE = {
    Cell("bios-e1000", "fog-1.6", "kea"),
    Cell("bios-rom", "none", "isc"),
    Cell("x64", "none", "kea"),
    Cell("x64-ipxe", "fog-1.5", "dnsmasq"),
    Cell("ia32", "ipxe", "isc"),
    Cell("arm64", "netbootxyz", "kea"),
    Cell("bios-rom", "menu", "isc"),
}


def parameters() -> list[object]:
    return [
        pytest.param(cell, id="-".join(cell), marks=[] if cell in CORE else [pytest.mark.matrix])
        for cell in cells()
    ]


def test_core_is_part_of_the_matrix() -> None:
    assert set(cells()) >= CORE


def test_every_profile_is_part_of_the_matrix() -> None:
    assert set(PROFILES) == set(get_args(Profile)) - {"rpi"}


def firmware_table() -> str:
    """Return which machine boots with which configuration, as docs/explanation shows it."""
    boots = {(cell.machine, cell.config) for cell in cells()}
    machines = [*MACHINES, *HTTP_MACHINES]
    rows = [
        ["", *(f"`{name}`" for name in machines)],
        ["---"] * (len(machines) + 1),
        *(
            [f"`{config}`", *("yes" if (name, config) in boots else "" for name in machines)]
            for config in FILES
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_page_shows_the_matrix() -> None:
    assert firmware_table() in PAGE.read_text()


@pytest.mark.parametrize("cell", parameters())
def test_machine_boots(lab: Lab, cell: Cell) -> None:
    machine = (MACHINES | HTTP_MACHINES)[cell.machine]
    lab.tftp_root = root(cell.config)
    lab.serve_dhcp(DHCP_SERVERS[cell.dhcp_server])
    with running(lab, cell.config):
        assert lab.boot(machine) == cell.expected


@pytest.mark.parametrize(
    ("machine", "config"),
    [
        pytest.param(BiosRom(), "ipxe", id="bios"),
        pytest.param(Uefi(), "ipxe", id="x64-ipxe", marks=pytest.mark.matrix),
        pytest.param(BiosRom(), "fog-1.6", id="bios-fog", marks=pytest.mark.matrix),
        pytest.param(Uefi(), "fog-1.6", id="x64-fog", marks=pytest.mark.matrix),
    ],
)
def test_firmware_loads_a_real_ipxe_and_that_the_profiles_script(
    lab: Lab, tmp_path: Path, machine: Machine, config: str
) -> None:
    ipxe = Cell("bios" if machine.arch == "bios" else "x64-ipxe", config, "isc")
    names = {"bios": bootfiles.UNDIONLY, "x64": bootfiles.SNPONLY}
    lab.tftp_root = shutil.copytree(root(config), tmp_path / "tftp")
    first = FILES[config][machine.arch]
    shutil.copy(names[machine.arch], lab.tftp_root / first)
    lab.serve_dhcp(isc_dhcpd)
    with running(lab, config):
        assert lab.boot(machine) == ipxe.expected
    assert lab.requested_files()[0] == first


@pytest.mark.matrix
def test_ipxe_in_rom_is_not_told_to_load_itself(lab: Lab) -> None:
    lab.tftp_root = root("netbootxyz")
    lab.serve_dhcp(kea)
    with running(lab, "netbootxyz"):
        assert lab.boot(Bios()) == []
    assert lab.requested_files() == []
    assert any(" ignored no_rule " in line for line in lab.log_of("fastpxe"))
