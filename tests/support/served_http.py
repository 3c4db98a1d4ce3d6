"""An HTTP server on the loopback interface, in a thread of this process, and what it saw."""

import asyncio
import http.client
import queue
import socket
import threading
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from fastpxe.events import Event, HttpServed
from fastpxe.serve.files.client_roots import Shares
from fastpxe.serve.files.root import Root
from fastpxe.serve.http.limits import Limits
from fastpxe.serve.http.process import HttpSocket
from fastpxe.serve.http.server import HttpServer
from fastpxe.tftp.packets import TftpSettings


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes


class Served:
    """An HttpServer in a thread of its own, one connection to it, and what it saw."""

    def __init__(self, folder: Path, limits: Limits | None = None, **settings: Any) -> None:
        self.folder = folder
        self.root = Root(str(folder))
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.events: queue.Queue[Event] = queue.Queue()
        found = TftpSettings(**settings)
        shares = Shares(found, self.root, {})
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

        async def start() -> HttpServer:
            one = HttpSocket("lo", self.sock, found, shares)
            server = HttpServer(one, self.events.put, limits or Limits())
            await server.start()
            return server

        self.server: HttpServer = self.run(start())
        self.connection = http.client.HTTPConnection(*self.sock.getsockname(), timeout=10)

    def run(self, step: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(step, self.loop).result(10)

    def file(self, name: str, content: bytes) -> bytes:
        (self.folder / name).write_bytes(content)
        return content

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request on the connection, whose path is sent as it is."""
        self.connection.putrequest(method, path, skip_host=False, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name.replace("_", "-"), value)
        self.connection.endheaders()
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def told(self) -> HttpServed:
        event = self.events.get(timeout=10)
        assert isinstance(event, HttpServed)
        return event

    def close(self) -> None:
        self.connection.close()
        self.run(self.server.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.sock.close()
        self.root.close()
