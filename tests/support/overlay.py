"""A copy of this system to install into, and fastpxe's Debian package.

The copy is an overlay in a mount namespace: dpkg installs for good, and nothing of it stays.
"""

import subprocess
from pathlib import Path
from typing import Self

from project import TOP

LIMIT_S = 60
BUILD_LIMIT_S = 600
OVERLAY = """
set -e
mount -t tmpfs -o mode=755 none {at}
mkdir {at}/upper {at}/work {at}/root
mount -t overlay overlay -o lowerdir=/,upperdir={at}/upper,workdir={at}/work {at}/root
mount -t proc -o hidepid=invisible proc {at}/root/proc
mount --rbind /dev {at}/root/dev
mount --rbind /sys {at}/root/sys
echo mounted
exec sleep infinity
"""


class Machine:
    """A copy of this system, for as long as this process lives."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.holder = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount",
             "sh", "-c", OVERLAY.format(at=folder)),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.holder.stdout
        assert self.holder.stdout.readline() == "mounted\n"

    def command(self, *command: str | Path) -> tuple[str | Path, ...]:
        inside = ("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "chroot", self.root)
        return (*inside, *command)

    def run(self, *command: str | Path, limit_s: float = LIMIT_S) -> str:
        ran = subprocess.run(
            self.command(*command), check=False, capture_output=True, text=True, timeout=limit_s
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def write(self, path: str, text: str) -> None:
        command = self.command("tee", path)
        subprocess.run(command, check=True, input=text, text=True, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.holder.kill()
        self.holder.communicate()


def build_package(folder: Path) -> Path:
    """Build it into a folder; where it is."""
    ran = subprocess.run(
        (TOP / "contrib" / "deb" / "build", folder),
        check=False, capture_output=True, text=True, timeout=BUILD_LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return Path(ran.stdout.splitlines()[-1])
