"""Fork the HTTP server.

Only the child imports the server itself: aiohttp takes 11 MiB, which workers don't need. If root
is dropped, the parent imports it before (see preload), and shares these pages.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from fastpxe.events import Event
from fastpxe.serve.files.client_roots import Shares
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.system.fork import fork
from fastpxe.tftp.packets import TftpSettings


class HttpSocket(NamedTuple):
    """A listening TCP socket, bound to an interface, and what its clients are served."""

    interface: str
    sock: socket.socket
    settings: TftpSettings
    shares: Shares
    scripts: ScriptMaker | None = None


def start(sockets: list[HttpSocket], saw: Callable[[Event], None], heartbeat: Heartbeat) -> int:
    """Fork a server and return its process id. For its signals see StopSignals. Raises OSError."""

    def serve() -> None:
        from fastpxe.serve.http import server as http  # noqa: PLC0415 - not in the parent, nor in workers

        asyncio.run(http.work(sockets, saw, heartbeat))

    return fork("fastpxe-http", serve)
