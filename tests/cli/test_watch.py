"""`fastpxe watch` beside a real server."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from netns import Process
from packets import discover
from started import FASTPXE
from wire_rig import LIMIT_S, ONE, SERVER, Wire, fastpxe_of

from fastpxe.cli import watch as cli_watch
from fastpxe.monitor.journal import Boot

pytestmark = pytest.mark.netns

MAC = "52:54:00:12:34:56"
TOKEN = "0123456789abcdef-secret"  # noqa: S105 - it guards this test alone

OTHER = """
import http.server

ANSWERS = {
    "html": (200, "text/html", b"<html>"),
    "json": (200, "application/json", b'{"not": "boots"}'),
    "events": (200, "text/event-stream", b"data: {}\\n\\n"),
    "nothing": (200, "text/event-stream", b""),
    "error": (500, "text/html", b"\\x1b[2J\\xff"),
}

class Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.headers.get("Authorization"), flush=True)
        name = self.path.split("/")[1]
        status, kind, body = ANSWERS.get(name, (302, "", b""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Location", "http://127.0.0.2:8080/html")
        self.end_headers()
        self.wfile.write(body)

server = http.server.HTTPServer(("", 8080), Other)
print("ready", flush=True)
server.serve_forever()
"""


def watch(wire: Wire, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = wire.server.command(*FASTPXE, "watch", *arguments)
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)


def watching(wire: Wire, *arguments: str) -> Process:
    process = Process(wire.server, *FASTPXE, "watch", *arguments, log=wire.folder / "watch")
    wire.processes.append(process)
    return process


def on_a_screen(wire: Wire, *arguments: str, term: str = "xterm") -> Process:
    """Start it on a terminal of 160 columns, whatever this one has."""
    command = " ".join([*FASTPXE, "watch", *arguments])
    screen = ("script", "-qefc", f"stty cols 160 rows 40; {command}", "/dev/null")
    clean = ("env", "-u", "COLUMNS", "-u", "LINES", f"TERM={term}")
    process = Process(wire.server, *clean, *screen, log=wire.folder / "screen")
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
    process = on_a_screen(wire)
    wire.wait_for(process, MAC)
    assert "Last problem" in process.output()
    shown = watch(wire, "--once", "--only", "no such machine")
    assert (shown.returncode, MAC in shown.stdout) == (0, False)
    shown = watch(wire, "--once", "--stage", "offer", "--sort", "mac")
    assert MAC in shown.stdout


def test_on_a_terminal_that_cannot_be_painted_it_shows_the_table_once(wire: Wire) -> None:
    wire.serve(ONE)
    wire.ask()
    process = on_a_screen(wire, term="dumb")
    assert process.popen.wait(LIMIT_S) == 0
    assert MAC in process.output()


@pytest.mark.parametrize("option", ["--json", "--sort=seen"])
def test_it_goes_on_over_a_reload_and_a_restart(wire: Wire, option: str) -> None:
    server = wire.serve(ONE)
    wire.ask()
    process = on_a_screen(wire, option)
    wire.wait_for(process, MAC)
    wire.write(ONE)
    os.kill(fastpxe_of(server), signal.SIGHUP)
    wire.wait_for(server, "reloaded")
    wire.broadcast(discover(arch=7, chaddr=bytes.fromhex("525400000009")))
    wire.wait_for(process, "52:54:00:00:00:09")
    if option == "--json":
        assert process.output().count(MAC) == 1  # what didn't change isn't told again
    server.stop(signal.SIGTERM)
    if option != "--json":
        wire.wait_for(process, "no connection to http://127.0.0.1:8067, trying again")
    wire.serve(ONE)
    wire.broadcast(discover(arch=7, chaddr=bytes.fromhex("52540000000a")))
    wire.wait_for(process, "52:54:00:00:00:0a")


def test_who_has_read_enough_ends_it(wire: Wire) -> None:
    wire.serve(ONE)
    wire.ask()
    command = " ".join([*FASTPXE, "watch", "--json"])
    pipe = wire.server.command("bash", "-c", f"set -o pipefail; {command} | head -n 1")
    with subprocess.Popen(pipe, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        assert MAC in ran.stdout.readline()
        for n in range(2):  # the second line that nobody reads is the one that fails
            wire.broadcast(discover(arch=7, chaddr=bytes([2, 0, 0, 0, 0, n])))
            time.sleep(1.5)  # what changes within a second comes at once
        assert ran.wait(LIMIT_S) == 0
        assert ran.stderr.read() == ""


def test_a_stage_that_there_is_not_is_refused(wire: Wire) -> None:
    said = watch(wire, "--stage", "stuk")
    assert said.returncode == 2
    assert "'stuck'" in said.stderr


def test_without_a_server_it_says_what_to_do(wire: Wire) -> None:
    said = watch(wire)
    assert said.returncode == 1
    assert "is `fastpxe serve` running, and is [admin] enabled there?" in said.stderr


@pytest.mark.parametrize(
    "url",
    ["localhost:8067", "file:///etc", "http://[::1", "http://localhost:x", "http://a b",
     f"http://{'a' * 300}", "http://localhost/\N{SNOWMAN}"],
)  # fmt: skip
def test_what_is_no_url_of_a_server_is_refused(wire: Wire, url: str) -> None:
    said = watch(wire, "--url", url)
    assert said.returncode == 1
    text = f"fastpxe: {url}: no URL of a server; write one such as http://127.0.0.1:8067\n"
    assert said.stderr == text


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("html", "no fastpxe answers there"),
        ("json", "no fastpxe answers there"),
        ("events", "no fastpxe answers there"),
        ("nothing", "no fastpxe answers there"),
        ("error", r"500: \x1b[2J\xff"),
        ("elsewhere", "302: "),
    ],
)
def test_another_web_server_is_refused_and_its_words_are_escaped(
    wire: Wire, name: str, why: str
) -> None:
    other = wire.run(sys.executable, "-c", OTHER)
    file = wire.folder / "token"
    file.write_text(f"{TOKEN}\n")
    url = f"http://127.0.0.1:8080/{name}"
    for option in ("--json", "--once", "--sort=seen"):
        said = watch(wire, "--url", url, "--token-file", str(file), option)
        assert (said.returncode, said.stderr) == (1, f"fastpxe: {url}: {why}\n"), option
    # A redirect is not followed: where it leads may be anybody's.
    assert other.output().count(f"Bearer {TOKEN}") == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"0123456789abcdef\nsecret-secret", "a token is one line"),
        (b"0123456789abcdef\xff", "not UTF-8 text"),
        (b"secret", "a token has 16 characters or more"),
    ],
)
def test_a_token_that_is_none_is_refused_and_not_shown(
    wire: Wire, content: bytes, why: str
) -> None:
    file = wire.folder / "token"
    file.write_bytes(content)
    said = watch(wire, "--token-file", str(file))
    assert (said.returncode, said.stderr) == (1, f"fastpxe: {file}: {why}\n")


@pytest.mark.parametrize("token", [TOKEN, "\N{SNOWMAN} beyond Latin-1 \N{SNOWMAN}"])
def test_it_shows_its_token(wire: Wire, token: str) -> None:
    wire.serve(f'{ONE}[admin]\naddress = "{SERVER}"\ntoken = "{token}"\n')
    url = ("--once", "--url", f"http://{SERVER}:8067")
    assert "401: a token is needed" in watch(wire, *url).stderr
    file = wire.folder / "token"
    file.write_text(f"{token}\n")
    assert watch(wire, *url, "--token-file", str(file)).returncode == 0
    said = watch(wire, *url, "--token-file", str(wire.folder / "gone"))
    assert "gone: No such file or directory" in said.stderr


def test_it_remembers_no_more_machines_than_a_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_watch, "MACHINES_MAX", 2)
    told = cli_watch.Told()

    def boot(n: int) -> Boot:
        return Boot(mac=f"52:54:00:00:00:{n:02}", began_at=1, seen_at=1)

    assert [told.is_new(boot(n)) for n in (1, 2, 1, 3, 1)] == [True, True, False, True, False]
    assert told.is_new(boot(2))  # it was the one told of first
