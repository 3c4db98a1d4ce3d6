"""The processes of one configuration, and what they share with their parent."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import msgspec

from fastpxe.events import Event
from fastpxe.monitor.histogram import Histogram
from fastpxe.serve import worker
from fastpxe.serve.child import Child
from fastpxe.serve.dhcp._port import Board
from fastpxe.serve.files.client_roots import Shares
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.http import process as http_process
from fastpxe.serve.ipc.event_channel import EventChannel, EventReader
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.listeners import Listeners
from fastpxe.service import Service

BOARD_SIZE = 1 << 15  # decisions that can wait to be logged, 12 MB


class HttpContext(msgspec.Struct, kw_only=True):
    """What the HTTP server works with; its board stays empty, for it decides on no datagram."""

    sockets: list[http_process.HttpSocket]
    board: Board
    pipe: EventChannel
    heartbeat: Heartbeat


class WorkerPool:
    """Workers, and the HTTP server if there is one, with all that is opened for them.

    beat_s: how often each gives a sign of life. Raises StartError and OSError.
    """

    def __init__(self, service: Service, listeners: Listeners, count: int, beat_s: float) -> None:
        self.service = service
        with ExitStack() as stack:
            self.roots = stack.enter_context(listeners.open_roots(service))
            scripts = None
            if self.roots.scripts is not None:
                scripts = ScriptMaker(self.roots.scripts, service.http, service.answers.decide)
            self._contexts = []
            for index in range(count):
                dhcp, tftp = listeners.share(index)
                self._contexts.append(
                    worker.WorkerContext(
                        number=index,
                        service=service,
                        roots=self.roots,
                        dhcp=dhcp,
                        tftp=tftp if service.tftp.enabled else [],
                        board=Board(max(len(dhcp), 1), BOARD_SIZE),
                        pipe=stack.enter_context(closing(EventChannel())),
                        scripts=scripts,
                        heartbeat=Heartbeat(f"worker {index}", beat_s),
                    )
                )
            self._http = HttpContext(
                sockets=_http_sockets(service, listeners, self.roots, scripts),
                board=Board(1, 1),
                pipe=stack.enter_context(closing(EventChannel())),
                heartbeat=Heartbeat("the HTTP server", beat_s),
            )
            self._stack = stack.pop_all()
        self.children = [_worker(context) for context in self._contexts]
        if self._http.sockets:
            self.children.append(_http_server(self._http))

    def start(self) -> None:
        """Start all of its processes. Raises OSError, with those before the one that failed."""
        for child in self.children:
            child.start()

    @property
    def has_stopped_accepting(self) -> bool:
        """Whether its workers take nothing new any more."""
        pairs = zip(self._contexts, self.children, strict=False)  # the HTTP server comes last
        return all(
            context.heartbeat.has_stopped_accepting or not child.pid for context, child in pairs
        )

    @property
    def pids(self) -> list[int]:
        """Those of its processes that there are."""
        return [child.pid for child in self.children if child.pid]

    @property
    def heartbeats(self) -> list[Heartbeat]:
        """Those of all processes that serve."""
        http = [self._http.heartbeat] if self._http.sockets else []
        return [*(context.heartbeat for context in self._contexts), *http]

    @property
    def heartbeats_due(self) -> list[Heartbeat]:
        """Those of the processes that there are: one that waits to be started again gives none."""
        pairs = zip(self.heartbeats, self.children, strict=True)
        return [heartbeat for heartbeat, child in pairs if child.pid]

    def readers(self, saw: Callable[[Event], None]) -> Iterator[EventReader]:
        """What reads the events of its processes."""
        for context in self._contexts:
            names = {socket.interface.index: socket.interface.name for socket in context.dhcp}
            yield EventReader(context.board, context.pipe, names, self.service.answers.names(), saw)
        yield EventReader(self._http.board, self._http.pipe, {}, self.service.answers.names(), saw)

    def counts(self) -> Counter[str]:
        """How many datagrams ended how, and how many events were lost."""
        total: Counter[str] = Counter()
        for context in self._contexts:
            for port in range(len(context.dhcp)):
                total.update(context.board.counts(port))
            total["unlogged"] += context.board.lost + context.pipe.lost
        total["unlogged"] += self._http.pipe.lost
        return total

    def latencies(self) -> list[Histogram]:
        """That of each socket."""
        return [
            context.board.latency(port)
            for context in self._contexts
            for port in range(len(context.dhcp))
        ]

    def close(self) -> None:
        """Close what was opened for it."""
        self._stack.close()


def _http_sockets(
    service: Service, listeners: Listeners, roots: Roots, scripts: ScriptMaker | None
) -> list[http_process.HttpSocket]:
    return [
        http_process.HttpSocket(
            interface.name, sock, service.tftp,
            Shares(service.tftp, roots[interface.name], roots.of_clients), scripts,
        )
        for interface, sock in listeners.http
    ]  # fmt: skip


def _worker(context: worker.WorkerContext) -> Child:
    def fork() -> int:
        context.heartbeat.beat()  # it is given the time to begin
        return worker.start(context)

    return Child(context.heartbeat.name, fork)


def _http_server(context: HttpContext) -> Child:
    def fork() -> int:
        context.heartbeat.beat()
        return http_process.start(context.sockets, context.pipe.send, context.heartbeat)

    return Child(context.heartbeat.name, fork)
