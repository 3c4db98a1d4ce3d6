"""Boot files over HTTP, for UEFI HTTP Boot and iPXE: a process of its own, below the same roots.

aiohttp, under asyncio's own event loop: that one sends files with sendfile(2), and uvloop doesn't.
Names are confined as those of TFTP are, after one percent-decoding.

Sources:
  RFC 9110 (HEAD, ranges, conditions), UEFI 2.10 section 24.7.3 (media types); EDK2 HttpBootDxe asks
  HEAD first and compares Content-Type as it stands, so it has no parameters.
"""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import IPv4Address
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from fastpxe.errors import FileNotFound, FileRefused, MalformedPacket, ScriptFailed
from fastpxe.events import Event, HttpServed, Notice
from fastpxe.serve.files.resolve import open_requested
from fastpxe.serve.files.root import OpenFile
from fastpxe.serve.files.scripts import Made, Place
from fastpxe.serve.http.limits import LimitedServer, Limits, end_stalled
from fastpxe.serve.http.process import HttpSocket
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.system.stop_signals import StopSignals
from fastpxe.text import printable

MEDIA_TYPES = {
    b"efi": "application/efi",
    b"img": "application/vnd.efi-img",
    b"iso": "application/vnd.efi-iso",
    b"ipxe": "text/plain",
    b"cfg": "text/plain",
}
HTTP_PORT = 80
OTHER_MEDIA_TYPE = "application/octet-stream"
STOP_LIMIT_S = 1  # for connections that are open at the end
BACKLOG = 1024
METHODS = ("GET", "HEAD")
LIMITS = Limits()
WHY_MAX = 80  # characters of what is wrong with a request that can't be read
SIGNED = {"Server": "fastpxe"}


class Found(NamedTuple):
    """A file to be sent; `path` is what it is called below its root."""

    path: bytes
    file: OpenFile
    is_question: bool


class Refusal(NamedTuple):
    """Why a request gets no file."""

    status: int
    why: str


async def work(
    sockets: list[HttpSocket], saw: Callable[[Event], None], heartbeat: Heartbeat
) -> None:
    """Serve until SIGTERM, or after SIGUSR1 until the last download has ended."""
    signals = StopSignals()
    servers = [HttpServer(sock, saw) for sock in sockets]
    for server in servers:
        await server.start()
    beating = asyncio.ensure_future(heartbeat.run())
    await signals.wait()
    for server in servers:
        await server.accept_no_more()
    await signals.finish(lambda: any(server.active for server in servers))
    for server in servers:
        await server.close()
    beating.cancel()


class HttpServer:
    """Answers GET and HEAD on one socket, and tells of each. `active` are the files being sent.

    To be made where the event loop runs.
    """

    def __init__(
        self, one: HttpSocket, saw: Callable[[Event], None], limits: Limits = LIMITS
    ) -> None:
        self.active = 0
        self._socket = one
        self._saw = saw
        self._limits = limits
        self._server = LimitedServer(self._answer, self._answer_malformed, limits)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=STOP_LIMIT_S)

    async def start(self) -> None:
        end_stalled(self._socket.sock, self._limits)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket.sock, backlog=BACKLOG).start()

    async def accept_no_more(self) -> None:
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        """End every connection, and tell how many were turned away."""
        await self._runner.cleanup()
        if self._server.turned_away:
            text = f"HTTP connections beyond the limits, reset: {self._server.turned_away}"
            self._saw(Notice(interface=self._socket.interface, text=text))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        name = unquote_to_bytes(request.raw_path.partition("?")[0])
        client = _client_of(request)
        found = self._find(request, name, client)
        refused = found if isinstance(found, Refusal) else None
        told = HttpServed(
            interface=self._socket.interface, at=time.time(), client=client, file=printable(name),
            method=request.method, status=refused.status if refused else 200, size_bytes=0,
            duration_s=0, error=refused.why if refused else "",
        )  # fmt: skip
        if isinstance(found, Refusal):
            return self._refuse(told)
        told = msgspec.structs.replace(told, is_question=found.is_question)
        return _Sending(self, found.file, found.path, told)

    def _answer_malformed(self, request: web.BaseRequest, why: str) -> web.StreamResponse:
        return self._refuse(
            HttpServed(
                interface=self._socket.interface, at=time.time(), client=_client_of(request),
                file="", method="", status=400, size_bytes=0, duration_s=0,
                error=" ".join(why.split())[:WHY_MAX],
            )
        )  # fmt: skip

    def _refuse(self, told: HttpServed) -> web.StreamResponse:
        self._saw(told)
        headers = {**SIGNED, "Allow": ", ".join(METHODS)} if told.status == 405 else SIGNED
        return web.Response(status=told.status, text=f"{told.status}\n", headers=headers)

    def _find(
        self, request: web.BaseRequest, name: bytes, client: tuple[IPv4Address, int]
    ) -> "Found | Refusal":
        one, host = self._socket, client[0]
        if request.method not in METHODS:
            return Refusal(405, f"method {request.method}")
        try:
            made = self._made(request, name, host) if one.scripts else None
            if made is not None:
                return Found(name.partition(b";")[0], made.file, made.is_question)
            path, file = open_requested(
                one.shares.of(int(host)).files, one.settings, name,
                client=str(host), interface=one.interface,
            )  # fmt: skip
            return Found(path, file, is_question=False)
        except ScriptFailed as failed:
            return Refusal(500, str(failed))
        except MalformedPacket as malformed:
            return Refusal(400, str(malformed))
        except FileNotFound as missing:
            return Refusal(404, str(missing))
        except FileRefused as refused:
            return Refusal(403, str(refused))
        except OSError as failure:
            return Refusal(503, failure.strerror or str(failure))

    def _made(self, request: web.BaseRequest, name: bytes, client: IPv4Address) -> Made | None:
        """Return the script for this machine, if what it asks for is one."""
        transport, scripts = request.transport, self._socket.scripts
        if transport is None or scripts is None:
            return None
        address, port = transport.get_extra_info("sockname")
        url = f"http://{address}" + (f":{port}" if port != HTTP_PORT else "")
        place = Place(client, IPv4Address(address), self._socket.interface, url)
        return scripts.make(name.lstrip(b"/"), place)

    def begins(self) -> None:
        """Take note that a file is being sent."""
        self.active += 1

    def ended(self, told: HttpServed) -> None:
        """Take note that one no longer is."""
        self.active -= 1
        self._saw(told)


def _client_of(request: web.BaseRequest) -> tuple[IPv4Address, int]:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return (IPv4Address(peer[0]), peer[1]) if peer else (IPv4Address(0), 0)


class _Sending(web.FileResponse):
    """A response that holds its file open until it is sent, whole or not.

    aiohttp opens a path: that of the descriptor, so that what was confined is what is sent. It is
    there, so "not found" means that the system has no descriptor for it.
    """

    def __init__(self, server: HttpServer, file: OpenFile, path: bytes, told: HttpServed) -> None:
        media_type = MEDIA_TYPES.get(path.rpartition(b".")[2].lower(), OTHER_MEDIA_TYPE)
        super().__init__(f"/proc/self/fd/{file.fd}", headers={**SIGNED, "Content-Type": media_type})
        self._server = server
        self._file = file
        self._told = told

    def set_status(self, status: int, reason: str | None = None) -> None:
        is_there = status == HTTPStatus.NOT_FOUND
        super().set_status(HTTPStatus.SERVICE_UNAVAILABLE if is_there else status, reason)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        began, error = time.monotonic(), "the client went away"
        self._server.begins()
        try:
            writer = await super().prepare(request)
            error = HTTPStatus(self.status).phrase if self.status >= HTTPStatus.BAD_REQUEST else ""
        except (ConnectionError, TimeoutError):
            raise
        except OSError as failure:  # a bad disk
            error = failure.strerror or str(failure)
            raise
        finally:
            self._file.close()
            is_sent = not error and request.method == "GET"
            told = msgspec.structs.replace(
                self._told,
                at=time.time(),
                status=self.status,
                size_bytes=(self.content_length or 0) if is_sent else 0,
                duration_s=time.monotonic() - began,
                error=error,
            )
            self._server.ended(told)
        return writer
