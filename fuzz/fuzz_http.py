"""Bytes to a running HttpServer: it answers HTTP, or closes the connection, and serves the next.

example: .venv/bin/python fuzz/fuzz_http.py --seconds 60
"""

import atexit
import contextlib
import http.client
import io
import shutil
import socket
import sys
import tempfile
import zlib
from pathlib import Path

from fuzzing import TESTS, run

sys.path.append(str(TESTS / "support"))

from served_http import Served

from fastpxe.serve.http.limits import Limits

FILE = bytes(range(256)) * 4
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n"
TOKENS = (
    b"GET ", b"HEAD ", b"POST ", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\0",
    b"%", b"%2e", b"..", b"/", b"?", b"Range: bytes=", b"0-", b"-1", b",", b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n", b"Connection: keep-alive\r\n", b"Connection: close\r\n",
    b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"If-Range: ",
    b"If-None-Match: *\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"99999999999999999999", b"\xff",
)  # fmt: skip


class Answer(io.BytesIO):
    """What http.client reads answers from: it asks a socket for a file."""

    def makefile(self, *_: object) -> "Answer":
        return self


def started() -> Served:
    folder = Path(tempfile.mkdtemp())
    server = Served(folder, Limits(request_s=0.02, connections_per_client=1000))
    server.file("a", FILE)
    atexit.register(shutil.rmtree, folder)
    atexit.register(server.close)
    return server


SERVER = started()


def seeds() -> list[bytes]:
    return [
        GET + b"\r\n",
        GET.replace(b"GET", b"HEAD") + b'Range: bytes=1-5\r\nIf-Range: "x"\r\n\r\n',
        GET + b"\r\n" + GET + b"Connection: close\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GET + b"\r\n",
        b"GET /%61;mac=52 HTTP/1.0\r\n\r\n",
    ]  # fmt: skip


def answer_to(data: bytes, *, is_all: bool) -> bytes:
    """Return what comes. A client that says that this was all may get nothing: aiohttp's way."""
    parts = []
    with socket.create_connection(SERVER.sock.getsockname()) as sock:
        sock.settimeout(20)
        try:
            sock.sendall(data)
            if is_all:
                with contextlib.suppress(OSError):  # the server has hung up: ENOTCONN
                    sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
    return b"".join(parts)


def check(data: bytes) -> None:
    answer = answer_to(data, is_all=zlib.crc32(data) % 8 != 0)  # to wait takes its time
    if answer and not answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
        found = http.client.HTTPResponse(Answer(answer))  # type: ignore[arg-type]
        found.begin()
        assert found.status in {200, 206, 304, 400, 403, 404, 405, 412, 416, 417}, answer[:200]
        assert found.getheader("Server", "fastpxe") == "fastpxe"
    # On a busy machine a request may take longer than the little that it has here.
    tries = (answer_to(b"GET /a HTTP/1.0\r\n\r\n", is_all=False) for _ in range(20))
    assert any(answer.endswith(FILE) for answer in tries)
    while not SERVER.events.empty():
        event = SERVER.events.get_nowait()
        assert getattr(event, "status", 0) != 500, event


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__)
