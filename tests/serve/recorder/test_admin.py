"""The web page, metrics and JSON of a running server."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families
from started import SERVE
from wire_rig import LIMIT_S, ONE, SERVER, Wire, http_of, workers_of

from fastpxe.serve.recorder.admin import LIMITS

pytestmark = pytest.mark.netns

TOKEN = "0123456789abcdef-secret"  # noqa: S105 - it guards this test alone
MAC = "52:54:00:12:34:56"


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    text: str


class Looking:
    """Somebody who looks, from the server's own machine unless told otherwise."""

    def __init__(self, wire: Wire, host: str = "127.0.0.1", *, here: bool = True) -> None:
        self.wire, self.host = wire, host
        self.namespace = wire.server if here else wire.client

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.host, 8067, timeout=LIMIT_S)
        sock = self.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.wire.sockets.append(sock)
        sock.settimeout(LIMIT_S)
        sock.connect((self.host, 8067))
        connection.sock = sock
        return connection

    def get(self, path: str, **headers: str) -> Answer:
        connection = self.connect()
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            return Answer(response.status, response.headers, response.read().decode())

    def json(self, path: str) -> object:
        found = self.get(path)
        assert found.status == 200, found
        return json.loads(found.text)

    def wait_for(self, path: str, words: str) -> str:
        limit = time.monotonic() + LIMIT_S
        while words not in (text := self.get(path).text):
            assert time.monotonic() < limit, text
            time.sleep(0.05)
        return text


def test_the_page_shows_a_boot_with_its_stages(wire: Wire) -> None:
    wire.serve(ONE)
    wire.ask()
    text = Looking(wire).wait_for("/", f"<summary>{MAC}</summary>")
    assert "offer one.efi" in text
    assert '<td class="number">1</td><td>one.efi</td>' in text


def test_what_a_client_says_is_text_to_the_page(wire: Wire) -> None:
    wire.serve(ONE)
    name = "<script>alert(1)</script>"
    command = wire.client.command("curl", "-s", "-m", "5", f"tftp://{SERVER}/{name}")
    subprocess.run(command, check=False, capture_output=True, timeout=LIMIT_S)
    text = Looking(wire).wait_for("/", "alert(1)")
    assert name not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_json_says_what_the_page_says(wire: Wire) -> None:
    wire.serve(ONE)
    wire.ask()
    look = Looking(wire)
    look.wait_for("/api/boots", MAC)
    (boot,) = look.json("/api/boots")
    assert (boot["mac"], boot["stage"], boot["rule"]) == (MAC, "offer", "one")
    assert look.json(f"/api/boots/{MAC}") == boot
    assert look.get("/api/boots/02:00:00:00:00:00").status == 404
    (rule,) = look.json("/api/rules")
    assert (rule["name"], rule["answers"]) == ("one", 1)
    assert look.json("/api/history") == []
    status = look.json("/api/status")
    assert status["counts"]["answered"] == 1
    assert status["alive"] == status["workers"]


def test_metrics_are_such_as_prometheus_reads(wire: Wire) -> None:
    wire.serve(ONE)
    wire.ask()
    look = Looking(wire)
    text = look.wait_for("/metrics", 'fastpxe_rule_answers_total{rule="one"} 1.0')
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["fastpxe_dhcp_datagrams_total", "answered"] == 1
    assert found["fastpxe_dhcp_latency_seconds_count",] == 1
    assert found["fastpxe_machines", "offer"] == 1


def test_a_stream_tells_of_a_boot_as_it_goes_on(wire: Wire) -> None:
    wire.serve(ONE)
    connection = Looking(wire).connect()
    connection.request("GET", "/api/events")
    with connection.getresponse() as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        wire.ask()
        while not (line := stream.readline()).startswith(b"data:"):
            assert line.startswith((b":", b"\n"))
    (boot,) = json.loads(line[5:])
    assert (boot["mac"], boot["stage"]) == (MAC, "offer")


def test_a_reload_keeps_what_was_seen(wire: Wire) -> None:
    process = wire.serve(ONE)
    wire.ask()
    look = Looking(wire)
    look.wait_for("/api/boots", MAC)
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    look.wait_for("/api/boots", MAC)
    wire.ask()
    look.wait_for("/api/rules", '"answers":2')


@pytest.mark.parametrize("name", ["worker 0", "the HTTP server"])
def test_a_stopped_process_is_told_by_health(wire: Wire, name: str) -> None:
    process = wire.serve(ONE + "[http]\nenabled = true\n")
    look = Looking(wire)
    assert look.get("/healthz").status == 200
    worker = workers_of(process)[0] if name == "worker 0" else http_of(process)
    os.kill(worker, signal.SIGSTOP)
    try:
        limit = time.monotonic() + LIMIT_S
        while (found := look.get("/healthz")).status == 200:
            assert time.monotonic() < limit
            time.sleep(0.2)
        assert found.status == 503
        health = json.loads(found.text)
        assert health["silent"] == [name]
        assert health["alive"] == health["workers"] - 1
    finally:
        os.kill(worker, signal.SIGCONT)


def test_it_is_for_this_machine_alone_unless_told_otherwise(wire: Wire) -> None:
    wire.serve(ONE)
    with pytest.raises(ConnectionRefusedError):
        Looking(wire, SERVER, here=False).get("/")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8067", "10.99.0.1"])
def test_a_name_that_others_give_away_is_refused(wire: Wire, host: str) -> None:
    """DNS rebinding: a page of somebody else's asks its own name, which leads here."""
    wire.serve(ONE)
    assert Looking(wire).get("/api/boots", Host=host).status == 403
    for own in ("localhost:8067", "127.0.0.1", "[::1]:8067"):
        assert Looking(wire).get("/api/boots", Host=own).status == 200


def test_elsewhere_it_wants_its_token(wire: Wire) -> None:
    wire.serve(f'{ONE}[admin]\naddress = "{SERVER}"\ntoken = "{TOKEN}"\n')
    look = Looking(wire, SERVER, here=False)
    for path in ("/", "/metrics", "/api/boots", "/healthz", "/events", "/page.css"):
        assert look.get(path).status == 401
        assert look.get(path, Authorization="Bearer wrong").status == 401
    for scheme in ("Bearer", "bearer", "BEARER "):
        assert look.get("/api/boots", Authorization=f"{scheme} {TOKEN}").status == 200
    assert look.get("/api/boots", Authorization=f"Basic {TOKEN}").status == 401
    assert look.get(f"/?token={TOKEN}").status == 200


def test_nothing_can_be_changed_and_no_page_may_embed_it(wire: Wire) -> None:
    wire.serve(ONE)
    connection = Looking(wire).connect()
    connection.request("POST", "/api/boots", body=b"x")
    with connection.getresponse() as response:
        assert response.status == 405
    headers = Looking(wire).get("/").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_port_that_is_taken_is_a_warning_unless_it_was_asked_for(wire: Wire) -> None:
    for port, asked in ((8067, ""), (8099, "[admin]\nport = 8099\n")):
        with wire.server.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
            holder.bind(("127.0.0.1", port))
            holder.listen()
            wire.write(ONE + asked)
            command = wire.server.command(*SERVE, "-c", str(wire.config))
            if asked:
                ran = subprocess.run(
                    command, check=False, capture_output=True, text=True, timeout=LIMIT_S
                )
                assert ran.returncode == 1
                assert "[admin] 127.0.0.1:8099: Address already in use" in ran.stderr
            else:
                process = wire.serve(ONE)
                assert "no web page and no metrics: [admin] 127.0.0.1:8067" in process.output()
                process.stop(signal.SIGTERM)


OPEN = f'[admin]\naddress = "0.0.0.0"\ntoken = "{TOKEN}"\n{ONE}'


def test_a_port_that_others_reach_asks_for_its_token_though_a_reload_takes_it_away(
    wire: Wire,
) -> None:
    process = wire.serve(OPEN)
    look = Looking(wire, SERVER, here=False)

    def reload(text: str, name: str, token: str) -> None:
        wire.write(text.replace('"one"', f'"{name}"'))
        process.popen.send_signal(signal.SIGHUP)
        limit = time.monotonic() + LIMIT_S
        while name not in look.get("/api/rules", Authorization=f"Bearer {token}").text:
            assert time.monotonic() < limit

    reload(ONE, "two", TOKEN)
    assert look.get("/api/boots", Host="localhost").status == 401
    reload(OPEN.replace(TOKEN, TOKEN[::-1]), "three", TOKEN[::-1])
    assert look.get("/api/boots", Authorization=f"Bearer {TOKEN}").status == 401


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\r\n\r\n", 401),
        (b"GET /?token=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 401),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 401),
    ],
)
def test_what_is_no_request_leaves_nothing_in_the_log(
    wire: Wire, request_: bytes, status: int
) -> None:
    process = wire.serve(OPEN)
    before = process.output()
    sock = Looking(wire).connect().sock
    sock.sendall(request_)
    answer = sock.recv(4000)
    assert answer.partition(b" ")[2].startswith(b"%d " % status)
    assert b"aiohttp" not in answer
    assert process.output() == before


def test_one_connection_too_many_is_reset_and_those_before_are_answered(wire: Wire) -> None:
    wire.serve(ONE)
    look = Looking(wire)
    opened = [look.connect() for _ in range(LIMITS.connections)]
    opened[0].request("GET", "/healthz")
    assert opened[0].getresponse().status == 200
    with pytest.raises(OSError, match="reset"):
        look.get("/healthz")


def test_only_get_and_head_are_answered(wire: Wire) -> None:
    wire.serve(ONE)
    connection = Looking(wire).connect()
    for method, status in (("HEAD", 200), ("DELETE", 405)):
        connection.request(method, "/healthz")
        with connection.getresponse() as answer:
            assert answer.status == status
            answer.read()


@pytest.mark.parametrize("path", ["/events", "/api/events"])
def test_head_of_a_stream_is_its_headers_alone(wire: Wire, path: str) -> None:
    wire.serve(ONE)
    sock = Looking(wire).connect().sock
    sock.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    read = b""
    limit = time.monotonic() + LIMIT_S
    while (more := sock.recv(4000)) and time.monotonic() < limit:
        read += more
    first, second, third = read.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: text/event-stream" in first
    assert b"Content-Length" not in first
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(third)["silent"] == []
