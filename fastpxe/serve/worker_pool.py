"""The processes of one configuration, and what they share with their parent."""

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
from fastpxe.serve.ipc.event_channel import EventPipe, Teller
from fastpxe.serve.ipc.heartbeat import Pulse
from fastpxe.serve.listeners import Listening
from fastpxe.service import Front

RING_SIZE = 1 << 24  # bytes for decisions that wait to be logged: some 30,000


class HttpTools(msgspec.Struct, kw_only=True):
    """What the HTTP server works with; its ring stays empty, for it decides on no datagram."""

    sockets: list[http_process.HttpSocket]
    ring: EventRing
    pipe: EventPipe
    pulse: Pulse


class Generation:
    """Workers, and the HTTP server if there is one, with all that is opened for them.

    beat_s: how often each gives a sign of life. Raises StartError and OSError.
    """

    def __init__(self, front: Front, listening: Listening, count: int, beat_s: float) -> None:
        self.front = front
        with ExitStack() as stack:
            self.roots = stack.enter_context(listening.open_roots(front))
            scripts = None
            if self.roots.scripts is not None:
                scripts = ScriptMaker(self.roots.scripts, front.http, front.answers.decide)
            self._tools = []
            for index in range(count):
                dhcp, tftp = listening.share(index)
                self._tools.append(
                    worker.Tools(
                        number=index,
                        front=front,
                        roots=self.roots,
                        dhcp=dhcp,
                        tftp=tftp if front.tftp.enabled else [],
                        ring=EventRing(max(len(dhcp), 1), RING_SIZE),
                        pipe=stack.enter_context(closing(EventPipe())),
                        scripts=scripts,
                        pulse=Pulse(f"worker {index}", beat_s),
                    )
                )
            self._http = HttpTools(
                sockets=_http_sockets(front, listening, self.roots, scripts),
                ring=EventRing(1, 1),
                pipe=stack.enter_context(closing(EventPipe())),
                pulse=Pulse("the HTTP server", beat_s),
            )
            self._stack = stack.pop_all()
        self.children = [_worker(tools) for tools in self._tools]
        if self._http.sockets:
            self.children.append(_http_server(self._http))

    def start(self) -> None:
        """Start all of its processes. Raises OSError, with those before the one that failed."""
        for child in self.children:
            child.start()

    @property
    def has_let_go(self) -> bool:
        """Whether its workers take nothing new any more."""
        pairs = zip(self._tools, self.children, strict=False)  # the HTTP server comes last
        return all(tools.pulse.has_let_go or not child.pid for tools, child in pairs)

    @property
    def pids(self) -> list[int]:
        """Those of its processes that there are."""
        return [child.pid for child in self.children if child.pid]

    @property
    def pulses(self) -> list[Pulse]:
        """Those of all processes that serve."""
        http = [self._http.pulse] if self._http.sockets else []
        return [*(tools.pulse for tools in self._tools), *http]

    @property
    def pulses_due(self) -> list[Pulse]:
        """Those of the processes that there are: one that waits to be started again gives none."""
        pairs = zip(self.pulses, self.children, strict=True)
        return [pulse for pulse, child in pairs if child.pid]

    def tellers(
        self, saw: Callable[[Event], None], wants_details: Callable[[], bool]
    ) -> Iterator[Teller]:
        """What reads the events of its processes."""
        answers = self.front.answers
        for tools in self._tools:
            names = {socket.interface.index: socket.interface.name for socket in tools.dhcp}
            yield Teller(tools.ring, tools.pipe, names, answers, saw, wants_details=wants_details)
        yield Teller(
            self._http.ring, self._http.pipe, {}, answers, saw, wants_details=wants_details
        )

    def counts(self) -> Counter[str]:
        """How many datagrams ended how, and how many events were lost."""
        total: Counter[str] = Counter()
        for tools in self._tools:
            for port in range(len(tools.dhcp)):
                total.update(tools.ring.counts(port))
            total["unlogged"] += tools.ring.lost + tools.pipe.lost
        total["unlogged"] += self._http.pipe.lost
        return total

    def latencies(self) -> list[Histogram]:
        """That of each socket."""
        return [
            tools.ring.latency(port) for tools in self._tools for port in range(len(tools.dhcp))
        ]

    def close(self) -> None:
        """Close what was opened for it."""
        self._stack.close()


def _http_sockets(
    front: Front, listening: Listening, roots: Roots, scripts: ScriptMaker | None
) -> list[http_process.HttpSocket]:
    return [
        http_process.HttpSocket(
            interface.name, sock, front.tftp,
            Shares(front.tftp, roots[interface.name], roots.of_clients), scripts,
        )
        for interface, sock in listening.http
    ]  # fmt: skip


def _worker(tools: worker.Tools) -> Child:
    def fork() -> int:
        tools.pulse.beat()  # it is given the time to begin
        return worker.start(tools)

    return Child(tools.pulse.name, fork)


def _http_server(tools: HttpTools) -> Child:
    def fork() -> int:
        tools.pulse.beat()
        return http_process.start(tools.sockets, tools.pipe.send, tools.pulse)

    return Child(tools.pulse.name, fork)
