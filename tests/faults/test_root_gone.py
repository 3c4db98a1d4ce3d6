"""The TFTP root's file system is taken away, and comes back."""

import signal
import subprocess

import pytest
from fault_rig import fetch, wait_until
from netns import Process
from started import SERVE
from wire_rig import LIMIT_S, ONE, Downloading, Wire, fastpxe_of

pytestmark = pytest.mark.netns

OLD, NEW = b"old" * 10_000, b"new" * 10_000


@pytest.fixture
def mounted(wire: Wire) -> tuple[Wire, Process]:
    """A server whose root is a file system of its own, seen by it alone."""
    root = wire.folder / "root"
    root.mkdir()
    wire.config.write_text(f'[tftp]\nroot = "{root}"\n{ONE}')
    script = f'mount -t tmpfs tmpfs {root} && cat > {root}/boot.bin && exec "$@" </dev/null'
    (wire.folder / "old").write_bytes(OLD)
    command = ("sh", "-c", f"exec <{wire.folder}/old; {script}", "sh", *SERVE, "-c", wire.config)
    return wire, wire.run("unshare", "--mount", *command)


def within(process: Process, script: str) -> None:
    """Run a line of shell where the server sees its files."""
    command = ("nsenter", f"--mount=/proc/{fastpxe_of(process)}/ns/mnt", "sh", "-ec", script)
    subprocess.run(command, check=True, timeout=LIMIT_S)


def test_a_root_that_is_unmounted_is_served_until_a_reload_and_then_the_new_one(
    mounted: tuple[Wire, Process],
) -> None:
    """The root is an open directory, which keeps its file system for as long."""
    wire, process = mounted
    root = wire.folder / "root"
    begun = Downloading(wire)
    within(process, f"umount --lazy {root}")
    assert fetch(wire, "boot.bin") == OLD
    assert begun.finish() == OLD
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    assert f"one.efi is not under {root}" in process.output()
    assert fetch(wire, "boot.bin") == b""
    wait_until(wire.server, lambda found: found.get(("fastpxe_tftp_refused_total", "1")) == 1)
    (wire.folder / "new").write_bytes(NEW)
    within(process, f"mount -t tmpfs tmpfs {root}; cat {wire.folder}/new > {root}/boot.bin")
    assert fetch(wire, "boot.bin") == b""
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reloaded:", count=2)
    assert fetch(wire, "boot.bin") == NEW
