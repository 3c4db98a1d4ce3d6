"""`fastpxe watch` beside a real server."""

import json
import signal
import subprocess

import pytest
from netns import Process
from started import FASTPXE
from wire_rig import LIMIT_S, ONE, SERVER, Wire

pytestmark = pytest.mark.netns

MAC = "52:54:00:12:34:56"
TOKEN = "0123456789abcdef-secret"  # noqa: S105 - it guards this test alone


def watch(wire: Wire, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = wire.server.command(*FASTPXE, "watch", *arguments)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)


def watching(wire: Wire, *arguments: str) -> Process:
    process = Process(wire.server, *FASTPXE, "watch", *arguments, log=wire.folder / "watch")
    wire.processes.append(process)
    return process


def test_it_follows_a_boot_as_json(wire: Wire) -> None:
    wire.serve(ONE)
    process = watching(wire, "--json")
    wire.ask()
    wire.wait_for(process, MAC)
    boot = json.loads(process.output().splitlines()[0])
    assert (boot["mac"], boot["stage"], boot["file"]) == (MAC, "offer", "one.efi")


def test_it_shows_a_table_and_ends_when_asked_to(wire: Wire) -> None:
    wire.serve(ONE)
    wire.ask()
    command = " ".join([*FASTPXE, "watch"])
    process = Process(
        wire.server, "script", "-qefc", f"stty cols 160; {command}", "/dev/null",
        log=wire.folder / "screen",
    )  # fmt: skip
    wire.processes.append(process)
    wire.wait_for(process, MAC)
    assert "Last problem" in process.output()
    shown = watch(wire, "--once", "--only", "no such machine")
    assert (shown.returncode, MAC in shown.stdout) == (0, False)
    shown = watch(wire, "--once", "--stage", "offer", "--sort", "mac")
    assert MAC in shown.stdout


def test_without_a_server_it_says_what_to_do(wire: Wire) -> None:
    said = watch(wire)
    assert said.returncode == 1
    assert "is `fastpxe serve` running, and is [admin] enabled there?" in said.stderr


def test_it_shows_its_token(wire: Wire) -> None:
    wire.serve(f'{ONE}[admin]\naddress = "{SERVER}"\ntoken = "{TOKEN}"\n')
    url = ("--once", "--url", f"http://{SERVER}:8067")
    assert "401: a token is needed" in watch(wire, *url).stderr
    file = wire.folder / "token"
    file.write_text(f"{TOKEN}\n")
    assert watch(wire, *url, "--token-file", str(file)).returncode == 0
    said = watch(wire, *url, "--token-file", str(wire.folder / "gone"))
    assert "gone: No such file or directory" in said.stderr


def test_it_goes_on_over_a_reload_and_ends_with_the_server(wire: Wire) -> None:
    served = wire.serve(ONE)
    process = watching(wire, "--json")
    wire.ask()
    wire.wait_for(process, MAC)
    served.popen.send_signal(signal.SIGHUP)
    wire.wait_for(served, "reloaded:")
    wire.ask(xid=2)
    wire.wait_for(process, MAC, count=2)
    before = process.output().count(MAC)
    wire.ask(xid=3)
    wire.wait_for(process, MAC, count=before + 1)
    served.stop(signal.SIGTERM)
    assert process.popen.wait(LIMIT_S) == 1
    assert "Traceback" not in process.output()
    assert "is `fastpxe serve` running" in process.output()
