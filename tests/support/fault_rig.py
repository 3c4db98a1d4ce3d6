"""What the tests of faults look at: a server's processes, its metrics, and many clients of one."""

import http.client
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import psutil
from netns import CLONE_NEWNET, Namespace, Process, check, in_a_thread, libc
from prometheus_client.parser import text_string_to_metric_families
from wire_rig import LIMIT_S, SERVER, Wire, fastpxe_of

Made = TypeVar("Made")
Metrics = dict[tuple[str, ...], float]


def inside(namespace: Namespace, run: Callable[[], Made]) -> Made:
    """Run where a namespace's sockets are."""

    def enter_and_run() -> Made:
        check(libc.setns(namespace.fd, CLONE_NEWNET))
        return run()

    return in_a_thread(enter_and_run)


def get(server: Namespace, path: str) -> tuple[int, str]:
    """The status and the text of a page of the server's own."""
    connection = http.client.HTTPConnection("127.0.0.1", 8067)
    with closing(server.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock, closing(connection):
        sock.settimeout(LIMIT_S)
        sock.connect(("127.0.0.1", 8067))
        connection.sock = sock
        connection.request("GET", path, headers={"Connection": "close"})
        with connection.getresponse() as response:
            return response.status, response.read().decode()


def metrics(server: Namespace) -> Metrics:
    """Each sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(get(server, "/metrics")[1])
        for sample in family.samples
    }


def wait_until(server: Namespace, is_so: Callable[[Metrics], bool], limit_s: float = 60) -> Metrics:
    """Wait until the metrics are so; they are then returned."""
    end = time.monotonic() + limit_s
    while not is_so(found := metrics(server)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def child_of(process: Process, name: str) -> psutil.Process:
    """A server's process by its name, such as fastpxe-log."""
    children = psutil.Process(fastpxe_of(process)).children()
    (found,) = (child for child in children if child.name() == name)
    return found


def memory_of(process: Process) -> dict[str, int]:
    """Bytes in memory (RSS) of each of a server's processes."""
    parent = psutil.Process(fastpxe_of(process))
    found = {"fastpxe": parent.memory_info().rss}
    for child in parent.children():
        found[child.name()] = child.memory_info().rss
    return found


def fetch(wire: Wire, name: str, server: str = SERVER) -> bytes:
    """Download a file as iPXE's TFTP does; no file is b""."""
    command = wire.client.command("curl", "-s", "-m", "10", f"tftp://{server}/{name}")
    return subprocess.run(command, check=False, capture_output=True, timeout=LIMIT_S).stdout
