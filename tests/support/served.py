"""A TFTP server on the loopback interface, in a thread of this process, and what it saw."""

import asyncio
import queue
import socket
import sys
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from fastpxe.events import Event, Progress, TransferDone, TransferRefused
from fastpxe.net.interfaces import Interface
from fastpxe.serve.files.root import Root
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.tftp.packets import TftpSettings

LOOPBACK = Interface(name="lo", index=1, networks=(IPv4Interface("127.0.0.1/8"),), mtu=1500)
IP_PKTINFO = 8
PATIENT = {"retry_timeout_s": 8.0, "give_up_s": 120.0}  # a server whose timers never fire here


class Served:
    """A TftpServer in a thread of its own, and what it saw."""

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.loop = loop
        self.folder = folder
        self.events: queue.Queue[Event] = queue.Queue()
        self.progress: list[Progress] = []
        self.root = Root(str(folder))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.sock.settimeout(0)
        self.sock.bind(("0.0.0.0", 0))
        self.retired: list[TftpServer] = []
        self.server = self.serve(TftpSettings(), self.root)
        self.thread = threading.Thread(target=loop.run_forever)
        self.thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.sock.getsockname()[1])

    def run(self, step: Callable[[], Any]) -> Any:
        """Run something in the server's thread."""
        result: Future[Any] = Future()
        self.loop.call_soon_threadsafe(lambda: result.set_result(step()))
        return result.result(10)

    def serve(self, settings: TftpSettings, root: Root) -> TftpServer:
        server = TftpServer(self.loop, LOOPBACK, settings, root, self._saw)
        server.listen(self.sock)
        return server

    def _saw(self, event: Event) -> None:
        """How far a download is, told each second, would stand between the others."""
        if isinstance(event, Progress):
            self.progress.append(event)
        else:
            self.events.put(event)

    def use(self, root: Root | None = None, **settings: Any) -> None:
        """Have another server take the requests from now on, as a reload does."""

        def replace() -> None:
            self.server.retire()
            self.retired.append(self.server)
            self.server = self.serve(TftpSettings(**settings), root or self.root)

        self.run(replace)

    def file(self, name: str, content: bytes) -> bytes:
        (self.folder / name).write_bytes(content)
        return content

    def done(self) -> TransferDone:
        event = self.events.get(timeout=10)
        assert isinstance(event, TransferDone), event
        return event

    def refused(self) -> TransferRefused:
        event = self.events.get(timeout=10)
        assert isinstance(event, TransferRefused), event
        return event

    def close(self) -> None:
        for server in (*self.retired, self.server):
            self.run(server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.sock.close()
        self.root.close()


def pattern(size: int) -> bytes:
    """Bytes in which no two blocks are alike."""
    numbers = array("I", range(size // 4 + 1))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()[:size]
