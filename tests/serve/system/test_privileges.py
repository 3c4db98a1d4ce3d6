"""Who `fastpxe serve` is once it serves, as the kernel tells, and what it says when it can't be."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from netns import Process
from project import TOP
from started import FASTPXE
from wire_rig import LIMIT_S, ONE, SERVER, Wire, fastpxe_of, workers_of

import fastpxe
from fastpxe.errors import StartError
from fastpxe.serve.system import privileges
from fastpxe.serve.tftp.ports import SHARED_BUFFER

pytestmark = pytest.mark.netns

NET_ADMIN = 1 << privileges.CAP_NET_ADMIN
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
HTTP = f"[http]\nenabled = true\n{ONE}"
SERVE = (*FASTPXE, "serve")
BEGUN = {"fastpxe-0", "fastpxe-1", "fastpxe-log"}


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A cable, and a folder that everybody may read, unlike pytest's."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        folder.chmod(0o755)
        (folder / "one.efi").write_bytes(b"MZ" * 300)
        wire = Wire(folder)
        yield wire
        wire.close()


def serve(wire: Wire, text: str, *arguments: str) -> Process:
    wire.write(text)
    return wire.run(*SERVE, "-c", wire.config, "--workers", "2", *arguments)


def refusal(wire: Wire, *arguments: str, around: tuple[str, ...] = ()) -> str:
    ran = subprocess.run(
        wire.server.command(*around, *SERVE, "-c", str(wire.config), *arguments),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    return ran.stderr


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def processes_of(process: Process) -> dict[str, dict[str, str]]:
    """What the kernel says of the parent and of each child, by name, once all have begun."""
    parent = fastpxe_of(process)
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            found = [status_of(one.pid) for one in psutil.Process(parent).children()]
            names = [status["Name"] for status in found]
            if set(names) >= BEGUN and len(names) == len(set(names)):
                return {"parent": status_of(parent), **dict(zip(names, found, strict=True))}
        time.sleep(0.02)
    raise AssertionError(process.output())


def capabilities_of(status: dict[str, str]) -> dict[str, int]:
    return {key: int(status[key], 16) for key in CAPABILITIES}


def assert_unprivileged(process: Process, uid: int) -> None:
    for name, status in processes_of(process).items():
        assert status["Uid"].split() == [str(uid)] * 4, name
        assert status["NoNewPrivs"] == "1", name
        kept = {"CapPrm": NET_ADMIN, "CapEff": NET_ADMIN} if name == "parent" else {}
        assert capabilities_of(status) == dict.fromkeys(CAPABILITIES, 0) | kept, name


def uid_of(user: str) -> int:
    found = subprocess.run(("id", "-u", user), check=True, capture_output=True, text=True)
    return int(found.stdout)


def default_user() -> str:
    known = subprocess.run(("id", "fastpxe"), check=False, capture_output=True).returncode == 0
    return "fastpxe" if known else "nobody"


def http_get(wire: Wire) -> bytes:
    with wire.client.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.connect((SERVER, 80))
        sock.sendall(b"GET /one.efi HTTP/1.0\r\n\r\n")
        answer = b""
        while part := sock.recv(4096):
            answer += part
    return answer.partition(b"\r\n\r\n")[2]


def tftp_get(wire: Wire) -> bytes:
    """The first block."""
    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LIMIT_S)
        sock.sendto(b"\0\1one.efi\0octet\0", (SERVER, 69))
        return sock.recv(2048)[4:]


def hear_each_worker(wire: Wire) -> None:
    """One that has read a packet has given up what it had."""
    for xid in range(8):  # dealt to the workers by xid
        assert wire.ask(xid).file == "one.efi"


def test_root_becomes_another_user_in_every_process_and_serves(wire: Wire) -> None:
    process = serve(wire, HTTP)
    uid = uid_of(default_user())
    hear_each_worker(wire)
    assert "fastpxe-http" in processes_of(process)
    assert_unprivileged(process, uid)
    assert f"; user {default_user()}\n" in process.output()
    assert tftp_get(wire) == (b"MZ" * 300)[:512]
    assert http_get(wire) == b"MZ" * 300


def test_a_worker_that_comes_later_is_no_more_than_the_first(wire: Wire) -> None:
    process = serve(wire, HTTP)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    wire.wait_for(process, "starting a replacement")
    hear_each_worker(wire)
    assert_unprivileged(process, uid_of(default_user()))
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    hear_each_worker(wire)
    assert http_get(wire) == b"MZ" * 300
    assert_unprivileged(process, uid_of(default_user()))
    assert process.stop(signal.SIGTERM) == 0


def test_sockets_for_transfers_have_their_large_buffer_after_a_reload_too(wire: Wire) -> None:
    """This is what the parent keeps CAP_NET_ADMIN for."""
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    assert most < SHARED_BUFFER
    process = serve(wire, ONE)
    first = workers_with_large_buffers(wire, process)
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    workers_with_large_buffers(wire, process, but=first)


def workers_with_large_buffers(
    wire: Wire, process: Process, but: frozenset[int] = frozenset()
) -> frozenset[int]:
    """The two workers, once each has a socket of no service, with the buffer for transfers."""
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        listed = wire.server.run("ss", "-Hulnmp").replace("\n\t", " ")
        sockets = [
            line for line in listed.splitlines()
            if f"rb{2 * SHARED_BUFFER}," in line and not re.search(r":(67|69|4011) ", line)
        ]  # fmt: skip
        workers = frozenset(workers_of(process)) - but
        if len(workers) == 2 and all(
            any(f"pid={pid}," in line for line in sockets) for pid in workers
        ):
            return workers
        time.sleep(0.02)
    raise AssertionError(listed)


def test_a_named_user_serves_with_the_groups_it_is_in(wire: Wire) -> None:
    process = serve(wire, ONE, "--user", "daemon")
    hear_each_worker(wire)
    assert_unprivileged(process, uid_of("daemon"))
    groups = subprocess.run(("id", "-G", "daemon"), check=True, capture_output=True, text=True)
    for status in processes_of(process).values():
        assert sorted(status["Groups"].split()) == sorted(groups.stdout.split())


def test_root_stays_root_when_told_so(wire: Wire) -> None:
    process = serve(wire, ONE, "--user", "root")
    for status in processes_of(process).values():
        assert status["Uid"].split() == ["0"] * 4
    assert "; user root\n" in process.output()


def test_a_user_that_is_not_there_is_refused(wire: Wire) -> None:
    wire.write(ONE)
    assert refusal(wire, "--user", "nosuch") == (
        "fastpxe: there is no user 'nosuch' on this machine; name another: --user NAME, "
        "or --user root to stay root\n"
    )


def test_a_change_that_fails_refuses_to_start(wire: Wire) -> None:
    wire.write(ONE)
    without = ("setpriv", "--bounding-set=-setuid,-setgid")
    assert "can't switch to user nobody: Operation not permitted" in refusal(
        wire, "--user", "nobody", around=without
    )


def test_what_is_left_of_root_is_found() -> None:
    nobody = privileges.Account("nobody", 65534, 65534)
    with pytest.raises(StartError, match="still there") as raised:
        privileges._require(nobody, ())  # noqa: SLF001 - it must be seen to find something
    for key in ("Uid 0 0 0 0", "Gid 0 0 0 0", "CapPrm", "CapEff", "NoNewPrivs 0"):
        assert key in str(raised.value)


def test_a_folder_that_the_user_may_not_enter_is_named_with_the_ways_out(wire: Wire) -> None:
    private = wire.folder / "private"
    private.mkdir(0o700)
    wire.config.write_text(f'[tftp]\nroot = "{private}"\n{ONE}')
    text = refusal(wire, "--user", "nobody")
    assert f"TFTP root {private}: user nobody may not look into it; chmod o+rx" in text
    assert "--user NAME" in text


def test_a_folder_is_made_by_root_and_served_by_the_other_user(wire: Wire) -> None:
    command = ("env", "-C", wire.folder, f"PYTHONPATH={TOP}", *SERVE)
    process = wire.run(*command)
    if not Path("/tftpboot").is_dir():
        assert f"made {wire.folder}/tftpboot" in process.output()
        assert (wire.folder / "tftpboot").stat().st_uid == 0
    assert_unprivileged_names(process)


PRIVATE_TOML = """
profile = "{profile}"
[tftp]
root = "{folder}"
[http]
enabled = true
"""


def test_it_serves_from_a_folder_that_only_root_may_enter(wire: Wire) -> None:
    """As in somebody's home, where the new user finds no file of fastpxe itself any more."""
    home = wire.folder / "home"
    home.mkdir(0o700)
    shutil.copytree(Path(fastpxe.__file__).parent, home / "fastpxe")
    wire.config.write_text(PRIVATE_TOML.format(profile="fog-1.6", folder=wire.folder))
    around = ("env", "-C", "/", f"PYTHONPATH={home}")
    process = wire.run(*around, *SERVE, "-c", wire.config, "--user", "nobody", "--no-watch")
    assert "reloads will be refused" not in process.output()
    assert wire.file_offered() == "snponly.efi"
    assert http_get(wire) == b"MZ" * 300
    for name in "", "page.css", "page.js", "metrics":
        assert wire.server.run(
            "curl", "--fail", "--silent", "--max-time", "5", f"http://127.0.0.1:8067/{name}"
        )
    wire.config.write_text(PRIVATE_TOML.format(profile="netbootxyz", folder=wire.folder))
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    assert wire.file_offered() == "netboot.xyz.efi"
    assert process.stop(signal.SIGTERM) == 0
    assert "Permission denied" not in process.output()


def test_a_folder_that_nobody_can_make_is_named(wire: Wire) -> None:
    """Another user than root, in a folder that is not its own."""
    assert not Path("/tftpboot").is_dir(), "else that is what is served"
    wire.config.write_text(ONE)
    command = ("env", "-C", wire.folder, f"PYTHONPATH={TOP}", sys.executable)
    ran = subprocess.run(
        wire.server.command(*command, "-c", AS_A_SERVICE, "serve", "-c", str(wire.config)),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "no /tftpboot, and ./tftpboot can't be made by user daemon: Permission" in ran.stderr


def assert_unprivileged_names(process: Process) -> None:
    parent = psutil.Process(fastpxe_of(process))
    assert {one.username() for one in (parent, *parent.children())} == {default_user()}


def test_a_configuration_that_only_root_may_read_is_named_at_start(wire: Wire) -> None:
    wire.write(ONE)
    wire.config.chmod(0o600)
    process = wire.run(*SERVE, "-c", wire.config)
    assert "reloads will be refused: user nobody:" in process.output()
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "reload refused")
    assert wire.file_offered() == "one.efi"


@pytest.mark.parametrize(("user", "told"), [("daemon", 1), ("root", 0)])
def test_ports_that_the_user_may_not_send_from_are_told(wire: Wire, user: str, told: int) -> None:
    wire.config.write_text(f'[tftp]\nroot = "{wire.folder}"\nports = [900, 1100]\n{ONE}')
    process = wire.run(*SERVE, "-c", wire.config, "--user", user)
    assert process.output().count("user daemon can't bind ports below 1024;") == told


# --- another user from the start, as systemd does it ---------------------------------------------

AS_A_SERVICE = """
import ctypes, os, sys
import fastpxe.cli, fastpxe.serve.supervisor
from fastpxe.serve.system import privileges
libc = ctypes.CDLL(None)
libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
os.setgroups([]); os.setresgid(1, 1, 1); os.setresuid(1, 1, 1)
privileges._keep((10, 12))  # CAP_NET_BIND_SERVICE, CAP_NET_ADMIN
sys.exit(fastpxe.cli.main(sys.argv[1:]))
"""


def test_another_user_with_capabilities_gives_them_up_too(wire: Wire) -> None:
    wire.write(ONE)
    command = (sys.executable, "-c", AS_A_SERVICE, "serve", "-c", wire.config, "--workers", "2")
    process = wire.run(*command)
    parent = next(
        child for child in psutil.Process(process.popen.pid).children(recursive=True)
        if child.children() and child.username() == "daemon"
    )  # fmt: skip
    hear_each_worker(wire)
    # That the workers answer says nothing of the recorder, which may be at its very beginning.
    for child in parent.children():
        wire.wait_until(lambda one=child: status_of(one.pid)["CapEff"] == "0" * 16)
    for one in (parent, *parent.children()):
        status = status_of(one.pid)
        kept = {"CapPrm": NET_ADMIN, "CapEff": NET_ADMIN} if one == parent else {}
        found = capabilities_of(status)
        del found["CapBnd"]  # only who has CAP_SETPCAP may lower it
        assert found == {key: kept.get(key, 0) for key in found}
        assert status["NoNewPrivs"] == "1"


def test_another_user_can_become_nobody_else(wire: Wire) -> None:
    wire.write(ONE)
    ran = subprocess.run(
        wire.server.command(sys.executable, "-c", AS_A_SERVICE, "serve", "--user", "nobody",
                            "-c", str(wire.config)),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "only root can switch to user 'nobody'" in ran.stderr


# --- dnsmasq's syntax, beside dnsmasq itself ------------------------------------------------------

DNSMASQ = f"port=0\npxe-prompt=P,0\ndhcp-boot=one.efi\ndhcp-range={SERVER},proxy\nuser-line"
LINES = ["", "user=root", "user=", "user=daemon", "user=daemon\ngroup=mail", "group=mail"]


@pytest.mark.parametrize("lines", LINES, ids=repr)
def test_user_and_group_of_a_dnsmasq_configuration_are_those_of_dnsmasq(
    wire: Wire, lines: str
) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text(DNSMASQ.replace("user-line", lines))
    process = wire.run(*SERVE, "--dnsmasq-conf", path, "--workers", "2")
    ours = processes_of(process)["fastpxe-0"]
    process.stop(signal.SIGTERM)
    theirs = status_of_dnsmasq(wire, path)
    assert ours["Uid"] == theirs["Uid"]
    if "group=" in lines:
        assert ours["Gid"] == theirs["Gid"]


def status_of_dnsmasq(wire: Wire, path: Path) -> dict[str, str]:
    command = ("dnsmasq", "-k", "--log-facility=-", "--pid-file=", f"--conf-file={path}")
    process = wire.run(*command, ready="proxy on subnet")
    (found,) = (
        child.pid for child in psutil.Process(process.popen.pid).children(recursive=True)
        if child.name() == "dnsmasq"
    )  # fmt: skip
    return status_of(found)


def test_the_command_line_says_who_serves_before_dnsmasq_s_user_does(wire: Wire) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text(DNSMASQ.replace("user-line", "user=root"))
    process = wire.run(*SERVE, "--dnsmasq-conf", path, "--workers", "2", "--user", "daemon")
    hear_each_worker(wire)
    assert_unprivileged(process, uid_of("daemon"))
