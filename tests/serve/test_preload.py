"""A server that has left root imports nothing more: it may not be able to read it."""

import contextlib
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from packets import discover
from wire_rig import LIMIT_S, ONE, SERVER, Wire

pytestmark = pytest.mark.netns

COMMAND = (sys.executable, "-v", "-m", "fastpxe", "serve")
IMPORTED = re.compile(r"^import '?([\w.]+)'? #", re.MULTILINE)
SPACES = '[http]\nenabled = true\n[[boot]]\nname = "with spaces"\nfile = "one.efi"\n'


@pytest.fixture
def wire() -> Iterator[Wire]:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        folder.chmod(0o755)
        (folder / "one.efi").write_bytes(b"MZ" * 300)
        wire = Wire(folder)
        yield wire
        wire.close()


def get(wire: Wire, namespace: str, address: str, port: int, path: str) -> int:
    with contextlib.closing(HTTPConnection(address, port, timeout=LIMIT_S)) as connection:
        connection.sock = getattr(wire, namespace).socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.sock.settimeout(LIMIT_S)
        connection.sock.connect((address, port))
        connection.request("GET", path, headers={"Connection": "close"})
        with connection.getresponse() as response:
            response.read()
            return response.status


def test_who_left_root_imports_nothing_more(wire: Wire) -> None:
    wire.write(SPACES)
    process = wire.run(*COMMAND, "-c", wire.config, "--workers", "1")
    before = process.output()
    for path in ("/", "/page.css", "/page.js", "/metrics", "/healthz", "/api/boots", "/api/status"):
        assert get(wire, "server", "127.0.0.1", 8067, path) == 200
    assert get(wire, "server", "127.0.0.1", 8067, "/nothing") == 404
    wire.broadcast(discover(arch=7))
    assert get(wire, "client", SERVER, 80, "/one.efi") == 200
    assert get(wire, "client", SERVER, 80, "/a%20b") == 404
    wire.write(SPACES + ONE)
    wire.wait_for(process, "reloaded: 2 rules")
    wire.write("wrong = 1\n")
    wire.wait_for(process, "reload refused")
    wire.broadcast(discover(arch=7, xid=2))
    wire.wait_for(process, "offer mac", count=2)
    assert process.stop(signal.SIGTERM) == 0
    after = process.output().removeprefix(before)
    assert not IMPORTED.findall(after)
    assert "Traceback" not in after
