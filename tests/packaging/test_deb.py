"""The Debian package: built, installed into a copy of this system, and served from there."""

import json
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import unit
from netns import Process
from overlay import Machine
from project import TESTS, TOP
from wire_rig import LIMIT_S, SERVER, Wire

from fastpxe import __version__
from fastpxe.policy import config

pytestmark = pytest.mark.netns

SANDBOX = TESTS / "support" / "sandbox.py"
CONFIG = TOP / "contrib" / "deb" / "fastpxe.toml"
UNCOMMENTED = re.sub(r"(?m)^#(?=[a-z[])", "", CONFIG.read_text())


@pytest.fixture(scope="module")
def machine(package: Path) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as folder, Machine(Path(folder)) as machine:
        machine.run("dpkg", "--install", package)
        yield machine


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


def test_dpkg_takes_it_with_what_it_depends_on(machine: Machine) -> None:
    assert machine.run("dpkg-query", "-W", "-f", "${Status} ${Version}", "fastpxe") == (
        f"install ok installed {__version__}"
    )
    assert not machine.run("dpkg", "--verify", "fastpxe")
    assert machine.run("fastpxe", "--version") == f"fastpxe {__version__}\n"


def test_it_brings_the_unit_the_man_page_and_the_completions(machine: Machine) -> None:
    files = machine.run("dpkg", "--listfiles", "fastpxe").splitlines()
    assert set(files) >= {
        "/usr/bin/fastpxe",
        "/etc/fastpxe.toml",
        "/usr/lib/systemd/system/fastpxe.service",
        "/usr/share/man/man1/fastpxe.1.gz",
        "/usr/share/bash-completion/completions/fastpxe",
        "/usr/share/zsh/vendor-completions/_fastpxe",
        "/usr/share/fish/vendor_completions.d/fastpxe.fish",
    }
    shipped = machine.run("cat", "/usr/lib/systemd/system/fastpxe.service")
    assert shipped == unit.FILE.read_text()
    assert machine.run("cat", "/etc/fastpxe.toml") == CONFIG.read_text()


@pytest.mark.parametrize("text", [CONFIG.read_text(), UNCOMMENTED], ids=["as it is", "all of it"])
def test_its_configuration_is_one_with_and_without_what_is_commented(text: str) -> None:
    assert config.parse(text, "fastpxe.toml").rules


def test_it_brings_no_module_of_another_python(machine: Machine) -> None:
    files = machine.run("dpkg", "--listfiles", "fastpxe").splitlines()
    ours = [name for name in files if re.fullmatch(r"/usr/lib/fastpxe/fastpxe/.*\.so", name)]
    assert len(ours) == len(list(TOP.glob("fastpxe/**/*.pyx")))
    tag = machine.run("/usr/bin/python3", "-c", "import sys; print(sys.implementation.cache_tag)")
    assert all(tag.strip() in name for name in ours)


def test_it_serves_as_root_starts_it(machine: Machine, wire: Wire) -> None:
    process = wire.run(*machine.command("fastpxe", "serve", "-c", "/etc/fastpxe.toml"))
    assert wire.file_offered() == "snponly.efi"
    assert process.stop(signal.SIGTERM) == 0


# --- under what the unit allows -------------------------------------------------------------------


def system_call_numbers() -> dict[str, int]:
    """By name, from the headers that the build needs too."""
    ran = subprocess.run(
        ("gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.findall(r"^#define __NR_(\w+) (\d+)$", ran.stdout, re.MULTILINE)
    return {name: int(number) for name, number in found}


def confined(machine: Machine, *command: str) -> tuple[str | Path, ...]:
    numbers = system_call_numbers()
    calls = {numbers[name] for name in unit.system_calls() if name in numbers}
    assert len(calls) > 100
    families = unit.setting("RestrictAddressFamilies").split()
    settings = {
        "calls": sorted(calls),
        "socket": numbers["socket"],
        "families": [getattr(socket, family) for family in families],
        "capabilities": unit.setting("AmbientCapabilities").split(),
    }
    return machine.command("/usr/bin/python3", SANDBOX, "daemon", json.dumps(settings), *command)


def test_what_is_not_allowed_ends_the_program(machine: Machine) -> None:
    ran = subprocess.run(confined(machine, "/usr/sbin/chroot", "/"), check=False, timeout=LIMIT_S)
    assert ran.returncode == -signal.SIGSYS


def test_it_serves_under_the_restrictions_of_the_unit(machine: Machine, wire: Wire) -> None:
    """Boot, reload, a worker's end and the stop: a system call too many would end a process."""
    machine.run("mkdir", "-p", "/srv/boot")
    machine.run("chmod", "755", "/srv/boot")
    machine.write("/srv/boot/boot.bin", "boot" * 2000)
    machine.write("/etc/service.toml", SERVICE)
    process = wire.run(*confined(machine, "/usr/bin/fastpxe", "serve", "-c", "/etc/service.toml"))
    parent = parent_of(process)
    for one in (parent, *parent.children()):
        status = Path(f"/proc/{one.pid}/status").read_text()
        assert "\nSeccomp:\t2\n" in status
        assert "\nUid:\t1\t1\t1\t1\n" in status
    fetch_all(wire)
    parent.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    fetch_all(wire)
    wire.wait_for(process, "tftp-done", 2)
    wire.wait_for(process, "http-done", 2)
    assert "ended" not in process.output()
    assert "holds" not in process.output()  # fewer packets than wanted
    next(one for one in parent.children() if one.name() == "fastpxe-0").kill()
    wire.wait_for(process, "starting a replacement")
    fetch_all(wire)
    assert process.stop(signal.SIGTERM) == 0
    assert process.output().count("starting a replacement") == 1


SERVICE = """
[tftp]
root = "/srv/boot"
[http]
enabled = true
[[boot]]
file = "boot.bin"
"""


def parent_of(process: Process) -> psutil.Process:
    (found,) = (
        child
        for child in psutil.Process(process.popen.pid).children(recursive=True)
        if child.children() and child.name() == "fastpxe"
    )
    return found


def fetch_all(wire: Wire) -> None:
    assert wire.file_offered() == "boot.bin"
    with wire.client.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.connect((SERVER, 80))
        sock.sendall(b"GET /boot.bin HTTP/1.0\r\n\r\n")
        assert read_all(sock).endswith(b"boot" * 2000)
    got = wire.client.run("curl", "--silent", f"tftp://{SERVER}/boot.bin")
    assert got == "boot" * 2000


def read_all(sock: socket.socket) -> bytes:
    found = b""
    while part := sock.recv(1 << 16):
        found += part
    return found


def test_removed_it_leaves_its_configuration_and_purged_nothing(package: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, Machine(Path(folder)) as machine:
        machine.run("dpkg", "--install", package)
        machine.run("dpkg", "--remove", "fastpxe")
        assert machine.run("sh", "-c", "ls -d /etc/fastpxe.toml /usr/lib/fastpxe; true") == (
            "/etc/fastpxe.toml\n"
        )
        machine.run("dpkg", "--purge", "fastpxe")
        assert not machine.run("sh", "-c", "ls -d /etc/fastpxe.toml; true")
