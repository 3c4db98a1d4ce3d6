"""No room left: where hosts are kept, and where the log goes."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from fault_rig import get
from netns import Process
from started import SERVE
from wire_rig import LIMIT_S, ONE, Wire, workers_of

pytestmark = pytest.mark.netns

FIRST, SECOND = "52:54:00:12:34:56", "52:54:00:12:34:57"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; the file that takes it."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler


def host(config: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "fastpxe", "host", *arguments, "-c", str(config)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)


@pytest.fixture
def config(tmp_path: Path, disk: Path) -> Path:
    path = tmp_path / "hosts.toml"
    path.write_text(f'state = "{disk}"\n[tftp]\nroot = "{tmp_path}"\n{ONE}')
    return path


def test_a_first_host_that_finds_no_room_is_refused_and_leaves_no_broken_database(
    disk: Path, config: Path
) -> None:
    filler = fill(disk)
    ran = host(config, "set", FIRST, "--boot", "one")
    assert ran.returncode == 1
    assert f"fastpxe: {disk}/hosts.db: database or disk is full" in ran.stderr
    listed = host(config, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    filler.unlink()
    assert host(config, "set", FIRST, "--boot", "one").returncode == 0
    assert FIRST in host(config, "list").stdout


def test_a_host_that_finds_no_room_leaves_those_before_as_they_were(
    disk: Path, config: Path
) -> None:
    host(config, "set", FIRST, "--boot", "one")
    fill(disk)
    refused = ""
    for number in range(200):  # until the page that has room is full
        ran = host(config, "set", f"52:54:00:00:{number:02x}:01", "--boot", "one")
        refused = ran.stderr
        if ran.returncode:
            break
    assert "database or disk is full" in refused
    assert FIRST in host(config, "list").stdout
    with closing(sqlite3.connect(disk / "hosts.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_log_without_room_keeps_nobody_from_booting(wire: Wire, disk: Path) -> None:
    wire.write(ONE)
    process = Process(wire.server, *SERVE, "-c", wire.config, log=disk / "log")
    wire.processes.append(process)
    wire.wait_for(process, "ready")
    filler = fill(disk)
    for xid in range(300):
        assert wire.ask(xid).file == "one.efi"
    (before,) = workers_of(process)[:1]
    os.kill(before, signal.SIGKILL)
    while before in workers_of(process):
        assert process.is_running()
    assert wire.file_offered() == "one.efi"
    assert get(wire.server, "/healthz")[0] == 200
    filler.unlink()
    told = process.output().count(" offer ")
    wire.ask()
    wire.wait_for(process, " offer ", count=told + 1)
    assert process.stop(signal.SIGTERM) == 0
