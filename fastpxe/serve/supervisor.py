"""The parent: it holds the sockets, starts and replaces workers, reloads, and tells what they did.

It stays out of the packet path, and out of any event loop: what it does for long is wait for
signals. A worker that dies is replaced at once; what the kernel has queued on its socket meanwhile
is answered by the next, for the sockets are the parent's.
"""

import logging
import os
import resource
import signal
import time
from collections import Counter
from contextlib import ExitStack

import msgspec

from fastpxe.errors import ConfigError, StartError
from fastpxe.events import Answered, DhcpEvent, Event, TransferRefused
from fastpxe.latency import Histogram, merged
from fastpxe.latency import describe as describe_latency
from fastpxe.log import Repeats, describe
from fastpxe.serve import worker
from fastpxe.serve._mmsg import Board
from fastpxe.serve.front import Front, Load, front_of
from fastpxe.serve.listening import Listening
from fastpxe.serve.telling import EventPipe, Teller

log = logging.getLogger("fastpxe")

LOOK_S = 0.2  # how often quiet workers are asked what they did
LOOK_BUSY_S = 0.01
TELL_AT_ONCE = 50  # so that a storm's log lines take an eighth of a core, and come later instead
BOARD_SIZE = 1 << 15  # decisions that can wait to be logged, 12 MB
STOP_LIMIT_S = 5
EARLY_S = 1  # a worker that ends sooner after its start is not replaced at once

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Worker(msgspec.Struct, kw_only=True):
    """A worker process and what it shares with its parent. `index` is its share of the packets."""

    index: int
    tools: worker.Tools
    teller: Teller
    pid: int = 0
    started_at: float = 0
    is_retired: bool = False


def run(load: Load, workers: int) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP calls `load` again.

    Raises ConfigError when the first `load` does, and StartError when something can't be had.
    """
    _allow_many_files()
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # the workers go first
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with ExitStack() as stack:
            supervisor = Supervisor(front_of(load()), workers, stack)
            supervisor.serve(load)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _allow_many_files() -> None:
    """Each transfer holds a socket and a file: use the descriptors that the system would grant."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Supervisor:
    """The sockets, the workers, and the configuration in force."""

    def __init__(self, front: Front, count: int, stack: ExitStack) -> None:
        self._front = front
        self._repeats = Repeats()
        self._say_notices(front)
        self._listening = Listening(front, count, stack)
        self._roots = self._listening.open_roots(front)
        self._workers = [self._new_worker(index) for index in range(count)]
        self._retired: list[Worker] = []
        self._ended: Counter[str] = Counter()
        self._latency: Histogram = []

    def serve(self, load: Load) -> None:
        """Run the workers until told to stop."""
        for one in self._workers:
            self._start(one)
        log.info("ready: %s", self.summary())
        wait = LOOK_S
        while True:
            found = signal.sigtimedwait(_SIGNALS, wait)
            number = None if found is None else found.si_signo
            if number in (signal.SIGINT, signal.SIGTERM):
                break
            if number == signal.SIGHUP:
                self._reload(load)
            self._replace_ended()
            wait = LOOK_BUSY_S if self._tell() else LOOK_S
        log.info("stopping")
        self._stop()
        log.info("stopped: %s", _counted(self.counts()))
        if self._latency:
            log.info(
                "from the kernel's receive time to the send: %s", describe_latency(self._latency)
            )

    def summary(self) -> str:
        """Where it serves, and what."""
        front = self._front
        where = ", ".join(f"{i.name} {i.address}" for i in front.interfaces)
        numbers = self._listening.port_numbers
        paths = ", ".join(files.path for files in self._roots.all() if files.path)
        root = f", files from {paths}" if paths else ""
        count = len(self._workers)
        return (
            f"{where}; UDP {'+'.join(map(str, numbers))}; {front.size} from {front.source}{root}; "
            f"{count} worker{'' if count == 1 else 's'}"
        )

    def counts(self) -> Counter[str]:
        """How many datagrams ended how, of all workers so far, and what the kernel dropped."""
        total = Counter(self._ended)
        for one in (*self._workers, *self._retired):
            total.update(_counts_of(one))
        total["dropped_by_kernel"] = self._listening.dropped()
        return total

    # --- workers --------------------------------------------------------------------------------

    def _new_worker(self, index: int) -> Worker:
        dhcp, tftp = self._listening.share(index)
        tools = worker.Tools(
            front=self._front,
            roots=self._roots,
            dhcp=dhcp,
            tftp=tftp if self._front.tftp.enabled else [],
            board=Board(max(len(dhcp), 1), BOARD_SIZE),
            pipe=EventPipe(),
        )
        return Worker(index=index, tools=tools, teller=self._teller(tools))

    def _teller(self, tools: worker.Tools) -> Teller:
        names = {one.interface.index: one.interface.name for one in tools.dhcp}
        return Teller(tools.board, tools.pipe, names, self._front.answers.names(), self._saw)

    def _start(self, one: Worker) -> None:
        one.started_at = time.monotonic()
        one.pid = worker.start(one.tools)

    def _replace_ended(self) -> None:
        """Reap children, and put a new worker where one ended that shouldn't have."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for one in self._workers:
                if one.pid == pid:
                    self._replace(one, os.waitstatus_to_exitcode(status))
            for one in [one for one in self._retired if one.pid == pid]:
                self._forget(one)

    def _replace(self, one: Worker, code: int) -> None:
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        log.error("worker %d (pid %d) ended %s; another takes its place", one.index, one.pid, how)
        one.teller.tell(TELL_AT_ONCE)
        one.teller = self._teller(one.tools)
        if time.monotonic() - one.started_at < EARLY_S:
            time.sleep(EARLY_S)  # rather than fork for ever; the other workers go on
        self._start(one)

    def _forget(self, one: Worker) -> None:
        """Take the last news of a retired worker, and let it go."""
        while one.teller.tell(TELL_AT_ONCE):
            pass
        self._ended.update(_counts_of(one))
        self._latency = merged([self._latency, *_latencies_of(one)])
        self._retired.remove(one)
        one.tools.pipe.close()
        if one.tools.roots is not self._roots and not any(
            other.tools.roots is one.tools.roots for other in self._retired
        ):
            one.tools.roots.close()

    def _stop(self) -> None:
        """End all workers, and tell what they did last."""
        everyone = [*self._workers, *self._retired]
        for one in everyone:
            os.kill(one.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_LIMIT_S
        for one in everyone:
            while os.waitpid(one.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > end:
                    os.kill(one.pid, signal.SIGKILL)
                one.teller.tell(TELL_AT_ONCE)
                time.sleep(0.005)
        for one in everyone:
            while one.teller.tell(TELL_AT_ONCE):
                pass
            self._latency = merged([self._latency, *_latencies_of(one)])
            one.tools.pipe.close()
        self._roots.close()

    # --- reload ---------------------------------------------------------------------------------

    def _reload(self, load: Load) -> None:
        """Serve by a new configuration, or, when it is refused, go on with the old one.

        New workers take the sockets over; the old ones read no more, and end when their transfers
        have.
        """
        try:
            front = front_of(load())
            roots = self._listening.open_roots(front)
        except (ConfigError, StartError) as error:
            log.error("reload refused, the old configuration goes on: %s", error)  # noqa: TRY400 - the text says all; a traceback would bury it
            return
        self._say_notices(front)
        if front.sockets != self._front.sockets:
            log.warning("interfaces, ports and buffers change with a restart, not with a reload")
        self._front, self._roots = front, roots
        old, self._workers = self._workers, [self._new_worker(one.index) for one in self._workers]
        for one in self._workers:
            self._start(one)
        for one in old:
            one.is_retired = True
            os.kill(one.pid, signal.SIGUSR1)
        self._retired += old
        log.info("reloaded: %s from %s", front.size, front.source)

    # --- telling --------------------------------------------------------------------------------

    def _say_notices(self, front: Front) -> None:
        for notice in front.notices:
            log.warning("%s", notice)

    def _tell(self) -> int:
        """Log what the workers did; how much there was."""
        return sum(one.teller.tell(TELL_AT_ONCE) for one in (*self._workers, *self._retired))

    def _saw(self, event: Event) -> None:
        if isinstance(event, Answered) and not self._front.tells_answers:
            return
        if isinstance(event, TransferRefused) and not self._front.tells_refusals:
            return
        level, text = describe(event)
        log.log(level if self._repeats.is_new(event) else logging.DEBUG, "%s", text)
        for detail in event.details if isinstance(event, DhcpEvent) else ():
            log.info("%s", detail)


def _counts_of(one: Worker) -> Counter[str]:
    total: Counter[str] = Counter()
    for port in range(len(one.tools.dhcp)):
        total.update(one.tools.board.counts(port))
    total["unlogged"] += one.tools.board.lost
    return total


def _latencies_of(one: Worker) -> list[Histogram]:
    return [one.tools.board.latency(port) for port in range(len(one.tools.dhcp))]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no packets"
