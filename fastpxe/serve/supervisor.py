"""The parent: it holds the sockets, starts and replaces workers, reloads and stops.

It stays out of the packet path, and out of any event loop: what it does for long is wait for
signals. A worker that dies is replaced at once; what the kernel has queued on its socket meanwhile
is answered by the next, for the sockets are the parent's.
"""

import importlib
import logging
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack

import msgspec

from fastpxe.changes import changes
from fastpxe.errors import ConfigError, StartError
from fastpxe.events import Event
from fastpxe.latency import Histogram, merged
from fastpxe.latency import describe as describe_latency
from fastpxe.serve import http_child, privileges, recorder, worker
from fastpxe.serve._mmsg import Board
from fastpxe.serve.config_sign import sign_of
from fastpxe.serve.drift import Drift
from fastpxe.serve.front import Front, Load, front_of
from fastpxe.serve.host_store import make_folder
from fastpxe.serve.interfaces import all_interfaces, with_bound
from fastpxe.serve.lines import Lines
from fastpxe.serve.listening import Listening
from fastpxe.serve.notebook import Notebook
from fastpxe.serve.observer import Observer
from fastpxe.serve.preload import preload
from fastpxe.serve.pulse import INTERVAL_S, Pulse
from fastpxe.serve.recorder import Beside, Recording
from fastpxe.serve.roots import Roots
from fastpxe.serve.scripts import ScriptMaker
from fastpxe.serve.systemd import Manager, Watchdog
from fastpxe.serve.telling import EventPipe, Teller
from fastpxe.serve.tftp_clients import Shares

log = logging.getLogger("fastpxe")

BOARD_SIZE = 1 << 15  # decisions that can wait to be logged, 12 MB
STOP_LIMIT_S = 5
EARLY_S = 1  # a worker that ends sooner after its start is not replaced at once

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Worker(msgspec.Struct, kw_only=True):
    """A worker process and what it shares with its parent."""

    tools: worker.Tools
    pid: int = 0
    started_at: float = 0


class HttpChild(msgspec.Struct, kw_only=True):
    """The process that serves HTTP, 0 when there is none, and what it tells with."""

    sockets: list[http_child.HttpSocket]
    board: Board
    pipe: EventPipe
    pulse: Pulse
    pid: int = 0
    started_at: float = 0

    def start(self) -> None:
        if self.sockets:
            self.started_at = time.monotonic()
            self.pulse.beat()  # it is given the time to begin
            self.pid = http_child.start(self.sockets, self.pipe.send, self.pulse)


class Generation(msgspec.Struct, kw_only=True):
    """The workers of one configuration."""

    front: Front
    roots: Roots
    workers: list[Worker]
    http: HttpChild

    @property
    def pulses(self) -> list[Pulse]:
        """Those of all processes that serve."""
        http = [self.http.pulse] if self.http.sockets else []
        return [*(one.tools.pulse for one in self.workers), *http]

    @property
    def is_served(self) -> bool:
        return bool(self.http.pid) or any(one.pid for one in self.workers)

    def tellers(self, saw: Callable[[Event], None]) -> Iterator[Teller]:
        """What reads the events of its processes."""
        for one in self.workers:
            names = {socket.interface.index: socket.interface.name for socket in one.tools.dhcp}
            tools = one.tools
            yield Teller(tools.board, tools.pipe, names, self.front.answers.names(), saw)
        yield Teller(self.http.board, self.http.pipe, {}, self.front.answers.names(), saw)


def run(load: Load, workers: int, user: str | None = None, watched: Sequence[str] = ()) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP, or a change of a `watched` file, calls `load` again.

    `user` is whom root becomes once the ports are bound: see privileges.account.
    Raises ConfigError when the first `load` does, and StartError when something can't be had.
    """
    _allow_many_files()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with ExitStack() as stack:
            front = front_of(load(), all_interfaces())
            account = privileges.account(user, front.user, front.group)
            count = _workers_for(front, workers)
            listening = Listening(front, count, stack)
            if account and account.uid != os.geteuid():
                _leave_root(account, front, listening, load)
            elif account:
                privileges.become(account)
            supervisor = Supervisor(front, count, listening, watched)
            supervisor.serve(load)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _workers_for(front: Front, wanted: int) -> int:
    """One, where another server has the ports too: it would count as a worker of ours."""
    if front.share_ports and wanted > 1:
        log.warning("ports are shared with another server: one worker instead of %d", wanted)
        return 1
    return wanted


def _leave_root(
    account: privileges.Account, front: Front, listening: Listening, load: Load
) -> None:
    """Do what only root may, become another, and see what that one may. Raises StartError."""
    listening.make_default_root(front)
    if front.hosts:
        make_folder(front.hosts.folder, account.uid, account.gid)
    preload(front)
    privileges.become(account)
    try:
        load()
    except ConfigError as error:
        log.warning("a reload will be refused: user %s: %s", privileges.whoami(), error)


def _allow_many_files() -> None:
    """Each transfer holds a socket and a file: use the descriptors that the system would grant."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Supervisor:
    """The sockets, and the generations of workers: the last one serves, those before retire."""

    def __init__(
        self, front: Front, count: int, listening: Listening, watched: Sequence[str] = ()
    ) -> None:
        self._count = count
        self._watched = watched
        self._seen = sign_of(watched)
        _say_notices(front)
        self._listening = listening
        self._manager = Manager(os.environ)
        self._watchdog = Watchdog(self._manager)
        self._bound = front.sockets
        self._now = self._new_generation(front)
        self._retired: list[Generation] = []
        self._ended: Counter[str] = Counter()
        self._latency: Histogram = []
        self._notebook = Notebook()
        self._started_at = time.time()
        self._recorder = 0
        self._recorder_started_at = 0.0

    def serve(self, load: Load) -> None:
        """Run the workers until told to stop."""
        self._start(self._now)
        self._start_recorder()
        log.info("ready: %s", self.summary())
        self._manager.ready(self.summary())
        while True:
            number = self._next_signal()
            if number in (signal.SIGINT, signal.SIGTERM):
                break
            if number == signal.SIGHUP:
                self._reload(load)
            self._reap()
        log.info("stopping")
        self._manager.stopping()
        self._stop()
        log.info("stopped: %s", _counted(self.counts()))
        if self._latency:
            log.info(
                "from the kernel's receive time to the send: %s", describe_latency(self._latency)
            )

    def _next_signal(self) -> int | None:
        """Wait for a signal, or until the watchdog wants to look."""
        wait_s = self._watchdog.wait_s(time.monotonic())
        if wait_s is None:
            return signal.sigwait(_SIGNALS)
        found = signal.sigtimedwait(_SIGNALS, wait_s)
        self._watchdog.look(self._now.pulses, time.monotonic())
        return found.si_signo if found else None

    def summary(self) -> str:
        """Where it serves, and what."""
        front = self._now.front
        where = ", ".join(f"{i.name} {i.address}" for i in front.interfaces)
        numbers = self._listening.port_numbers
        paths = ", ".join(files.path for files in self._now.roots.all() if files.path)
        root = f", files from {paths}" if paths else ""
        ports = f"UDP {'+'.join(map(str, numbers))}"
        ports += f", TCP {front.http.port}" if self._listening.http else ""
        return (
            f"{where}; {ports}; {front.size} from {front.source}{root}; "
            f"{self._count} worker{'' if self._count == 1 else 's'}; user {privileges.whoami()}"
        )

    def counts(self) -> Counter[str]:
        """How many datagrams ended how, of all workers so far, and what the kernel dropped."""
        total = Counter(self._ended)
        for generation in (self._now, *self._retired):
            for one in generation.workers:
                total.update(_counts_of(one))
            total["unlogged"] += generation.http.pipe.lost
        total["dropped_by_kernel"] = self._listening.dropped()
        return total

    # --- workers --------------------------------------------------------------------------------

    def _new_generation(self, front: Front) -> Generation:
        """Open what workers need. Raises StartError."""
        roots = self._listening.open_roots(front)
        scripts = None
        if roots.scripts is not None:
            scripts = ScriptMaker(roots.scripts, front.http, front.answers.decide)
        beat_s = min(INTERVAL_S, (self._manager.watchdog_s or INTERVAL_S) / 10)
        workers = []
        for index in range(self._count):
            dhcp, tftp = self._listening.share(index)
            tools = worker.Tools(
                number=index,
                front=front,
                roots=roots,
                dhcp=dhcp,
                tftp=tftp if front.tftp.enabled else [],
                board=Board(max(len(dhcp), 1), BOARD_SIZE),
                pipe=EventPipe(),
                scripts=scripts,
                pulse=Pulse(f"worker {index}", beat_s),
            )
            workers.append(Worker(tools=tools))
        sockets = [
            http_child.HttpSocket(
                interface.name, sock, front.tftp,
                Shares(front.tftp, roots[interface.name], roots.of_clients), scripts,
            )
            for interface, sock in self._listening.http
        ]  # fmt: skip
        child = HttpChild(
            sockets=sockets,
            board=Board(1, 1),
            pipe=EventPipe(),
            pulse=Pulse("the HTTP server", beat_s),
        )
        return Generation(front=front, roots=roots, workers=workers, http=child)

    def _start(self, generation: Generation) -> None:
        for one in generation.workers:
            _start_worker(one)
        generation.http.start()

    def _start_recorder(self) -> None:
        """Start what tells of all workers; it waits for the one before, if there is one."""
        self._recorder_started_at = time.monotonic()
        observer = Observer(self._now.front, Lines())
        generations = (self._now, *self._retired)
        self._recorder = recorder.start(
            Recording(
                observer=observer,
                tellers=[one for each in generations for one in each.tellers(observer.hear)],
                notebook=self._notebook,
                counts=self.counts,
                beside=self._beside(generations),
                flush=logging.shutdown,
            )
        )

    def _beside(self, generations: Sequence[Generation]) -> list[Beside]:
        """What the recorder's process does besides."""
        beside: list[Beside] = [Drift(self._listening.interfaces, os.getpid()).begin]
        if self._watched:
            beside.append(self._begin_to_watch)
        sock = self._listening.admin
        if sock is None:
            return beside

        def latency() -> Histogram:
            living = [one for each in generations for one in each.workers]
            return merged([self._latency, *(h for one in living for h in _latencies_of(one))])

        async def begin(observer: Observer, stack: AsyncExitStack) -> None:
            admin = importlib.import_module("fastpxe.serve.admin")  # not in the parent
            server = admin.Server(
                self.summary(), self._now.front.rules, self.counts, latency, self._now.pulses,
                self._started_at,
            )  # fmt: skip
            await admin.Admin(server, sock, self._now.front.admin.token).begin(observer, stack)

        return [*beside, begin]

    async def _begin_to_watch(self, _: Observer, stack: AsyncExitStack) -> None:
        config_watch = importlib.import_module("fastpxe.serve.config_watch")  # not in the parent
        config_watch.begin(self._watched, self._seen, os.getppid(), stack)

    def _reap(self) -> None:
        """Take leave of children that ended, and put another where one was needed."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for one in self._now.workers:
                if one.pid == pid:
                    _replace(one, os.waitstatus_to_exitcode(status))
            if pid == self._now.http.pid:
                log.error("the HTTP server (pid %d) ended; another takes its place", pid)
                _pause_after(self._now.http.started_at)
                self._now.http.start()
            if pid == self._recorder:
                log.error("the recorder (pid %d) ended; another takes its place", pid)
                _pause_after(self._recorder_started_at)
                self._start_recorder()
            for generation in list(self._retired):
                self._take_leave(generation, pid)

    def _take_leave(self, generation: Generation, pid: int) -> None:
        """Let a retired generation go when its last worker has ended."""
        for one in generation.workers:
            if one.pid == pid:
                one.pid = 0
        if pid == generation.http.pid:
            generation.http.pid = 0
        if not generation.is_served:
            self._add_up(generation)
            self._retired.remove(generation)

    def _add_up(self, generation: Generation) -> None:
        """Keep the counts of a generation that has ended, and close what it had open."""
        for one in generation.workers:
            self._ended.update(_counts_of(one))
            self._latency = merged([self._latency, *_latencies_of(one)])
            one.tools.pipe.close()
        generation.workers = []
        self._ended["unlogged"] += generation.http.pipe.lost
        generation.http.pipe.close()
        generation.roots.close()

    def _stop(self) -> None:
        """End all workers, then those that log what they did last."""
        generations = [self._now, *self._retired]
        _end([one.pid for generation in generations for one in generation.workers])
        _end([generation.http.pid for generation in generations])
        _end([self._recorder])
        for generation in generations:
            self._add_up(generation)

    def _replace_recorder(self) -> None:
        """Have another recorder go on, which knows the workers of now."""
        before, self._recorder = self._recorder, 0
        self._start_recorder()
        os.kill(before, signal.SIGTERM)

    # --- reload ---------------------------------------------------------------------------------

    def _reload(self, load: Load) -> None:
        """Serve by a new configuration, or, when it is refused, go on with the old one.

        New workers take the sockets over; the old ones read no more, and end when their transfers
        have.
        """
        self._manager.reloading()
        self._seen = sign_of(self._watched)
        try:
            present = with_bound(all_interfaces(), self._listening.interfaces)
            front = front_of(load(), present)
            self._listening.adopt(present)
            generation = self._new_generation(front)
        except (ConfigError, StartError) as error:
            log.error("reload refused, the old configuration goes on: %s", error)  # noqa: TRY400 - the text says all; a traceback would bury it
            self._manager.ready(f"reload refused, the old configuration goes on: {error}")
            return
        _say_notices(front)
        if front.sockets != self._bound:
            log.warning(
                "interfaces, ports, buffers and users change with a restart, not with a reload"
            )
        old, self._now = self._now, generation
        self._start(generation)
        for pid in (*(one.pid for one in old.workers), old.http.pid):
            if pid:
                os.kill(pid, signal.SIGUSR1)
        self._retired.append(old)
        self._replace_recorder()
        log.info("reloaded: %s from %s", front.size, front.source)
        for change in changes(old.front.config, front.config):
            log.info("changed: %s", change)
        self._manager.ready(self.summary())


def _say_notices(front: Front) -> None:
    for notice in front.notices:
        log.warning("%s", notice)
    ports = front.tftp.ports
    if isinstance(ports, tuple) and ports[0] < privileges.lowest_port():
        log.warning(
            "[tftp] ports: user %s may send from none below %d; name others, or serve as root: "
            "--user root", privileges.whoami(), privileges.lowest_port(),
        )  # fmt: skip


def _start_worker(one: Worker) -> None:
    one.started_at = time.monotonic()
    one.tools.pulse.beat()  # it is given the time to begin
    one.pid = worker.start(one.tools)


def _replace(one: Worker, code: int) -> None:
    how = f"by signal {-code}" if code < 0 else f"with status {code}"
    log.error(
        "worker %d (pid %d) ended %s; another takes its place", one.tools.number, one.pid, how
    )
    _pause_after(one.started_at)
    _start_worker(one)


def _pause_after(started_at: float) -> None:
    """Wait before a process that ended early is started again, rather than fork for ever."""
    if time.monotonic() - started_at < EARLY_S:
        time.sleep(EARLY_S)


def _end(pids: Iterable[int]) -> None:
    """Ask children to end, wait for them, and kill those that don't."""
    waiting = {pid for pid in pids if pid}
    for pid in waiting:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_LIMIT_S
    while waiting:
        for pid in list(waiting):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                waiting.remove(pid)
        time.sleep(0.005)


def _counts_of(one: Worker) -> Counter[str]:
    total: Counter[str] = Counter()
    for port in range(len(one.tools.dhcp)):
        total.update(one.tools.board.counts(port))
    total["unlogged"] += one.tools.board.lost + one.tools.pipe.lost
    return total


def _latencies_of(one: Worker) -> list[Histogram]:
    return [one.tools.board.latency(port) for port in range(len(one.tools.dhcp))]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no packets"
