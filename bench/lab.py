"""Two namespaces with a cable between them, and a server in one, pinned to a CPU."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LOAD = Path(__file__).parent / "load"
SERVER, CLIENT = f"fpb-srv-{os.getpid()}", f"fpb-cli-{os.getpid()}"
ADDRESS = "10.66.0.1"
PATIENCE_S = 20


# One worker, as a peer is one process, and no other user: its folder is ours alone.
SERVE = (sys.executable, "-m", "fastpxe", "serve", "--user", "root", "--workers", "1")


def alternated(names: Sequence[str], rounds: int, averages: list[float]) -> Iterator[str]:
    """Every name once a round, forwards and backwards in turn, so that nobody always goes first.

    The load average after each round is added to `averages`.
    """
    for number in range(rounds):
        for name in names[:: -1 if number % 2 else 1]:
            yield name
            print(f"round {number + 1}/{rounds}: {name}", file=sys.stderr)
        averages.append(os.getloadavg()[0])


def ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)


@contextmanager
def network() -> Iterator[None]:
    """Two namespaces and a veth pair between them."""
    try:
        ip("netns", "add", SERVER)
        ip("netns", "add", CLIENT)
        ip("-n", SERVER, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
           CLIENT)  # fmt: skip
        for namespace, address in ((SERVER, ADDRESS), (CLIENT, "10.66.0.2")):
            ip("-n", namespace, "addr", "add", f"{address}/16", "dev", "eth0")
            ip("-n", namespace, "link", "set", "eth0", "up")
            ip("-n", namespace, "link", "set", "lo", "up")
        yield
    finally:
        for namespace in (SERVER, CLIENT):
            subprocess.run(("ip", "netns", "del", namespace), check=False)


def inside(namespace: str, cpu: int, *command: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", namespace, "taskset", "-c", str(cpu), *command)


class Server:
    """A server under test; `log` holds what it printed."""

    port = 67

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                inside(SERVER, 0, *command), stdout=output, stderr=output
            )
        self._wait_for_port(command[0])

    def _wait_for_port(self, name: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not self._has_port():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name} doesn't listen:\n{self.log.read_text()}")
            time.sleep(0.05)
        time.sleep(0.3)

    def _has_port(self) -> bool:
        ran = subprocess.run(
            ("ip", "netns", "exec", SERVER, "ss", "-Hlun", f"sport = {self.port}"),
            check=True, capture_output=True,
        )  # fmt: skip
        return bool(ran.stdout.strip())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
