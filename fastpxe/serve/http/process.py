"""The process that serves HTTP, as its parent sees it.

The server itself is imported by the child alone: aiohttp takes 11 MiB, which workers don't need.
Only where root becomes another user, the parent imports it before, and shares these pages.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from fastpxe.events import Event
from fastpxe.serve.files.client_roots import Shares
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.ipc.heartbeat import Pulse
from fastpxe.serve.system.fork import fork
from fastpxe.tftp.packets import TftpSettings


class HttpSocket(NamedTuple):
    """A listening TCP socket, bound to an interface, and what its clients are served."""

    interface: str
    sock: socket.socket
    settings: TftpSettings
    shares: Shares
    scripts: ScriptMaker | None = None


def start(sockets: list[HttpSocket], saw: Callable[[Event], None], pulse: Pulse) -> int:
    """Fork a server; its process id. SIGTERM: stop. SIGUSR1: accept no more, end when all have."""

    def serve() -> None:
        from fastpxe.serve.http import server as http  # noqa: PLC0415 - not in the parent, nor in workers

        asyncio.run(http.work(sockets, saw, pulse))

    return fork("fastpxe-http", serve)
