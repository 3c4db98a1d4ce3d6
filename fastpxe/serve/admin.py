"""What people and their tools see of a running server over HTTP: a page, metrics, health, JSON.

It runs in the recorder's process, never in the packet path, and changes nothing: GET alone.

Sources: the HTML standard's server-sent events; RFC 6750 section 2.1 (bearer tokens).
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
from socket import socket
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from fastpxe import page
from fastpxe.latency import Histogram
from fastpxe.metrics import Figures, exposition
from fastpxe.rules import Rule
from fastpxe.serve.observer import Observer
from fastpxe.serve.pulse import Pulse
from fastpxe.serve.vitals import LOOK_S, Vitals

PUSH_S = 1.0
STREAMS_MAX = 32
JSON = "application/json"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(NamedTuple):
    """What is to be shown, as the recorder's process sees it."""

    summary: str
    rules: Sequence[Rule]
    counts: Callable[[], Counter[str]]
    latency: Callable[[], Histogram]
    pulses: Sequence[Pulse]
    started_at: float


class Admin:
    """The pages of one server on one socket. `token` is asked for, unless it is None."""

    def __init__(self, server: Server, sock: socket, token: str | None) -> None:
        self._server = server
        self._sock = sock
        self._token = token
        self._streams = 0
        self._vitals = Vitals(server.pulses)

    async def begin(self, observer: Observer, stack: AsyncExitStack) -> None:
        """Serve what an observer knows, until the stack is closed."""
        self._observer = observer
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._page)
        app.router.add_get("/page.css", _asset("page.css", "text/css"))
        app.router.add_get("/page.js", _asset("page.js", "text/javascript"))
        app.router.add_get("/events", self._events)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/api/status", self._status)
        app.router.add_get("/api/boots", self._boots)
        app.router.add_get("/api/boots/{mac}", self._boot)
        app.router.add_get("/api/history", self._history)
        app.router.add_get("/api/rules", self._rules)
        app.router.add_get("/api/events", self._boot_events)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, self._sock).start()
        looking = asyncio.ensure_future(self._look())
        stack.callback(looking.cancel)

    async def _look(self) -> None:
        while True:
            self._vitals.look()
            await asyncio.sleep(LOOK_S)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._may(request):
            text = "a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN\n"
            headers = {**HEADERS, "WWW-Authenticate": "Bearer"}
            return web.Response(status=HTTPStatus.UNAUTHORIZED, text=text, headers=headers)
        # Else a page of somebody else's could read this one, under a name that leads here.
        if self._token is None and not _is_local(request.host):
            text = "open this page as http://localhost\n"
            return web.Response(status=HTTPStatus.FORBIDDEN, text=text, headers=HEADERS)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _may(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            given = request.query.get("token", "")
        return compare_digest(given.encode(), self._token.encode())

    # --- for people -------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        reader = _reader_of(request)
        text = page.page(self._server.summary, self._parts(reader), reader)
        return web.Response(text=text, content_type="text/html")

    def _parts(self, reader: page.Reader) -> dict[str, str]:
        observer = self._observer
        return page.parts(
            self.figures(), observer.journal.history, self._server.rules, observer.answers.per_s,
            reader,
        )  # fmt: skip

    async def _events(self, request: web.Request) -> web.StreamResponse:
        shown: dict[str, str] = {}

        def news() -> str:
            nonlocal shown
            before, shown = shown, self._parts(_reader_of(request))
            changed = {name: text for name, text in shown.items() if before.get(name) != text}
            return json.dumps(changed) if changed else ""

        return await self._stream(request, news)

    # --- for tools --------------------------------------------------------------------------------

    async def _health(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's shape
        silent, workers = self._vitals.silent, self._vitals.workers
        status = HTTPStatus.SERVICE_UNAVAILABLE if silent else HTTPStatus.OK
        body = {"workers": workers, "alive": workers - len(silent), "silent": silent}
        return web.json_response(body, status=status)

    async def _metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's shape
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=exposition(self.figures()), headers={"Content-Type": kind})

    async def _status(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's shape
        figures = self.figures()
        return _json(
            {
                "summary": self._server.summary,
                "started_at": figures.started_at,
                "workers": figures.workers,
                "alive": figures.alive,
                "counts": dict(figures.counts),
                "problems": dict(figures.problems),
                "tally": figures.tally,
                "answers_per_s": self._observer.answers.per_s,
            }
        )

    async def _boots(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's shape
        return _json(list(self._observer.journal.boots()))

    async def _boot(self, request: web.Request) -> web.Response:
        mac = request.match_info["mac"].lower()
        found = [boot for boot in self._observer.journal.boots() if boot.mac == mac]
        if not found:
            raise web.HTTPNotFound(text="no such machine\n")
        return _json(found[0])

    async def _history(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's shape
        return _json(list(self._observer.journal.history))

    async def _rules(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's shape
        hits = self._observer.journal.hits
        return _json(
            [
                {"name": rule.name, "where": rule.where, "answers": hits.get(rule.name, 0)}
                for rule in self._server.rules
            ]
        )

    async def _boot_events(self, request: web.Request) -> web.StreamResponse:
        """The boots that changed, first all of them."""
        told: dict[str, bytes] = {}

        def news() -> str:
            changed = []
            for boot in self._observer.journal.boots():
                encoded = msgspec.json.encode(boot)
                if told.get(boot.mac) != encoded:
                    told[boot.mac] = encoded
                    changed.append(encoded)
            return f"[{b','.join(changed).decode()}]" if changed else ""

        return await self._stream(request, news)

    async def _stream(self, request: web.Request, news: Callable[[], str]) -> web.StreamResponse:
        """Send what is new whenever there is some, until the client goes."""
        if self._streams >= STREAMS_MAX:
            raise web.HTTPServiceUnavailable(text="too many are watching\n")
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        self._streams += 1
        try:
            await response.prepare(request)
            while True:
                text = news()
                await response.write(f"data: {text}\n\n".encode() if text else b":\n\n")
                await asyncio.sleep(PUSH_S)
        except ConnectionResetError:
            return response
        finally:
            self._streams -= 1

    def figures(self) -> Figures:
        """What there is to tell by now."""
        journal, server = self._observer.journal, self._server
        return Figures(
            counts=server.counts(),
            latency=server.latency(),
            hits=journal.hits,
            problems=journal.problems,
            tally=self._observer.tally,
            boots=tuple(journal.boots()),
            workers=self._vitals.workers,
            alive=self._vitals.workers - len(self._vitals.silent),
            started_at=server.started_at,
        )


def _is_local(host: str) -> bool:
    """Whether a Host header names this machine by a name that nobody else can give away."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _reader_of(request: web.Request) -> page.Reader:
    """A browser that was given the token by its URL has no other for the links of the page."""
    token = request.query.get("token")
    return page.Reader(time.time(), f"?{urlencode({'token': token})}" if token else "")


def _asset(name: str, kind: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.Response:  # noqa: ARG001 - aiohttp's shape
        return web.Response(text=page.asset(name), content_type=kind)

    return serve


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)
