"""What one client, and all of them, may keep of the HTTP server.

Sources:
  RFC 9112 section 9.8 (a server may close a connection that waits), tcp(7) (TCP_USER_TIMEOUT).
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

MOST_HEADERS = 64
FIELD_MAX = 2048  # bytes of one header; firmware and iPXE send less than 300 in all
LINGER_S = 1  # for the rest of a body, so that the refusal is not lost with the connection

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
AnswerMalformed = Callable[[web.BaseRequest, str], web.StreamResponse]


class Limits(NamedTuple):
    """connections, connections_per_client: at the same time; one more is reset.

    request_s: to the last byte of a request's headers, from the answer before it or the start of
    the connection; drops of it extend nothing. stalled_s: for a client that takes or acknowledges
    nothing of what it is sent.
    """

    connections: int = 8192
    connections_per_client: int = 64
    request_s: float = 30
    stalled_s: float = 120


class LimitedServer(web.Server):
    """aiohttp's server of connections, which turns away those beyond the limits.

    answer: to a request. answer_malformed: to what is none, and why. `turned_away` is how many
    connections were.
    """

    def __init__(self, answer: Answer, answer_malformed: AnswerMalformed, limits: Limits) -> None:
        super().__init__(
            answer, access_log=None, keepalive_timeout=limits.request_s,
            max_headers=MOST_HEADERS, max_field_size=FIELD_MAX,
            lingering_time=LINGER_S,
            auto_decompress=False,  # bodies are thrown away, and a small one may unpack to much
        )  # fmt: skip
        self._answer_malformed = answer_malformed
        self.turned_away = 0
        self._limits = limits
        self._clients: dict[RequestHandler, str] = {}
        self._connections_of: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        """Make the protocol of a connection."""
        return _Connection(self._answer_malformed, self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Take note of a connection, or reset it."""
        super().connection_made(handler, transport)
        peer = transport.get_extra_info("peername")
        client = peer[0] if peer else ""
        limits = self._limits
        if (
            len(self._clients) >= limits.connections
            or self._connections_of[client] >= limits.connections_per_client
        ):
            self.turned_away += 1
            self._loop.call_soon(transport.abort)  # when the handler has begun
            return
        self._clients[handler] = client
        self._connections_of[client] += 1

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Take note that it is over."""
        super().connection_lost(handler, exc)
        client = self._clients.pop(handler, None)
        if client is None:
            return
        self._connections_of[client] -= 1
        if not self._connections_of[client]:
            del self._connections_of[client]


class _Connection(RequestHandler):
    """Answers garbage without aiohttp's name and version, and without a traceback in the log."""

    __slots__ = ("_answer_malformed",)

    def __init__(
        self, answer_malformed: AnswerMalformed, manager: web.Server, **settings: Any
    ) -> None:
        super().__init__(manager, **settings)
        self._answer_malformed = answer_malformed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what could not be read, or to a fault of ours."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        answer = self._answer_malformed(request, message or "")
        answer.force_close()
        return answer


def end_stalled(listening: socket.socket, limits: Limits) -> None:
    """Have the kernel end connections that stand still; those accepted inherit it."""
    milliseconds = int(limits.stalled_s * 1000)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
