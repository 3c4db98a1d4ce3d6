"""A machine to itself, as far as namespaces make one: file systems, processes and network.

Its one way out is slirp4netns, so what it serves by broadcast is heard by nobody outside.
Sources: unshare(1), nsenter(1), slirp4netns(1).
"""

import subprocess
from pathlib import Path
from typing import Self

BIRTH = """
set -e
mount --bind "$0" "$0"  # else what looks for its root's mount finds none
mount -t proc proc "$0/proc"
mount -t sysfs sysfs "$0/sys"
mount --rbind /dev "$0/dev"
ip link set lo up
hostname clean
echo 127.0.1.1 clean > "$0/etc/hosts"
echo born
exec sleep infinity
"""
GUARD = ("setpriv", "--pdeathsig", "KILL")
RESOLVER = "nameserver 10.0.2.3\n"  # slirp4netns's


class Container:
    """The Debian in a folder, as a machine that lives as long as this object's block."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "etc" / "resolv.conf").write_text(RESOLVER)
        self.holder = subprocess.Popen(
            (*GUARD, "unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child",
             "sh", "-c", BIRTH, root),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.holder.stdout
        assert self.holder.stdout.readline() == "born\n"
        self.namespaces = Path(f"/proc/{self.holder.pid}/ns")
        self.net = self.namespaces / "net"
        self.outward = subprocess.Popen(
            (*GUARD, "slirp4netns", "--configure", "--disable-host-loopback", "--ready-fd=1",
             "--netns-type=path", self.net, "tap0"),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.outward.stdout
        assert self.outward.stdout.read(1) == "1", "slirp4netns doesn't start"

    def command(self, *command: str | Path, net: Path | str = "") -> tuple[str | Path, ...]:
        """Return what runs a command inside, in another network if one is given."""
        return (
            "nsenter",
            f"--mount={self.namespaces}/mnt",
            f"--pid={self.namespaces}/pid_for_children",
            f"--net={net or self.net}",
            f"--uts={self.namespaces}/uts",
            *("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            *("chroot", self.root),
            *command,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.outward, self.holder):
            process.kill()
            process.communicate()
