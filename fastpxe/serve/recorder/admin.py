"""The admin port, HTTP: a web page, metrics, health, and JSON. It only reads: GET and HEAD.

It runs in the recorder's process, never in the packet path.

Sources: the HTML standard's server-sent events; RFC 6750 section 2.1 (bearer tokens); RFC 9110
sections 9.3.2 (HEAD) and 11.1 (the case of a scheme).
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
from socket import socket
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from fastpxe.monitor import page
from fastpxe.monitor.changed_boots import ChangeFeed
from fastpxe.monitor.histogram import Histogram
from fastpxe.monitor.metrics import Figures, exposition
from fastpxe.policy.rules import Rule
from fastpxe.serve.http.limits import LimitedServer, Limits, end_stalled
from fastpxe.serve.ipc.heartbeat import POLL_S, Heartbeat, HeartbeatMonitor
from fastpxe.serve.recorder.observer import Observer

PUSH_S = 1.0
STREAMS_MAX = 32
JSON = "application/json"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "fastpxe",
    "X-Content-Type-Options": "nosniff",
}
METHODS = ("GET", "HEAD")
BOOT = "/api/boots/"
LIMITS = Limits(connections=256, connections_per_client=256, stalled_s=30)  # a proxy is one client
NONE: Mapping[str, str] = MappingProxyType({})

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class AdminContext(NamedTuple):
    """What is shown of the server; for the fields see ServerInfo."""

    summary: str
    rules: Sequence[Rule]
    counts: Callable[[], Counter[str]]
    latency: Callable[[], Histogram]
    heartbeats: Sequence[Heartbeat]
    started_at: float


class Admin:
    """The pages of one server on one socket. `token`: what clients must present, if anything."""

    def __init__(self, context: AdminContext, sock: socket, token: str | None) -> None:
        self._context = context
        self._sock = sock
        self._token = token
        self._streams = 0
        self._monitor = HeartbeatMonitor(context.heartbeats)
        self._pages: dict[str, Page] = {
            "/": self._page,
            "/page.css": _asset("page.css", "text/css"),
            "/page.js": _asset("page.js", "text/javascript"),
            "/events": self._events,
            "/healthz": self._health,
            "/metrics": self._metrics,
            "/api/status": self._status,
            "/api/boots": self._boots,
            "/api/history": self._history,
            "/api/rules": self._rules,
            "/api/events": self._boot_events,
        }

    async def start(self, observer: Observer, stack: AsyncExitStack) -> None:
        """Serve the state of an observer until the stack is closed."""
        self._observer = observer
        end_stalled(self._sock, LIMITS)
        server = LimitedServer(self._answer, _malformed, LIMITS)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, self._sock).start()
        polling = asyncio.ensure_future(self._poll())
        stack.callback(polling.cancel)

    async def _poll(self) -> None:
        while True:
            self._monitor.poll()
            await asyncio.sleep(POLL_S)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._is_authorized(request):
            text = "a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN\n"
            return _refused(HTTPStatus.UNAUTHORIZED, text, {"WWW-Authenticate": "Bearer"})
        # DNS rebinding: a foreign page could read this one, under a name that resolves to us.
        if self._token is None and not _is_local(request.host):
            return _refused(HTTPStatus.FORBIDDEN, "open this page as http://localhost\n")
        if request.method not in METHODS:
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "", {"Allow": ", ".join(METHODS)})
        if request.path.startswith(BOOT):
            response: web.StreamResponse = self._boot(request.path.removeprefix(BOOT).lower())
        elif request.path in self._pages:
            response = await self._pages[request.path](request)
        else:
            return _refused(HTTPStatus.NOT_FOUND, "no such page\n")
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _is_authorized(self, request: web.BaseRequest) -> bool:
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        given = given.lstrip(" ")
        if scheme.lower() != "bearer":
            given = request.query.get("token", "")
        return compare_digest(given.encode(errors="surrogateescape"), self._token.encode())

    # --- for people -------------------------------------------------------------------------------

    async def _page(self, request: web.BaseRequest) -> web.Response:
        reader = _reader_of(request)
        text = page.page(self._context.summary, self._parts(reader), reader)
        return web.Response(text=text, content_type="text/html")

    def _parts(self, reader: page.Reader) -> dict[str, str]:
        observer = self._observer
        return page.parts(
            self.figures(), observer.journal.history, self._context.rules,
            observer.answer_rate.per_s, reader,
        )  # fmt: skip

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        shown: dict[str, str] = {}

        def changes() -> str:
            nonlocal shown
            before, shown = shown, self._parts(_reader_of(request))
            changed = {name: text for name, text in shown.items() if before.get(name) != text}
            return json.dumps(changed) if changed else ""

        return await self._stream(request, changes)

    # --- for tools --------------------------------------------------------------------------------

    async def _health(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - as all pages
        silent, workers = self._monitor.silent, self._monitor.workers
        status = HTTPStatus.SERVICE_UNAVAILABLE if silent else HTTPStatus.OK
        body = {"workers": workers, "alive": workers - len(silent), "silent": silent}
        return web.json_response(body, status=status)

    async def _metrics(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - as all pages
        kind = "text/plain; version=0.0.4; charset=utf-8"
        body = exposition(self.figures(), time.time())
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _status(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - as all pages
        figures = self.figures()
        return _json(
            {
                "summary": self._context.summary,
                "started_at": figures.started_at,
                "workers": figures.workers,
                "alive": figures.alive,
                "counts": dict(figures.counts),
                "problems": dict(figures.problems),
                "counters": figures.counters,
                "answers_per_s": self._observer.answer_rate.per_s,
            }
        )

    async def _boots(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - as all pages
        return _json(list(self._observer.journal.boots()))

    def _boot(self, mac: str) -> web.Response:
        found = [boot for boot in self._observer.journal.boots() if boot.mac == mac]
        return _json(found[0]) if found else _refused(HTTPStatus.NOT_FOUND, "no such machine\n")

    async def _history(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - as all pages
        return _json(list(self._observer.journal.history))

    async def _rules(self, request: web.BaseRequest) -> web.Response:  # noqa: ARG002 - as all pages
        hits = self._observer.journal.hits
        return _json(
            [
                {"name": rule.name, "where": rule.where, "answers": hits.get(rule.name, 0)}
                for rule in self._context.rules
            ]
        )

    async def _boot_events(self, request: web.BaseRequest) -> web.StreamResponse:
        """All boots first, then those that change."""
        feed = ChangeFeed()

        def changes() -> str:
            changed = feed.changes(self._observer.journal.boots())
            return f"[{b','.join(changed).decode()}]" if changed else ""

        return await self._stream(request, changes)

    async def _stream(
        self, request: web.BaseRequest, changes: Callable[[], str]
    ) -> web.StreamResponse:
        """Send changes when there are any, until the client disconnects."""
        if self._streams >= STREAMS_MAX:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many event streams\n")
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        self._streams += 1
        try:
            await response.prepare(request)
            while request.method != "HEAD":
                text = changes()
                await response.write(f"data: {text}\n\n".encode() if text else b":\n\n")
                await asyncio.sleep(PUSH_S)
        except ConnectionResetError:
            pass
        finally:
            self._streams -= 1
        return response

    def figures(self) -> Figures:
        """The current figures."""
        journal, context = self._observer.journal, self._context
        return Figures(
            counts=context.counts(),
            latency=context.latency(),
            hits=journal.hits,
            problems=journal.problems,
            counters=self._observer.counters,
            boots=tuple(journal.boots()),
            workers=self._monitor.workers,
            alive=self._monitor.workers - len(self._monitor.silent),
            started_at=context.started_at,
        )


def _is_local(host: str) -> bool:
    """Whether a Host header is localhost or a loopback address, which no DNS server can forge."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _reader_of(request: web.BaseRequest) -> page.Reader:
    """A browser that has the token from its URL needs it in the links of the page too."""
    token = request.query.get("token")
    return page.Reader(time.time(), f"?{urlencode({'token': token})}" if token else "")


def _asset(name: str, kind: str) -> Page:
    async def serve(request: web.BaseRequest) -> web.Response:  # noqa: ARG001 - as all pages
        return web.Response(text=page.asset(name), content_type=kind)

    return serve


def _malformed(request: web.BaseRequest, why: str) -> web.Response:  # noqa: ARG001 - as LimitedServer calls it
    return _refused(HTTPStatus.BAD_REQUEST, "malformed request\n")


def _refused(status: HTTPStatus, text: str, headers: Mapping[str, str] = NONE) -> web.Response:
    return web.Response(status=status, text=text, headers={**HEADERS, **headers})


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)
