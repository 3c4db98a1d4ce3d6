"""podman, with images, containers and mounts that vanish with this process.

It makes no cgroups and raises no limits, for this system may itself be a container.
Sources: podman(1), podman-run(1), podman-build(1).
"""

import subprocess
from pathlib import Path
from typing import Self

# crun takes no system on which cgroups of both versions are mounted, even if it is to make none.
BIRTH = """
set -e
umount --recursive /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
echo born
exec sleep infinity
"""
# podman would raise them, for which this system may have no right.
LIMITS = ("--ulimit", "nofile=10000:10000", "--ulimit", "nproc=10000:10000")
BUILD_LIMIT_S = 1800


class Engine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holder = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", BIRTH),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.holder.stdout
        assert self.holder.stdout.readline() == "born\n"

    def command(self, *command: str | Path) -> tuple[str | Path, ...]:
        return (
            *("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"),
            *("podman", "--root", self.folder / "storage", "--runroot", self.folder / "run"),
            *("--cgroup-manager", "cgroupfs", *command),
        )

    def make_image(self, root: Path, name: str) -> None:
        """Of the file system in a folder."""
        with subprocess.Popen(("tar", "-C", root, "-c", "."), stdout=subprocess.PIPE) as tar:
            subprocess.run(self.command("import", "-", name), check=True, stdin=tar.stdout)

    def build(self, recipe: Path, context: Path, name: str, *arguments: str) -> None:
        """Without namespaces but a chroot, on this system's network."""
        options = ("--isolation", "chroot", "--network", "host", "--file", recipe, "--tag", name)
        ran = subprocess.run(
            self.command("build", *options, *arguments, context),
            check=False, capture_output=True, text=True, timeout=BUILD_LIMIT_S,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]

    def running(self, *options: str) -> tuple[str | Path, ...]:
        """Return what runs a container in the foreground, on the network of who calls it."""
        return self.command("run", "--rm", "--cgroups", "disabled", *LIMITS, *options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.holder.kill()
        self.holder.communicate()
