"""`fastpxe doctor` as people run it, against real servers in namespaces.

The machine is server 1 of the network (10.66.0.1); DHCP is at 10.66.0.100, another proxy at
10.66.0.2.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from netns import Namespace, Process
from started import FASTPXE, SERVE
from storm_rig import CLIENTS, LIMIT_S, SERVERS, Lan

from fastpxe.cli import main

HERE, OTHER = SERVERS
IPXE_RULE = '[[boot]]\nname = "ipxe"\nipxe = true\nfile = "default.ipxe"\n'
RULES = (
    IPXE_RULE
    + '[[boot]]\nname = "x64"\narch = "uefi-x64"\nfile = "ipxe.efi"\n'
    + '[[boot]]\nname = "bios"\narch = "bios"\nfile = "undionly.kpxe"\n'
)
SUBNET = """
authoritative;
ping-check false;
{more}
subnet 10.66.0.0 netmask 255.255.0.0 {{ range 10.66.1.1 10.66.1.99; }}
"""


class Ward(Lan):
    """The network, and the servers on it that a test starts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, servers=2)
        self.machine, self.other = self.servers
        for name, size in (("ipxe.efi", 100_000), ("undionly.kpxe", 5872), ("default.ipxe", 90)):
            (folder / name).write_bytes(bytes(size))
        self.config = folder / "my.toml"
        self.write(RULES)

    def write(self, rules: str, head: str = "") -> None:
        self.config.write_text(f'{head}[tftp]\nroot = "{self.folder}"\n{rules}')

    def start(self, where: Namespace, ready: str, *command: str | Path) -> Process:
        process = Process(where, *command, log=self.folder / f"log-{len(self.processes)}")
        self.processes.append(process)
        limit = time.monotonic() + LIMIT_S
        while ready not in process.output():
            assert process.is_running(), process.output()
            assert time.monotonic() < limit, process.output()
            time.sleep(0.02)
        return process

    def fastpxe(self, where: Namespace) -> Process:
        return self.start(where, "ready", *SERVE, "-c", self.config)

    def dhcpd(self, more: str = "", where: Namespace | None = None) -> Process:
        """ISC's, which knows nothing of network boot but what `more` says."""
        config, leases = self.folder / "dhcpd.conf", self.folder / "dhcpd.leases"
        config.write_text(SUBNET.format(more=more))
        leases.touch()
        files = ("-cf", config, "-lf", leases, "-pf", self.folder / "dhcpd.pid")
        at = "br0" if where is None else "eth0"
        command = ("dhcpd", "-4", "-f", "-d", *files, at)
        return self.start(where or self.clients, "Server starting service", *command)

    def dnsmasq(self, where: Namespace, *lines: str) -> Process:
        return self.start(
            where, "started",
            *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-"),
            *("--user=root", "--pid-file=", "--port=0", "--no-ping"),
            *(f"--dhcp-leasefile={self.folder / 'leases'}", *lines),
        )  # fmt: skip

    def run(
        self, *arguments: str, prefix: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        named = () if "--dnsmasq-conf" in arguments else ("-c", str(self.config))
        command = (*prefix, *FASTPXE, "doctor", *named, "--listen", "2", *arguments)
        return subprocess.run(
            self.machine.command(*command),
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def doctor(self, *arguments: str, prefix: tuple[str, ...] = ()) -> "Said":
        return Said(self.run("--json", *arguments, prefix=prefix))


class Said:
    """What the doctor said: status, and findings by name."""

    def __init__(self, ran: subprocess.CompletedProcess[str]) -> None:
        assert not ran.stderr, ran.stderr
        self.status = ran.returncode
        self.findings = json.loads(ran.stdout)["findings"]

    def levels(self) -> dict[str, str]:
        """By name; the worst where one name has several."""
        order = ["ok", "unknown", "warning", "problem"]
        found: dict[str, str] = {}
        for one in self.findings:
            name, level = one["name"], one["level"]
            found[name] = max(found.get(name, "ok"), level, key=order.index)
        return found

    def not_ok(self) -> dict[str, str]:
        return {name: level for name, level in self.levels().items() if level != "ok"}

    def saw(self, name: str) -> str:
        return "\n".join(one["saw"] for one in self.findings if one["name"] == name)

    def advice(self, name: str) -> str:
        return "\n".join(one["advice"] for one in self.findings if one["name"] == name)


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with Ward(tmp_path) as ward:
        yield ward


def run(*arguments: str) -> int:
    """Run it in this process; argparse leaves it by SystemExit."""
    try:
        return main(["doctor", *arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "sudo fastpxe doctor -c /etc/fastpxe.toml" in capsys.readouterr().out


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pxe-e55") == 0
    text = capsys.readouterr().out
    assert text.startswith("PXE-E55 (BIOS ROM): ")
    assert "\n  1. " in text
    assert "\nin fastpxe's log: " in text


def test_a_code_is_explained_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("2d03e13b", "--json") == 0
    assert json.loads(capsys.readouterr().out)["code"] == "2d03e13b"


def test_an_unknown_code_exits_1_with_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("PXE-E54") == 1
    assert "no code 'PXE-E54' is known; did you mean PXE-E51" in capsys.readouterr().err


def test_a_refused_configuration_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[tfpt]\n")
    assert run("-c", str(path)) == 2
    assert "tfpt" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["-1", "61"])
def test_it_listens_a_minute_at_most(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"--listen={seconds}") == 2
    assert "0 to 60" in capsys.readouterr().err


@pytest.mark.netns
def test_without_any_server_it_says_so(ward: Ward) -> None:
    said = ward.doctor()
    assert said.status == 1
    assert said.not_ok() == {"dhcp-server": "problem", "proxy": "problem"}
    assert said.saw("port-67") == said.saw("port-4011") == said.saw("port-69") == "free"
    assert said.advice("proxy") == "start fastpxe: sudo fastpxe serve"
    assert "default.ipxe 90 bytes, ipxe.efi 100,000 bytes" in said.saw("files")


@pytest.mark.netns
def test_asking_nobody_looks_at_the_machine_alone(ward: Ward) -> None:
    said = ward.doctor("--listen", "0")
    assert (said.status, said.not_ok()) == (0, {})
    assert "proxy" not in said.levels()


@pytest.mark.netns
def test_a_dhcp_server_alone_gives_addresses_and_no_boot(ward: Ward) -> None:
    ward.dhcpd()
    said = ward.doctor()
    assert said.not_ok() == {"proxy": "problem"}
    assert said.saw("dhcp-server") == f"addresses come from {CLIENTS}"


@pytest.mark.netns
def test_all_is_well_where_fastpxe_serves_on_another_machine(ward: Ward) -> None:
    ward.dhcpd()
    ward.fastpxe(ward.other)
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (0, {})
    bios, uefi = said.saw("boot").splitlines()
    assert bios.startswith(f"offer from {OTHER} in ")
    assert f"; undionly.kpxe from {OTHER}, 5,872 bytes in " in bios
    assert f"; answer on 4011 from {OTHER} in " in uefi
    assert f"; ipxe.efi from {OTHER}, 100,000 bytes in " in uefi


@pytest.mark.netns
@pytest.mark.parametrize("dhcp_at", [CLIENTS, HERE])
def test_all_is_well_where_fastpxe_serves_on_this_machine(ward: Ward, dhcp_at: str) -> None:
    if dhcp_at == HERE:
        ward.write(RULES, "[dhcp]\nshare_ports = true\n")
    ward.dhcpd(where=ward.machine if dhcp_at == HERE else None)
    process = ward.fastpxe(ward.machine)
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (0, {})
    command = f"fastpxe serve --user root --no-watch -c {ward.config}"
    held = f"{command} (pid {inside(process)}, user root): it is running"
    assert said.saw("port-69") == held
    dhcp = f"{HERE} (this machine)" if dhcp_at == HERE else CLIENTS
    assert said.saw("dhcp-server") == f"addresses come from {dhcp}"
    assert said.saw("proxy") == f"boot clients are answered by {HERE} (this machine)"
    assert said.saw("boot").count("within this machine") == 2
    assert "ignored" not in process.output()


def inside(process: Process) -> int:
    """The program that timeout(1) guards."""
    guard = process.popen.pid
    return int(Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0])


@pytest.mark.netns
def test_a_second_proxy_is_named_and_its_boot_tried(ward: Ward) -> None:
    (ward.folder / "other.0").write_bytes(b"other")
    ward.dhcpd()
    ward.fastpxe(ward.machine)
    ward.dnsmasq(
        ward.other,
        *("--dhcp-range=10.66.0.0,proxy", "--pxe-prompt=x,0", "--dhcp-boot=other.0"),
        *("--enable-tftp", f"--tftp-root={ward.folder}"),
    )
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (0, {"proxy": "warning"})
    assert said.saw("boot").count(f"; other.0 from {OTHER}, 5 bytes in ") == 2
    assert said.saw("boot").count(" bytes in ") == 4
    assert f"{HERE} (this machine)" in said.saw("proxy")
    assert OTHER in said.saw("proxy")


@pytest.mark.netns
def test_a_dhcp_server_that_says_pxe_is_a_problem(ward: Ward) -> None:
    ward.dhcpd('option vendor-class-identifier "PXEClient";')
    ward.fastpxe(ward.machine)
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (1, {"dhcp-says-pxe": "problem"})
    assert f"the DHCP server {CLIENTS} says" in said.saw("dhcp-says-pxe")


@pytest.mark.netns
def test_a_dhcp_server_that_names_a_file_is_told(ward: Ward) -> None:
    ward.dhcpd('filename "old.0"; next-server 10.66.0.9;')
    ward.fastpxe(ward.machine)
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (0, {"dhcp-names-file": "warning"})
    assert said.saw("dhcp-names-file").endswith("names a boot file itself: old.0")


@pytest.mark.netns
def test_ipxe_that_is_told_to_load_itself_is_a_problem(ward: Ward) -> None:
    ward.dhcpd()
    ward.dnsmasq(
        ward.other,
        *("--dhcp-range=10.66.0.0,proxy", "--pxe-prompt=x,0", "--dhcp-boot=ipxe.efi"),
        *("--enable-tftp", f"--tftp-root={ward.folder}"),
    )
    said = ward.doctor()
    assert said.levels()["ipxe-loop"] == "problem"
    assert f"{OTHER} tells iPXE to load iPXE, for ever: ipxe.efi" in said.saw("ipxe-loop")


@pytest.mark.netns
def test_a_port_that_another_program_has_is_told_with_its_owner(ward: Ward) -> None:
    server = ward.dnsmasq(ward.machine, "--dhcp-range=10.66.1.1,10.66.1.99")
    said = ward.doctor()
    assert (said.status, said.levels()["port-67"]) == (1, "problem")
    assert said.saw("port-67") == f"held by dnsmasq (pid {inside(server)}, user root)"
    assert "share_ports = true" in said.advice("port-67")
    assert said.levels()["port-4011"] == "ok"


@pytest.mark.netns
@pytest.mark.parametrize(
    ("port", "which", "failure"),
    [
        (4011, "UEFI x64", f"port 4011 of {OTHER} doesn't answer (PXE-E55, PXE-E16)"),
        (69, "BIOS", f"TFTP from {OTHER}: undionly.kpxe: no answer"),
    ],
)
def test_a_firewall_is_found_by_the_step_that_fails(
    ward: Ward, port: int, which: str, failure: str
) -> None:
    ward.dhcpd()
    ward.fastpxe(ward.other)
    drop(ward.other, port)
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (1, {"boot": "problem"})
    (saw,) = (one["saw"] for one in said.findings if one["about"].startswith(which))
    assert failure in saw


def drop(where: Namespace, port: int) -> None:
    where.run("nft", "add table ip wall")
    where.run("nft", "add chain ip wall input { type filter hook input priority 0; }")
    where.run("nft", f"add rule ip wall input udp dport {port} drop")


@pytest.mark.netns
def test_a_firewall_of_this_machine_is_seen_on_67(ward: Ward) -> None:
    ward.dhcpd()
    ward.fastpxe(ward.machine)
    drop(ward.machine, 67)
    said = ward.doctor()
    assert said.not_ok() == {"proxy": "problem"}
    assert said.saw("proxy") == "nobody answers boot clients, though fastpxe runs on this machine"


@pytest.mark.netns
def test_a_missing_and_an_empty_file_are_problems(ward: Ward) -> None:
    (ward.folder / "ipxe.efi").unlink()
    (ward.folder / "undionly.kpxe").write_bytes(b"")
    said = ward.doctor("--listen", "0")
    assert said.not_ok() == {"missing-file": "problem", "empty-file": "problem"}
    assert "ipxe.efi (rule 'x64': " in said.saw("missing-file")
    assert said.saw("empty-file") == "empty: undionly.kpxe"


@pytest.mark.netns
def test_a_large_file_is_fetched_in_part(ward: Ward) -> None:
    (ward.folder / "undionly.kpxe").write_bytes(bytes(6 << 20))
    ward.dhcpd()
    ward.fastpxe(ward.machine)
    said = ward.doctor()
    assert (said.status, said.not_ok()) == (0, {})
    assert "undionly.kpxe from 10.66.0.1, the first 4,19" in said.saw("boot")


@pytest.mark.netns
def test_the_first_item_of_a_menu_is_tried(ward: Ward) -> None:
    items = (("no", "local = true"), ("one", 'file = "ipxe.efi"'), ("two", 'file = "x.efi"'))
    menu = "".join(f'[[boot.item]]\ntext = "{text}"\n{what}\n' for text, what in items)
    ward.write(f'{IPXE_RULE}[[boot]]\nname = "menu"\narch = "uefi-x64"\n{menu}')
    (ward.folder / "x.efi").write_bytes(b"x")
    ward.dhcpd()
    ward.fastpxe(ward.machine)
    said = ward.doctor()
    assert said.not_ok() == {"firmware-unanswered": "warning"}
    assert said.saw("firmware-unanswered") == "BIOS clients get no answer, others do"
    assert "; 'one' of its menu; answer on 4011 from" in said.saw("boot")
    assert "; ipxe.efi from 10.66.0.1, 100,000 bytes" in said.saw("boot")


@pytest.mark.netns
def test_a_menu_of_dnsmasq_that_leads_nowhere_is_a_problem(ward: Ward) -> None:
    ward.dhcpd()
    ward.dnsmasq(
        ward.other,
        *("--dhcp-range=10.66.0.0,proxy", "--pxe-service=x86PC,Boot,undionly,10.66.0.9"),
    )
    said = ward.doctor()
    assert said.not_ok() == {"boot": "problem"}
    assert said.saw("boot").startswith(f"offer from {OTHER} in ")
    bios, uefi = said.saw("boot").splitlines()
    assert f"; 'Boot' of its menu; answer on 4011 from {OTHER} in " in bios
    assert "; TFTP from 10.66.0.9: undionly.0: " in bios
    assert uefi.endswith("; no file is named")


@pytest.mark.netns
def test_a_file_that_the_server_lacks_is_a_problem(ward: Ward) -> None:
    ward.dhcpd()
    ward.fastpxe(ward.other)
    (ward.folder / "undionly.kpxe").unlink()
    said = ward.doctor()
    assert said.not_ok() == {"missing-file": "problem", "boot": "problem"}
    assert "undionly.kpxe: ERROR 1 File not found (PXE-E23" in said.saw("boot")


@pytest.mark.netns
def test_a_dhcp_client_that_has_port_68_is_no_hindrance(ward: Ward) -> None:
    ward.dhcpd()
    ward.fastpxe(ward.machine)
    with ward.machine.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("0.0.0.0", 68))
        said = ward.doctor()
    assert (said.status, said.not_ok()) == (0, {})


@pytest.mark.netns
def test_what_a_user_may_not_see_is_unknown(ward: Ward) -> None:
    ward.dnsmasq(ward.machine, "--dhcp-range=10.66.1.1,10.66.1.99")
    (ward.folder / "ipxe.efi").chmod(0o644)
    said = ward.doctor(prefix=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))
    levels = said.not_ok()
    assert levels["port-69"] == "unknown"
    assert levels["privileges"] == "warning"
    assert "CAP_NET_BIND_SERVICE" in said.saw("privileges")
    assert levels["wire"] == "unknown"
    assert "CAP_NET_RAW" in said.advice("wire")
    assert said.status == 0


@pytest.mark.netns
def test_interfaces_that_are_missing_or_down_are_named(ward: Ward) -> None:
    ward.machine.ip("link add v0 type veth peer name v1")
    said = ward.doctor("--listen", "0", "--interface", "nix0", "--interface", "v0")
    assert said.status == 1
    assert said.saw("interface") == "there is none of this name\nit is down"
    assert "ip link set v0 up" in said.advice("interface")


@pytest.mark.netns
def test_an_interface_of_the_configuration_that_is_missing_keeps_serve_from_starting(
    ward: Ward,
) -> None:
    ward.write(RULES, 'interfaces = ["nix0"]\n')
    said = ward.doctor("--listen", "0")
    assert said.not_ok() == {"start": "problem", "interface": "problem"}
    assert said.saw("start").startswith("interface nix0 is not up with an IPv4 address")


@pytest.mark.netns
def test_a_configuration_of_dnsmasq_s_is_looked_at_as_well(ward: Ward) -> None:
    conf = ward.folder / "dnsmasq.conf"
    conf.write_text(
        "dhcp-range=10.66.0.0,proxy\npxe-prompt=x,0\ndhcp-boot=gone.0\n"
        f"enable-tftp\ntftp-root={ward.folder}\n"
    )
    said = ward.doctor("--listen", "0", "--dnsmasq-conf", str(conf))
    assert said.not_ok() == {"missing-file": "problem"}
    assert said.saw("missing-file").startswith(f"can't be served: gone.0 ({conf}:3: ")


@pytest.mark.netns
def test_another_machine_of_the_network_needs_no_configuration(ward: Ward, tmp_path: Path) -> None:
    ward.dhcpd()
    ward.fastpxe(ward.machine)
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = subprocess.run(
        ward.other.command(*FASTPXE, "doctor", "--json", "--listen", "2", "--interface", "eth0"),
        check=False, capture_output=True, text=True, timeout=60, cwd=empty,
    )  # fmt: skip
    said = Said(ran)
    assert (said.status, said.not_ok()) == (0, {"root": "unknown"})
    assert said.saw("boot").count(f"offer from {HERE}") == 2
    assert "within this machine" not in said.saw("boot")
    assert not list(empty.iterdir())


@pytest.mark.netns
def test_text_is_for_people(ward: Ward) -> None:
    ran = ward.run("--listen", "0")
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert lines[0] == "ok      UDP 67: free"
    assert lines[-1] == f"{len(lines) - 1} ok"
