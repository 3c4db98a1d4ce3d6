"""What the service manager is told, on a socket as systemd has it."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from netns import Process
from started import SERVE
from wire_rig import LIMIT_S, ONE, SERVER, Wire, fastpxe_of, http_of, workers_of

from fastpxe.serve.system.systemd import ServiceManager

Told = dict[str, str]


class Systemd:
    def __init__(self, address: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(address)
        self.sock.settimeout(LIMIT_S)

    def hear(self) -> Told:
        lines = self.sock.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def hear_what_waits(self) -> list[Told]:
        heard = []
        self.sock.settimeout(0)
        try:
            while True:
                heard.append(self.hear())
        except BlockingIOError:
            self.sock.settimeout(LIMIT_S)
            return heard


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(str(tmp_path / "notify"))
    yield listening
    listening.sock.close()


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


def serve(wire: Wire, *environment: str, more: str = "") -> Process:
    wire.write(ONE + more)
    variables = (f"NOTIFY_SOCKET={wire.folder}/notify", *environment)
    return wire.run("env", *variables, *SERVE, "-c", wire.config, "--workers", "2")


@pytest.mark.netns
def test_start_reload_and_stop_are_told(wire: Wire, systemd: Systemd) -> None:
    process = serve(wire)
    ready = systemd.hear()
    assert ready["READY"] == "1"
    assert ready["STATUS"].startswith(f"eth0 {SERVER}; UDP 67+4011+69; 1 rule from")
    os.kill(fastpxe_of(process), signal.SIGHUP)
    reloading = systemd.hear()
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert systemd.hear() == ready
    assert process.stop(signal.SIGTERM) == 0
    assert systemd.hear() == {"STOPPING": "1", "STATUS": "stopping"}
    assert not systemd.hear_what_waits()


@pytest.mark.netns
def test_a_refused_reload_ends_too_and_its_reason_is_the_status(
    wire: Wire, systemd: Systemd
) -> None:
    process = serve(wire)
    systemd.hear()
    wire.write('[[boot]]\nfiel = "x"\n')
    os.kill(fastpxe_of(process), signal.SIGHUP)
    assert systemd.hear()["RELOADING"] == "1"
    told = systemd.hear()
    assert told["READY"] == "1"
    assert "reload refused" in told["STATUS"]
    assert "did you mean 'file'?" in told["STATUS"]


@pytest.mark.netns
def test_the_watchdog_hears_nothing_while_a_worker_hangs(wire: Wire, systemd: Systemd) -> None:
    process = serve(wire, "WATCHDOG_USEC=300000")
    assert "READY" in systemd.hear()
    for _ in range(3):
        assert systemd.hear() == {"WATCHDOG": "1"}
    worker = workers_of(process)[1]
    os.kill(worker, signal.SIGSTOP)
    wire.wait_for(process, "worker 1 has no heartbeat")
    systemd.hear_what_waits()
    wire.wait_for(process, "worker 1 has no heartbeat", 4)
    assert not systemd.hear_what_waits()
    os.kill(worker, signal.SIGCONT)
    assert systemd.hear() == {"WATCHDOG": "1"}


@pytest.mark.netns
def test_the_watchdog_hears_nothing_while_the_http_server_hangs(
    wire: Wire, systemd: Systemd
) -> None:
    process = serve(wire, "WATCHDOG_USEC=300000", more="[http]\nenabled = true\n")
    assert "READY" in systemd.hear()
    assert systemd.hear() == {"WATCHDOG": "1"}
    os.kill(http_of(process), signal.SIGSTOP)
    wire.wait_for(process, "the HTTP server has no heartbeat")
    systemd.hear_what_waits()
    wire.wait_for(process, "the HTTP server has no heartbeat", 4)
    assert not systemd.hear_what_waits()
    os.kill(http_of(process), signal.SIGCONT)
    assert systemd.hear() == {"WATCHDOG": "1"}


@pytest.mark.netns
def test_a_worker_that_was_replaced_is_alive(wire: Wire, systemd: Systemd) -> None:
    process = serve(wire, "WATCHDOG_USEC=2000000")
    systemd.hear()
    os.kill(workers_of(process)[0], signal.SIGKILL)
    wire.wait_for(process, "starting a replacement")
    systemd.hear_what_waits()
    assert systemd.hear() == {"WATCHDOG": "1"}
    assert "no heartbeat" not in process.output()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_a_watchdog_is_there_when_it_is_meant_for_this_process(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    assert ServiceManager(environment).watchdog_s == watchdog_s


def test_an_abstract_address_is_told_too() -> None:
    name = f"fastpxe-test-{os.getpid()}"
    listening = Systemd(f"\0{name}")
    ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).ready("two\nlines")
    assert listening.hear() == {"READY": "1", "STATUS": "two lines"}
    listening.sock.close()


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()
    ServiceManager({}).alive()
