"""The Debian package's service under systemd as PID 1, in a virtual machine.

What test_unit and test_deb judge from outside is here seen to hold.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import guest
import pytest
from guest import SERVER, Guest
from packets import discover
from wire_rig import broadcast

pytestmark = [pytest.mark.machine, pytest.mark.netns]

CONFIG = """
[tftp]
root = "/srv/boot"
[http]
enabled = true
[[boot]]
name = "one"
file = "one.bin"
"""
CAP_NET_ADMIN = 1 << 12
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "run-as-service.md"
DYNAMIC_USERS = range(61184, 65520)  # systemd.exec(5)
# What would look for the file system as the service sees it, as its user.
AS_SERVICE = "nsenter --target $PID --mount setpriv --reuid=$ID --regid=$ID --clear-groups"


@pytest.fixture(scope="module")
def root(debian_root: Path, package: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        subprocess.run(("cp", "--archive", debian_root, root), check=True)
        guest.make_bootable(root)
        shutil.copy(package, root / "fastpxe.deb")
        guest.install(root, "/fastpxe.deb")
        yield root


@pytest.fixture(scope="module")
def machine(root: Path) -> Iterator[Guest]:
    """One that boots with the service enabled."""
    enabled = ("chroot", root, "systemctl", "is-enabled", "fastpxe")
    assert (
        subprocess.run(enabled, check=False, capture_output=True, text=True).stdout == "disabled\n"
    )
    subprocess.run(("chroot", root, "systemctl", "enable", "fastpxe"), check=True)
    (root / "etc" / "fastpxe.toml").write_text(CONFIG)
    boot = root / "srv" / "boot"
    boot.mkdir()
    for name in ("one", "two"):
        (boot / f"{name}.bin").write_bytes(name.encode() * 20_000)
    with tempfile.TemporaryDirectory() as folder:
        booted = Guest(root, Path(folder))
        yield booted
        booted.close()


@pytest.fixture
def service(machine: Guest) -> "Service":
    """It runs, by CONFIG."""
    machine.write("/etc/fastpxe.toml", CONFIG)
    machine.run("systemctl start fastpxe")
    service = Service(machine)
    service.wait_until_active()
    return service


class Service:
    def __init__(self, machine: Guest) -> None:
        self.machine = machine

    def wait_until_active(self) -> None:
        self.machine.wait_until(lambda: self.show("SubState") == "running")

    def show(self, name: str) -> str:
        return self.machine.run(f"systemctl show --value -p {name} fastpxe")

    @property
    def main(self) -> str:
        return self.show("MainPID")

    def processes(self) -> dict[str, dict[str, str]]:
        """What /proc/PID/status says of each, by the name of the process."""
        group = "/sys/fs/cgroup/system.slice/fastpxe.service/cgroup.procs"
        text = self.machine.run(f"for pid in $(cat {group}); do cat /proc/$pid/status; echo; done")
        found = {}
        for block in text.split("\n\n"):
            fields = dict(re.findall(r"^(\w+):\s*(.*)$", block, re.MULTILINE))
            found[fields["Name"]] = fields
        return found

    def as_service(self, line: str) -> tuple[int, str]:
        """Run it as the service's user, in its mount namespace."""
        user = self.processes()["fastpxe"]["Uid"].split()[0]
        inside = AS_SERVICE.replace("$PID", self.main).replace("$ID", user)
        return self.machine.shell(f"{inside} sh -c '{line}'")

    def file_offered(self) -> str:
        return broadcast(self.machine.network, discover(arch=7)).file

    def reloads(self) -> int:
        return sum(text.startswith("reloaded: ") for _, text in self.log())

    def log(self) -> list[tuple[int, str]]:
        """Priority and text of each of its lines in the journal."""
        lines = self.machine.run("journalctl -u fastpxe -o json --no-pager").splitlines()
        entries = [json.loads(line) for line in lines]
        return [
            (int(one["PRIORITY"]), str(one["MESSAGE"]))
            for one in entries
            if one["_SYSTEMD_UNIT"] == "fastpxe.service"  # and not what systemd says of it
        ]


# --- a boot of this machine -----------------------------------------------------------------------


def test_enabled_it_serves_after_a_boot(machine: Guest) -> None:
    service = Service(machine)
    service.wait_until_active()
    assert service.show("Type") == "notify"
    assert service.show("ActiveState") == "active"
    assert f"eth0 {SERVER}" in service.show("StatusText")
    assert service.show("NRestarts") == "0"
    assert [text for priority, text in service.log() if priority < 5] == []


def test_a_client_gets_its_offer_and_its_file_by_tftp_and_http(service: Service) -> None:
    assert service.file_offered() == "one.bin"
    for scheme in ("tftp", "http"):
        got = service.machine.network.run("curl", "--silent", f"{scheme}://{SERVER}/one.bin")
        assert got == "one" * 20_000, scheme


# --- what it may do -------------------------------------------------------------------------------


def test_its_user_is_dynamic_and_without_capabilities_but_one_of_the_parent(
    service: Service,
) -> None:
    processes = service.processes()
    assert {"fastpxe", "fastpxe-0", "fastpxe-1", "fastpxe-http", "fastpxe-log"} <= set(processes)
    for name, status in processes.items():
        assert {int(uid) for uid in status["Uid"].split()} <= set(DYNAMIC_USERS), name
        assert int(status["CapEff"], 16) == (CAP_NET_ADMIN if name == "fastpxe" else 0), name
        assert status["CapPrm"] == status["CapEff"]
        assert not int(status["CapBnd"], 16) & ~CAP_NET_ADMIN & ~(1 << 10), name
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"


def test_it_writes_to_its_own_folders_and_nowhere_else(service: Service) -> None:
    for path in ("/etc", "/usr/lib/fastpxe", "/srv/boot", "/var/log"):
        status, output = service.as_service(f"touch {path}/x")
        assert status != 0, path
        assert "Read-only file system" in output, path
    for path in ("/var/lib/fastpxe", "/run/fastpxe", "/tmp"):  # noqa: S108 - the guest's
        assert service.as_service(f"touch {path}/x && rm {path}/x") == (0, ""), path


def test_it_sees_no_home_no_device_and_no_process_of_others(service: Service) -> None:
    status, output = service.as_service("ls -A /home; test -e /dev/vda || echo none; ls -d /proc/1")
    assert status != 0
    assert "none" in output
    assert "'/home'" in output
    assert "'/proc/1'" in output


def test_its_state_is_its_own(service: Service) -> None:
    owner = service.machine.run("stat --format=%u /var/lib/private/fastpxe")
    assert owner == service.processes()["fastpxe"]["Uid"].split()[0]
    assert service.machine.run("stat --format='%a %u' /var/lib/private") == "700 0"
    assert service.machine.run("readlink /var/lib/fastpxe") == "private/fastpxe"


def test_its_exposure_is_the_one_that_is_documented(service: Service) -> None:
    verdict = service.machine.run("systemd-analyze security --no-pager fastpxe")
    exposure = re.search(r"exposure level for fastpxe.service: (\d\.\d) OK", verdict)
    assert exposure
    assert f"exposure level of **{exposure[1]}**" in HOW_TO.read_text()


# --- what an admin does ---------------------------------------------------------------------------


def test_a_reload_takes_the_configuration_over(service: Service) -> None:
    main = service.main
    service.machine.write("/etc/fastpxe.toml", CONFIG.replace('"one.bin"', '"two.bin"'))
    service.machine.run("systemctl reload fastpxe")
    service.machine.wait_until(lambda: service.file_offered() == "two.bin")
    # Once more without a change, which fastpxe would take over by itself.
    before = service.reloads()
    service.machine.run("systemctl reload fastpxe")
    service.machine.wait_until(lambda: service.reloads() > before)
    assert service.main == main


def test_a_refused_reload_is_in_the_status_and_an_error_in_the_journal(service: Service) -> None:
    service.machine.write("/etc/fastpxe.toml", "boots = 1\n")
    service.machine.run("systemctl reload fastpxe")
    service.machine.wait_until(lambda: "refused" in service.show("StatusText"))
    assert service.file_offered()
    errors = [text for priority, text in service.log() if priority == 3]
    assert "reload refused" in errors[-1]
    assert "boots" in errors[-1]


def test_an_answer_is_in_the_journal_as_information(service: Service) -> None:
    service.file_offered()
    service.machine.wait_until(
        lambda: any(text.startswith("offer ") for priority, text in service.log() if priority == 6)
    )


def test_root_sets_a_host_beside_it(service: Service) -> None:
    service.machine.write("/etc/fastpxe.toml", CONFIG + HOST_RULE)
    service.machine.run("systemctl reload fastpxe")
    service.machine.run("fastpxe host set 52:54:00:12:34:56 --boot other -c /etc/fastpxe.toml")
    service.machine.wait_until(lambda: service.file_offered() == "two.bin")
    assert "other" in service.machine.run("fastpxe host list -c /etc/fastpxe.toml")
    service.machine.run("fastpxe host forget 52:54:00:12:34:56 -c /etc/fastpxe.toml")
    service.machine.wait_until(lambda: service.file_offered() == "one.bin")


HOST_RULE = """
[[boot]]
name = "other"
hosts_only = true
file = "two.bin"
"""
# --- what goes wrong ------------------------------------------------------------------------------


def test_a_main_process_that_is_killed_is_started_again(service: Service) -> None:
    main = service.main
    service.machine.run(f"kill -KILL {main}")
    service.machine.wait_until(lambda: service.main not in ("0", main))
    service.wait_until_active()
    assert service.file_offered() == "one.bin"


def test_a_worker_that_hangs_has_the_watchdog_restart_it(service: Service) -> None:
    drop_in = "/run/systemd/system/fastpxe.service.d/watchdog.conf"
    service.machine.write(drop_in, "[Service]\nWatchdogSec=6\n")
    service.machine.run("systemctl daemon-reload && systemctl restart fastpxe")
    main, worker = service.main, service.processes()["fastpxe-0"]["Pid"]
    service.machine.run(f"kill -STOP {worker}")
    service.machine.wait_until(lambda: service.main not in ("0", main))
    service.wait_until_active()
    assert service.file_offered() == "one.bin"
    log = service.machine.run("journalctl -u fastpxe --no-pager")
    assert "Watchdog timeout (limit 6s)!" in log
    service.machine.run(f"rm {drop_in} && systemctl daemon-reload")


def test_a_refused_configuration_is_not_tried_again(service: Service) -> None:
    service.machine.write("/etc/fastpxe.toml", "boots = 1\n")
    status, _ = service.machine.shell("systemctl restart fastpxe")
    assert status != 0
    assert service.show("ActiveState") == "failed"
    assert service.show("ExecMainStatus") == "2"
    service.machine.write("/etc/fastpxe.toml", CONFIG)
    service.machine.run("systemctl restart fastpxe")
    assert service.show("NRestarts") == "0"


# --- the package, while it runs -------------------------------------------------------------------


def test_it_stops_cleanly(service: Service) -> None:
    service.machine.run("systemctl stop fastpxe")
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"
    assert any(text.startswith("stopped: answered") for _, text in service.log())


def test_an_upgrade_restarts_it(service: Service) -> None:
    main = service.main
    service.machine.run("dpkg --force-confold --install /fastpxe.deb")
    service.wait_until_active()
    assert service.main != main


def test_purged_it_is_stopped_and_nothing_of_it_is_left(service: Service) -> None:
    service.machine.run("dpkg --purge fastpxe")
    assert service.show("LoadState") == "not-found"
    left = "ls -d /etc/fastpxe.toml /var/lib/fastpxe /var/lib/private/fastpxe /usr/lib/fastpxe"
    assert service.machine.shell(f"{left} 2> /dev/null")[1] == ""
    assert service.machine.shell("ls /etc/systemd/system/multi-user.target.wants/fastpxe.service")[
        0
    ]
