"""The processes of one configuration, and the memory that they share with their parent."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import msgspec

from fastpxe.events import Event
from fastpxe.monitor.histogram import Histogram
from fastpxe.serve import worker
from fastpxe.serve.child import Child
from fastpxe.serve.files.client_roots import Shares
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.http import process as http_process
from fastpxe.serve.ipc._event_ring import EventRing
from fastpxe.serve.ipc.event_channel import EventChannel, EventReader
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.listeners import Listeners
from fastpxe.service import Service

RING_SIZE = 1 << 24  # bytes for decisions that wait to be logged: some 30,000
RETIRE_WAIT_S = 1  # for retired workers to stop reading the shared sockets


class HttpContext(msgspec.Struct, kw_only=True):
    """What the HTTP server works with; its ring stays empty, for it decides on no datagram."""

    sockets: list[http_process.HttpSocket]
    ring: EventRing
    channel: EventChannel
    heartbeat: Heartbeat


class WorkerPool:
    """The workers of one configuration, its HTTP server if enabled, and all they have open.

    beat_s: the interval of their heartbeats. Raises StartError and OSError.
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
                        ring=EventRing(max(len(dhcp), 1), RING_SIZE),
                        channel=stack.enter_context(closing(EventChannel())),
                        scripts=scripts,
                        heartbeat=Heartbeat(f"worker {index}", beat_s),
                    )
                )
            self._http = HttpContext(
                sockets=_http_sockets(service, listeners, self.roots, scripts),
                ring=EventRing(1, 1),
                channel=stack.enter_context(closing(EventChannel())),
                heartbeat=Heartbeat("the HTTP server", beat_s),
            )
            self._stack = stack.pop_all()
        self._workers = [_worker(context) for context in self._contexts]
        http = [_http_server(self._http)] if self._http.sockets else []
        self.children = [*self._workers, *http]

    def start(self) -> None:
        """Start all processes. Raises OSError; those before the one that failed then run."""
        for child in self.children:
            child.start()

    def retire(self) -> None:
        """Have the processes accept nothing new, and end when they have finished what they began.

        Returns when the workers read no more, so that no request gets an answer of this pool's.
        """
        for pid in self.pids:
            os.kill(pid, signal.SIGUSR1)
        end = time.monotonic() + RETIRE_WAIT_S
        while not self._has_stopped_accepting and time.monotonic() < end:
            time.sleep(0.002)

    @property
    def _has_stopped_accepting(self) -> bool:
        return all(
            context.heartbeat.has_stopped_accepting or not child.pid
            for context, child in zip(self._contexts, self._workers, strict=True)
        )

    @property
    def pids(self) -> list[int]:
        """The process ids of the children that run."""
        return [child.pid for child in self.children if child.pid]

    @property
    def heartbeats(self) -> list[Heartbeat]:
        """The heartbeats of all children, in their order."""
        http = [self._http.heartbeat] if self._http.sockets else []
        return [*(context.heartbeat for context in self._contexts), *http]

    @property
    def running_heartbeats(self) -> list[Heartbeat]:
        """The heartbeats of the children that run: one that waits for its restart has none."""
        pairs = zip(self.heartbeats, self.children, strict=True)
        return [heartbeat for heartbeat, child in pairs if child.pid]

    def readers(
        self, on_event: Callable[[Event], None], wants_details: Callable[[], bool]
    ) -> Iterator[EventReader]:
        """Readers of the events of all processes; for the arguments see EventReader."""

        def reader(ring: EventRing, channel: EventChannel, names: dict[int, str]) -> EventReader:
            return EventReader(
                ring, channel, names, self.service.answers, on_event, wants_details=wants_details
            )

        for context in self._contexts:
            names = {socket.interface.index: socket.interface.name for socket in context.dhcp}
            yield reader(context.ring, context.channel, names)
        yield reader(self._http.ring, self._http.channel, {})

    def counts(self) -> Counter[str]:
        """The number of datagrams by outcome, and of events that were lost ("unlogged")."""
        total: Counter[str] = Counter()
        for context in self._contexts:
            for port in range(len(context.dhcp)):
                total.update(context.ring.counts(port))
            total["unlogged"] += context.ring.lost + context.channel.lost
        total["unlogged"] += self._http.channel.lost
        return total

    def latencies(self) -> list[Histogram]:
        """The latency of each DHCP socket."""
        return [
            context.ring.latency(port)
            for context in self._contexts
            for port in range(len(context.dhcp))
        ]

    def close(self) -> None:
        """Close the channels and the roots."""
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
    return _child(context.heartbeat, lambda: worker.start(context))


def _http_server(context: HttpContext) -> Child:
    return _child(
        context.heartbeat,
        lambda: http_process.start(context.sockets, context.channel.send, context.heartbeat),
    )


def _child(heartbeat: Heartbeat, start: Callable[[], int]) -> Child:
    def fork() -> int:
        heartbeat.beat()  # its start counts as one, until its event loop runs
        return start()

    return Child(heartbeat.name, fork)
