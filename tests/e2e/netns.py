"""Network namespaces without a name.

One lives as long as somebody holds it: this object's file descriptor, or a process inside. So two
runs can't collide, and whatever ends this process, nothing is left to clean up.
"""

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

CLONE_NEWNET = 0x40000000
LIFE_LIMIT_S = 300
GUARD = (
    *("setpriv", "--pdeathsig", "TERM"),
    *("timeout", "--foreground", "--kill-after=5", str(LIFE_LIMIT_S)),
)

Made = TypeVar("Made")
libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    def __init__(self) -> None:
        self.fd = in_a_thread(make_namespace)
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.ip("link set lo up")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.fd)

    def command(self, *command: str | Path) -> list[str]:
        """Return what runs `command` inside."""
        return ["nsenter", f"--net={self.path}", *map(str, command)]

    def run(self, *command: str | Path, stdin: str = "") -> str:
        """Run a short command inside; return what it printed."""
        done = subprocess.run(
            self.command(*command),
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}\n{stdin}"
        return done.stdout

    def ip(self, lines: str) -> None:
        self.run("ip", "-batch", "-", stdin=lines)

    def socket(self, family: int, kind: int) -> socket.socket:
        def enter_and_open() -> socket.socket:
            check(libc.setns(self.fd, CLONE_NEWNET))
            return socket.socket(family, kind)

        return in_a_thread(enter_and_open)


class Process:
    """A program inside a namespace, its output in a file.

    It ends when told so, after LIFE_LIMIT_S, or when this process is gone: timeout(1) passes the
    signal on that it gets then, which a program that changes its user wouldn't get itself.
    """

    def __init__(self, namespace: Namespace, *command: str | Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.popen = start(namespace, *command, output=output)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def stop(self, number: int, limit_s: float = 10) -> int:
        """Ask it to end; return its exit status. One that doesn't obey is killed."""
        self.popen.send_signal(number)
        try:
            return self.popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        if self.is_running():  # else its number may be another's by now
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


def start(
    namespace: Namespace, *command: str | Path, output: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    """Start a program inside, as a Process is; what it prints goes to an open file."""
    return subprocess.Popen(
        [*GUARD, *namespace.command(*command)],
        process_group=0,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def make_namespace() -> int:
    check(libc.unshare(CLONE_NEWNET))
    for which in "all", "default":
        Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("1")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def in_a_thread(make: Callable[[], Made]) -> Made:
    """Namespaces belong to a thread: a short-lived one changes its own, and this one stays."""
    with ThreadPoolExecutor(max_workers=1) as one:
        return one.submit(make).result()


def check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
