"""Children that can't begin, or that the system refuses: the server goes on with what it has."""

import contextlib
import os
import pwd
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from netns import GUARD, Process
from started import FASTPXE
from wire_rig import ONE, Downloading, Wire, fastpxe_of, workers_of

pytestmark = pytest.mark.netns

CONTENT = bytes(range(256)) * 40
USER = "daemon"  # whom nobody else runs as, for its processes are counted
BEGUN = 4  # processes: the parent, two workers and the recorder
CHILDREN = ["fastpxe-0", "fastpxe-1", "fastpxe-log"]
TWO = '[[boot]]\nname = "two"\nfile = "two.efi"\n'


def without_descriptors(pid: int) -> None:
    """Let a process, and its children from now on, open nothing more."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (psutil.Process(pid).num_fds(), hard))


def turns_of(process: Process) -> int:
    """How many reloads were refused or done."""
    return process.output().count("reload refused") + process.output().count("reloaded:")


def processes_of(user: str) -> int:
    number = pwd.getpwnam(user).pw_uid
    return sum(one.info["uids"].real == number for one in psutil.process_iter(["uids"]))


def names_of_children(parent: psutil.Process) -> list[str]:
    names = []
    for child in parent.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            names.append(child.name())
    return sorted(names)


def with_descriptors(pid: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def test_children_that_end_at_their_start_keep_it_neither_from_recovering_nor_from_stopping(
    wire: Wire,
) -> None:
    wire.write(ONE)
    process = wire.start("-c", str(wire.config), "--workers", "4")
    parent = fastpxe_of(process)
    without_descriptors(parent)
    for worker in workers_of(process):
        os.kill(worker, signal.SIGKILL)
    wire.wait_for(process, "ended with status 1; starting a replacement", count=8)
    assert "OSError: [Errno 24] Too many open files" in process.output()  # why they ended
    with_descriptors(parent)
    assert wire.ask().file == "one.efi"
    without_descriptors(parent)
    for worker in workers_of(process):
        os.kill(worker, signal.SIGKILL)
    wire.wait_for(process, "ended with status 1; starting a replacement", count=16)
    assert process.stop(signal.SIGTERM) == 0


def test_a_reload_without_descriptors_is_refused_and_leaves_none_open(wire: Wire) -> None:
    process = wire.serve(ONE)
    parent = fastpxe_of(process)
    before = psutil.Process(parent).num_fds()
    wire.write(TWO)
    for spare in range(12):
        _, hard = resource.prlimit(parent, resource.RLIMIT_NOFILE)
        resource.prlimit(parent, resource.RLIMIT_NOFILE, (before + spare, hard))
        os.kill(parent, signal.SIGHUP)
        wire.wait_until(lambda turns=spare + 1: turns_of(process) == turns)
        if "reloaded:" in process.output():
            break
        wire.wait_until(lambda: psutil.Process(parent).num_fds() == before)
        assert wire.file_offered() == "one.efi"
    else:
        raise AssertionError(process.output())
    with_descriptors(parent)  # children have its limit, and take a few to begin
    assert wire.file_offered() == "two.efi"


@pytest.fixture
def open_wire() -> Iterator[Wire]:
    """A cable, and a folder that everybody may read, unlike pytest's."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        folder.chmod(0o755)
        wire = Wire(folder)
        yield wire
        wire.close()


def test_where_no_process_may_be_forked_a_reload_is_refused_and_a_worker_comes_later(
    open_wire: Wire,
) -> None:
    wire = open_wire
    wire.write(ONE)
    process = wire.run(
        "prlimit", f"--nproc={BEGUN + 1}", *FASTPXE, "serve", "--no-watch", "--user", USER,
        "-c", wire.config, "--workers", "2",
    )  # fmt: skip
    wire.write(TWO)
    os.kill(fastpxe_of(process), signal.SIGHUP)  # it takes two more workers
    wire.wait_for(process, "reload refused, the old configuration stays in force: ")
    wire.wait_until(lambda: len(workers_of(process)) == 2)
    assert wire.file_offered() == "one.efi"
    others = [
        subprocess.Popen([*GUARD, "setpriv", "--reuid", USER, "sleep", "60"]) for _ in range(4)
    ]
    wire.wait_until(lambda: processes_of(USER) == BEGUN + 4)
    for pid in workers_of(process):
        os.kill(pid, signal.SIGKILL)
    wire.wait_for(process, "can't be started, retrying: ", count=4)
    for other in others:
        other.terminate()
        other.wait()
    assert wire.file_offered() == "one.efi"
    wire.wait_until(lambda: len(workers_of(process)) == 2)
    assert process.stop(signal.SIGTERM) == 0


def test_reloads_with_downloads_under_way_leave_nothing_open(wire: Wire) -> None:
    (wire.folder / "boot.bin").write_bytes(CONTENT)
    process = wire.serve(f"[http]\nenabled = true\n{ONE}")
    parent = psutil.Process(fastpxe_of(process))
    counts = []
    for turn in range(1, 61):
        begun = Downloading(wire)
        parent.send_signal(signal.SIGHUP)
        wire.wait_for(process, "reloaded:", count=turn)
        assert begun.finish() == CONTENT
        if turn in (20, 60):
            wire.wait_until(lambda: len(parent.children()) == BEGUN)
            counts.append((parent.num_fds(), parent.memory_info().rss))
    (fds, memory), (fds_later, memory_later) = counts
    assert fds_later == fds
    assert memory_later - memory < 2 << 20


def test_a_storm_of_hangups_leaves_one_process_of_each_kind(wire: Wire) -> None:
    process = wire.serve(ONE)
    parent = psutil.Process(fastpxe_of(process))
    fds = parent.num_fds()
    for _ in range(100):
        parent.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    wire.wait_until(lambda: names_of_children(parent) == CHILDREN)
    assert parent.num_fds() == fds
    assert wire.file_offered() == "one.efi"
    wire.wait_for(process, " offer ")
