"""Two proxies answer one machine: whose file is booted.

srv 10.77.0.2 has fastpxe, rival 10.77.0.3 has another fastpxe, or dnsmasq.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest
from dhcp_servers import DhcpServer, kea, late_dnsmasq
from machines import Machine
from matrix import MACHINES, mark
from netns import Namespace
from testbed import Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

SEEN = "udp src port 67 and src host {}"


class Proxy(NamedTuple):
    address: str
    bios: str
    x64: str


OURS = Proxy("10.77.0.2", "ours.ipxe", "default.efi")
THEIRS = Proxy("10.77.0.3", "theirs.ipxe", "intel.efi")

RULES = """
[[boot]]
arch = "bios"
file = "{proxy.bios}"
reply_delay_s = {delay_s}

[[boot]]
arch = "uefi-x64"
file = "{proxy.x64}"
reply_delay_s = {delay_s}
"""
DNSMASQ = """
port=0
log-dhcp
dhcp-range=10.77.0.0,proxy
pxe-service=x86PC,"Boot",{proxy.bios}
pxe-service=X86-64_EFI,"Boot",{proxy.x64}
dhcp-reply-delay={delay_s}
enable-tftp
tftp-root={root}
"""
# It stays long enough to see the other's offer, which may come when iPXE has its file.
SCRIPT = """#!ipxe
echo FASTPXE-MARK name={name} arch=ipxe sum=UNCHECKED
sleep 2
chain bios.0
"""

Server = Callable[[Lab, Proxy, Namespace, int], AbstractContextManager[None]]


def fastpxe(lab: Lab, proxy: Proxy, at: Namespace, delay_s: int) -> AbstractContextManager[None]:
    rules = RULES.format(proxy=proxy, delay_s=delay_s)
    return lab.responder(rules, name=f"fastpxe-{proxy.address}", at=at)


def dnsmasq(lab: Lab, proxy: Proxy, at: Namespace, delay_s: int) -> AbstractContextManager[None]:
    config = lab.folder / "rival.conf"
    config.write_text(DNSMASQ.format(proxy=proxy, delay_s=delay_s, root=lab.tftp_root))
    return lab.dnsmasq_proxy(config, at=at)


@pytest.fixture
def rival_root(tmp_path: Path, tftp_root: Path) -> Path:
    root = shutil.copytree(tftp_root, tmp_path / "tftp")
    for proxy in OURS, THEIRS:
        (root / proxy.bios).write_text(SCRIPT.format(name=proxy.bios))
    return root


def of(proxy: Proxy, machine: Machine) -> list[str]:
    if machine.arch == "x64":
        return [mark(proxy.x64, "x64")]
    return [f"name={proxy.bios} arch=ipxe sum=UNCHECKED", mark("bios.0", "bios")]


class Case(NamedTuple):
    machine: str
    dhcp_server: DhcpServer
    rival: Server
    ours_s: int
    theirs_s: int
    booted: Proxy


FIRST = {
    # EDK2 collects offers for four seconds, and takes the first.
    "x64-fastpxe-later": Case("x64", kea, fastpxe, 0, 1, OURS),
    "x64-fastpxe-earlier": Case("x64", kea, fastpxe, 1, 0, THEIRS),
    "x64-dnsmasq-later": Case("x64", kea, dnsmasq, 0, 1, OURS),
    "x64-dnsmasq-earlier": Case("x64", kea, dnsmasq, 1, 0, THEIRS),
    # iPXE goes on when it has an offer of each kind.
    "bios-fastpxe-later": Case("bios", kea, fastpxe, 0, 1, OURS),
    "bios-fastpxe-earlier": Case("bios", kea, fastpxe, 1, 0, THEIRS),
    "bios-dnsmasq-later": Case("bios", kea, dnsmasq, 0, 1, OURS),
    "bios-dnsmasq-earlier": Case("bios", kea, dnsmasq, 1, 0, THEIRS),
}
LAST = {
    # With its address still to come, iPXE lets a later proxy replace an earlier one.
    "bios-fastpxe-later": Case("bios", late_dnsmasq, fastpxe, 0, 1, THEIRS),
    "bios-fastpxe-earlier": Case("bios", late_dnsmasq, fastpxe, 1, 0, OURS),
}
CORE = {"x64-fastpxe-later", "x64-dnsmasq-earlier", "bios-dnsmasq-earlier"}


def parameters(cases: dict[str, Case]) -> list[object]:
    return [
        pytest.param(case, id=name, marks=[] if name in CORE else [pytest.mark.matrix])
        for name, case in cases.items()
    ]


@pytest.mark.parametrize("case", parameters(FIRST))
def test_the_first_proxy_is_booted_from(lab: Lab, rival_root: Path, case: Case) -> None:
    boot(lab, rival_root, case)


@pytest.mark.matrix
@pytest.mark.parametrize("case", LAST.values(), ids=LAST)
def test_ipxe_takes_the_last_proxy_before_a_late_dhcp_server(
    lab: Lab, rival_root: Path, case: Case
) -> None:
    boot(lab, rival_root, case)


def boot(lab: Lab, root: Path, case: Case) -> None:
    """See it boot from the proxy it should, and both answer."""
    machine = MACHINES[case.machine]
    lab.tftp_root = root
    lab.serve_dhcp(case.dhcp_server)
    at = lab.attach("rival", f"{THEIRS.address}/24")
    ours = fastpxe(lab, OURS, lab.srv, case.ours_s)
    with ours, case.rival(lab, THEIRS, at, case.theirs_s):
        assert lab.boot(machine) == of(case.booted, machine)
    assert lab.decoded(SEEN.format(OURS.address))
    assert lab.decoded(SEEN.format(THEIRS.address))
