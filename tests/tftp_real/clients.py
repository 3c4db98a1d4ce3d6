"""The TFTP clients of Debian, as commands."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from netns import Namespace
from tftp_rig import SERVER

LIMIT_S = 30

Command = tuple[str, ...]
CommandFor = Callable[[str, str], Command]  # of a server and a file, to get it as "got"


class Program(NamedTuple):
    """`says` is how it tells of an ERROR; `fails_with` is its exit status then."""

    name: str
    says: dict[int, str]
    fails_with: dict[int, int]


class Download(NamedTuple):
    status: int
    said: str
    content: bytes


class Client(NamedTuple):
    """A program with options. `granted` is what fastpxe's log must say it granted."""

    program: Program
    command_for: CommandFor
    options: Command
    blksize: int
    granted: str
    server: str

    def __str__(self) -> str:
        return " ".join((self.program.name, *self.options))

    def get(self, namespace: Namespace, folder: Path, file: str) -> Download:
        got = folder / "got"
        got.unlink(missing_ok=True)
        command = ("timeout", str(LIMIT_S), *self.command_for(self.server, file))
        done = subprocess.run(
            namespace.command(*command), check=False, capture_output=True, text=True, cwd=folder
        )
        content = got.read_bytes() if got.exists() else b""
        return Download(done.returncode, done.stdout + done.stderr, content)


CURL = Program("curl", {1: "curl: (68)", 2: "curl: (69)"}, {1: 68, 2: 69})
# It tells of errors, but not by its exit status.
HPA = Program(
    "tftp-hpa", {1: "Error code 1: File not found", 2: "Error code 2: Access violation"},
    {1: 0, 2: 0},
)  # fmt: skip
ATFTP = Program(
    "atftp",
    {1: "error received from server <File not found>", 2: "error received from server <Access"},
    {1: 255, 2: 255},
)
BUSYBOX = Program(
    "busybox", {1: "server error: (1) File not found", 2: "server error: (2) Access violation"},
    {1: 1, 2: 1},
)  # fmt: skip


def curl(*options: str, blksize: int = 512, granted: str = "", server: str = SERVER) -> Client:
    def command_for(server: str, file: str) -> Command:
        url = f"tftp://{server}/{file}"
        return ("curl", "-sS", "--path-as-is", *options, "-o", "got", url)

    return Client(CURL, command_for, options, blksize, granted, server)


def hpa() -> Client:
    """Lockstep in blocks of 512: the program has no options to ask for."""

    def command_for(server: str, file: str) -> Command:
        return ("tftp", "-m", "binary", server, "-c", "get", file, "got")

    return Client(HPA, command_for, (), 512, "", SERVER)


def atftp(*options: str, blksize: int = 512, granted: str = "") -> Client:
    def command_for(server: str, file: str) -> Command:
        words = [word for option in options for word in ("--option", option)]
        return ("atftp", "--get", "-l", "got", "-r", file, *words, server)

    return Client(ATFTP, command_for, options, blksize, granted, SERVER)


def busybox(*options: str, blksize: int = 512, granted: str = "") -> Client:
    def command_for(server: str, file: str) -> Command:
        return ("busybox", "tftp", "-g", "-l", "got", "-r", file, *options, server)

    return Client(BUSYBOX, command_for, options, blksize, granted, SERVER)
