"""A network for storms: clients in one namespace, responders in others, joined by a bridge.

clients  br0 10.66.0.100     server 1, 2, …  eth0 10.66.0.1, 10.66.0.2, … and 10.77.0.1 behind 1
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Self, TypeVar

from netns import CLONE_NEWNET, Namespace, Process, check, libc
from started import FASTPXE, SERVE

from fastpxe.net.interfaces import Interface
from fastpxe.probe.storm import rehearse
from fastpxe.storm.plan import Plan
from fastpxe.storm.report import Result

CLIENTS = "10.66.0.100"
SERVERS = ("10.66.0.1", "10.66.0.2")
FAR_SERVER = "10.77.0.1"
LIMIT_S = 20
RULES = """
[[boot]]
name = "x64"
arch = "uefi-x64"
file = "ipxe.efi"
[[boot]]
name = "bios"
arch = "bios"
file = "undionly.kpxe"
"""

Made = TypeVar("Made")


class Lan:
    def __init__(self, folder: Path, servers: int = 1) -> None:
        self.folder = folder
        self.clients = Namespace()
        self.servers = [Namespace() for _ in range(servers)]
        self.processes: list[Process] = []
        self.clients.ip(
            "link add br0 type bridge forward_delay 0 mcast_snooping 0\n"
            f"addr add {CLIENTS}/16 dev br0\nlink set br0 up"
        )
        for number, server in enumerate(self.servers):
            port = f"port{number}"
            server.ip(f"link add eth0 type veth peer name {port} netns {self.clients.path}")
            server.ip(f"addr add {SERVERS[number]}/16 dev eth0\nlink set eth0 up")
            self.clients.ip(f"link set {port} master br0 up")
        self.clients.ip(f"route add {FAR_SERVER}/32 via {SERVERS[0]}")
        self.servers[0].ip(f"addr add {FAR_SERVER}/32 dev lo")

    def serve(self, number: int = 0, rules: str = RULES, *more: str) -> Process:
        """Start a responder, with the files of RULES in its folder; it is ready on return."""
        (self.folder / "ipxe.efi").write_bytes(bytes(100_000))
        (self.folder / "undionly.kpxe").write_bytes(bytes(1468 * 4))
        config = self.folder / f"server{number}.toml"
        config.write_text(f'[tftp]\nroot = "{self.folder}"\n{rules}')
        process = Process(
            self.servers[number],
            *(*SERVE, "-c", config, *more),
            log=self.folder / f"log{number}",
        )
        self.processes.append(process)
        limit = time.monotonic() + LIMIT_S
        while "ready" not in process.output():
            assert process.is_running(), process.output()
            assert time.monotonic() < limit, process.output()
            time.sleep(0.02)
        return process

    def storm(self, plan: Plan) -> Result:
        return self.inside(lambda: rehearse(plan, self.interface(), lambda _generator: None))

    def inside(self, run: Callable[[], Made]) -> Made:
        """Run where the clients are."""

        def enter_and_run() -> Made:
            check(libc.setns(self.clients.fd, CLONE_NEWNET))
            return run()

        with ThreadPoolExecutor(max_workers=1) as one:
            return one.submit(enter_and_run).result()

    def interface(self) -> Interface:
        """The clients' interface; psutil looks where the process is, not the thread."""
        network = IPv4Interface(f"{CLIENTS}/16")
        index = socket.if_nametoindex("br0")
        return Interface(name="br0", index=index, networks=(network,), mtu=1500)

    def command(self, *arguments: str) -> list[str]:
        """`fastpxe storm`, where the clients are."""
        return self.clients.command(*FASTPXE, "storm", "--interface", "br0", *arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        for namespace in (self.clients, *self.servers):
            os.close(namespace.fd)


def freeze(process: Process) -> None:
    """Stop a program where it is, with the guards around it, so that it reads nothing more."""
    os.killpg(process.popen.pid, signal.SIGSTOP)
