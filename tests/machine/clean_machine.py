"""The two commands of README, as somebody types them on a Debian that has nothing.

A Debian is made by debootstrap in a folder, and becomes a machine with a network of its own. A user
who may use sudo gets the last commit's files and types `sudo make serve`; what it prints to be
installed is installed, and no more. It has to become ready then, and to answer a client. The same
for `sudo make test`, of which a part is run that takes some minutes.

It takes root, and the Debian packages debootstrap, slirp4netns, git and iproute2.

example: sudo make clean-machine
example: sudo make clean-machine ARGS="--whole --folder /var/tmp/debian"
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import debian
from container import Container
from netns import Namespace

TOP = Path(__file__).parents[2]
HOME = Path("/home/me")
PREREQUISITES = "apt-get install -y sudo make"  # which README names
USER = """
adduser --quiet --disabled-password --gecos '' me  # its home is its own, as the installer makes it
echo 'me ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/me
"""
NEEDS = re.compile(r" needs:  (sudo apt-get install -y .+)$", re.MULTILINE)
PART = (
    "sudo make lint build",
    "sudo .venv/bin/python -m pytest -q tests/test_codec.py tests/serve/test_supervisor.py",
)
NEEDED_HERE = ("debootstrap", "slirp4netns", "git", "ip")

LIMIT_S = 20 * 60
READY_LIMIT_S = 10 * 60
STOP_LIMIT_S = 20
WHOLE_LIMIT_S = 90 * 60


class StepError(Exception):
    """A step didn't do what README says; the text says what it did."""


class User:
    """Somebody at a shell of the machine. What the commands print is kept in a file."""

    def __init__(self, machine: Container, log: Path) -> None:
        self.machine = machine
        self.log = log

    def shell(self, line: str, *, name: str = "me") -> list[str | Path]:
        inside = f"cd {HOME}/fastpxe; {line}" if name == "me" else line
        return [*self.machine.command("su", "--login", name, "--command", inside)]

    def types(self, line: str, *, name: str = "me", limit_s: float = LIMIT_S) -> tuple[bool, str]:
        """Whether the command succeeded, and what it printed."""
        ran = subprocess.run(
            self.shell(line, name=name),
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=limit_s,
        )  # fmt: skip
        self.note(f"{name}$ {line}\n{ran.stdout}")
        return ran.returncode == 0, ran.stdout

    def does(self, line: str, *, name: str = "me", limit_s: float = LIMIT_S) -> str:
        """Type what has to succeed; what it printed."""
        is_done, output = self.types(line, name=name, limit_s=limit_s)
        if not is_done:
            raise StepError(f"{line}\n{output[-3000:]}")
        return output

    def told_to_install(self, line: str) -> str:
        """Type what has to fail for want of a package; the line that it says to type instead."""
        is_done, output = self.types(line)
        found = NEEDS.findall(output)
        if is_done or len(found) != 1:
            raise StepError(f"{line}: doesn't say what to install\n{output[-3000:]}")
        return str(found[0])

    def note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text)


@contextmanager
def step(name: str) -> Iterator[None]:
    begin = time.monotonic()
    print(f"{name:<70}", end="", flush=True)
    yield
    print(f"{time.monotonic() - begin:6.0f} s", flush=True)


def run(folder: Path, *, whole: bool) -> None:
    root, log = folder / "debian", folder / "log"
    with step("a Debian, by debootstrap"):
        debian.make(root, log)
    with Container(root) as machine:
        user = User(machine, log)
        with step(PREREQUISITES):
            user.does(PREREQUISITES, name="root")
            user.does(USER, name="root")
            give_source(root)
            user.does(f"chown --recursive me: {HOME}", name="root")
        install_what_is_named(user, "sudo make serve")
        with step("sudo make serve"):
            serve(user, folder / "serve.log")
        install_what_is_named(user, "sudo make test")
        for line in ("sudo make test",) if whole else PART:
            with step(line):
                print(user.does(line, limit_s=WHOLE_LIMIT_S if whole else LIMIT_S))


def give_source(root: Path) -> None:
    """Put the last commit's files where a clone would be."""
    source = root / HOME.relative_to("/") / "fastpxe"
    source.mkdir()
    archive = subprocess.run(
        ["git", "-C", TOP, "archive", "HEAD"], check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", source], check=True, input=archive)


def install_what_is_named(user: User, line: str) -> None:
    with step(line):
        named = user.told_to_install(line)
    print(f"  {named}")
    with step("  that line"):
        user.does(named)


def serve(user: User, log: Path) -> None:
    """`make serve` on a machine with a cable: a client at its other end gets one answer."""
    with Namespace() as client:
        client.ip(f"link add eth0 type veth peer name eth0 netns {user.machine.net}")
        client.ip("address add 10.99.0.2/24 dev eth0\nlink set eth0 up")
        plugged = "link set eth0 up\naddress add 10.99.0.1/24 dev eth0"  # it has no ip(8) itself
        command = ("nsenter", f"--net={user.machine.net}", "ip", "-batch", "-")
        subprocess.run(command, check=True, input=plugged, text=True)
        with log.open("wb") as output:
            server = subprocess.Popen(
                user.shell("sudo make serve"),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0,
            )  # fmt: skip
        try:
            wait_for("ready: ", log, READY_LIMIT_S, server)
            storm = f"{HOME}/fastpxe/.venv/bin/fastpxe storm --interface eth0 --clients 1"
            command = user.machine.command(*storm.split(), net=client.path)
            ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
            user.note(ran.stdout + ran.stderr)
            if "answered    1 of 1 clients" not in ran.stdout:
                raise StepError(f"no answer\n{log.read_text()}\n{ran.stdout}{ran.stderr}")
            # Ctrl-C: the shell around may end before what it runs.
            os.killpg(server.pid, signal.SIGINT)
            wait_for("stopped: answered 1", log, STOP_LIMIT_S)
        finally:
            server.kill()
            server.wait()


def wait_for(
    words: str, log: Path, limit_s: float, server: subprocess.Popen[bytes] | None = None
) -> None:
    """Until the log has these words; where a server is to say them, as long as it runs."""
    end = time.monotonic() + limit_s
    while words not in log.read_text():
        if time.monotonic() > end or (server and server.poll() is not None):
            raise StepError(f"sudo make serve: it doesn't say '{words}'\n{log.read_text()}")
        time.sleep(0.1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--whole", action="store_true", help="run all of make test: half an hour")
    parser.add_argument(
        "--folder",
        type=Path,
        help="make the machine there, 1 GB (5 GB), and keep it; without: in TMPDIR",
    )
    return parser.parse_args()


def main() -> int:
    given = arguments()
    absent = [name for name in NEEDED_HERE if not shutil.which(name)]
    if os.geteuid() != 0 or absent:
        print("it takes root and:  sudo apt-get install -y debootstrap slirp4netns git iproute2")
        return 2
    begin = time.monotonic()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="clean-machine-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run(folder, whole=given.whole)
    except (StepError, debian.MissingError, subprocess.SubprocessError) as error:
        print(f"\nfailed: {error}\nall that was printed: {folder}/log", file=sys.stderr)
        return 1
    if not given.folder:
        shutil.rmtree(folder)
    print(f"README is true on a clean machine: {(time.monotonic() - begin) / 60:.0f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
