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
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, ExitStack

from fastpxe.config_diff import changes
from fastpxe.errors import ConfigError, FastpxeError, StartError
from fastpxe.monitor.histogram import Histogram, merged
from fastpxe.monitor.histogram import describe as describe_latency
from fastpxe.net.interfaces import all_interfaces, with_bound
from fastpxe.serve.child import Child, how
from fastpxe.serve.ipc.handover import Notebook
from fastpxe.serve.ipc.heartbeat import INTERVAL_S
from fastpxe.serve.listeners import Listening
from fastpxe.serve.preload import preload
from fastpxe.serve.recorder import recorder
from fastpxe.serve.recorder.host_boots import put_in_force
from fastpxe.serve.recorder.host_store import make_folder
from fastpxe.serve.recorder.interface_watch import Drift
from fastpxe.serve.recorder.log_writer import Lines
from fastpxe.serve.recorder.observer import Observer
from fastpxe.serve.recorder.recorder import Beside, Recording
from fastpxe.serve.system import privileges
from fastpxe.serve.system.config_stamp import sign_of
from fastpxe.serve.system.systemd import Manager, Watchdog
from fastpxe.serve.worker_pool import Generation
from fastpxe.service import Front, Load, front_of

log = logging.getLogger("fastpxe")

STOP_LIMIT_S = 5
LET_GO_S = 1  # for workers before to leave the sockets to those of now

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


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
        self._beat_s = min(INTERVAL_S, (self._manager.watchdog_s or INTERVAL_S) / 10)
        self._living = [self._new_generation(front)]  # the last one serves, those before retire
        self._ended: Counter[str] = Counter()
        self._latency: Histogram = []
        self._notebook = Notebook()
        self._started_at = time.time()
        self._pid = os.getpid()
        self._recorder = Child("the recorder", self._fork_recorder)

    def serve(self, load: Load) -> None:
        """Run the workers until told to stop. Raises StartError."""
        try:
            self._now.start()
            self._recorder.start()
        except OSError as error:
            raise StartError(f"no process can be started: {error.strerror}") from error
        log.info("ready: %s", self.summary())
        self._manager.ready(self.summary())
        while True:
            number = self._next_signal()
            if number in (signal.SIGINT, signal.SIGTERM):
                break
            if number == signal.SIGHUP:
                self._reload(load)
            self._reap()
            self._let_go()
            for child in self._children:
                child.start_if_due()
        log.info("stopping")
        self._manager.stopping()
        self._stop()
        log.info("stopped: %s", _counted(self.counts()))
        if self._latency:
            log.info(
                "from the kernel's receive time to the send: %s", describe_latency(self._latency)
            )

    @property
    def _now(self) -> Generation:
        """The workers that serve."""
        return self._living[-1]

    @property
    def _children(self) -> list[Child]:
        """The processes that are to be there."""
        return [*self._now.children, self._recorder]

    def _next_signal(self) -> int | None:
        """Wait for a signal, or until the watchdog wants to look or a process is to be started."""
        now = time.monotonic()
        waits = [child.due_at - now for child in self._children if child.due_at is not None]
        watchdog_s = self._watchdog.wait_s(now)
        if watchdog_s is not None:
            waits.append(watchdog_s)
        if not waits:
            return signal.sigwait(_SIGNALS)
        found = signal.sigtimedwait(_SIGNALS, max(0.0, min(waits)))
        self._watchdog.look(self._now.pulses_due, time.monotonic())
        return found.si_signo if found else None

    def summary(self) -> str:
        """Where it serves, and what."""
        front = self._now.front
        where = ", ".join(f"{i.name} {i.address}" for i in self._listening.interfaces)
        paths = ", ".join(files.path for files in self._now.roots.all() if files.path)
        root = f", files from {paths}" if paths else ""
        return (
            f"{where}; {self._listening.ports}; {front.size} from {front.source}{root}; "
            f"{self._count} worker{'' if self._count == 1 else 's'}; user {privileges.whoami()}"
        )

    def counts(self) -> Counter[str]:
        """How many datagrams ended how, of all workers so far, and what the kernel dropped."""
        total = Counter(self._ended)
        for generation in self._living:
            total.update(generation.counts())
        total["dropped_by_kernel"] = self._listening.dropped()
        return total

    # --- workers --------------------------------------------------------------------------------

    def _new_generation(self, front: Front) -> Generation:
        if front.hosts:
            put_in_force(front.hosts)
        return Generation(front, self._listening, self._count, self._beat_s)

    def _fork_recorder(self) -> int:
        """Start what tells of all workers; it waits for the one before, if there is one."""
        lines = Lines()
        observer = Observer(self._now.front, lines)
        return recorder.start(
            Recording(
                observer=observer,
                tellers=[
                    teller
                    for each in self._living
                    for teller in each.tellers(observer.hear, lines.has_room)
                ],
                notebook=self._notebook,
                counts=self.counts,
                beside=self._beside(self._living),
                flush=logging.shutdown,
            )
        )

    def _beside(self, generations: Sequence[Generation]) -> list[Beside]:
        """What the recorder's process does besides."""
        beside: list[Beside] = [Drift(self._listening.interfaces, self._pid).begin]
        if self._watched:
            beside.append(self._begin_to_watch)
        sock = self._listening.admin
        if sock is None:
            return beside

        def latency() -> Histogram:
            return merged([self._latency, *(h for one in generations for h in one.latencies())])

        async def begin(observer: Observer, stack: AsyncExitStack) -> None:
            admin = importlib.import_module("fastpxe.serve.recorder.admin")  # not in the parent
            server = admin.Server(
                self.summary(), self._now.front.rules, self.counts, latency, self._now.pulses,
                self._started_at,
            )  # fmt: skip
            token = self._listening.admin_token(self._now.front)
            await admin.Admin(server, sock, token).begin(observer, stack)

        return [*beside, begin]

    async def _begin_to_watch(self, _: Observer, stack: AsyncExitStack) -> None:
        config_watch = importlib.import_module(
            "fastpxe.serve.recorder.config_watch"
        )  # not in the parent
        config_watch.begin(self._watched, self._seen, self._pid, stack)

    def _reap(self) -> None:
        """Take leave of children that ended, and put another where one was needed."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self._children:
                if child.pid == pid:
                    child.ended(status)
            for generation in self._living[:-1]:
                for child in generation.children:
                    if child.pid == pid:
                        _take_leave(child, status)

    def _let_go(self) -> None:
        """Forget the retired generations whose last process has ended."""
        for generation in self._living[:-1]:
            if not generation.pids:
                self._living.remove(generation)
                self._add_up(generation)

    def _add_up(self, generation: Generation) -> None:
        """Keep the counts of a generation that has ended, and close what it had open."""
        self._ended.update(generation.counts())
        self._latency = merged([self._latency, *generation.latencies()])
        generation.close()

    def _stop(self) -> None:
        """End all workers, then those that log what they did last."""
        _end(pid for generation in self._living for pid in generation.pids)
        _end([self._recorder.pid])
        while self._living:
            self._add_up(self._living.pop())

    def _replace_recorder(self) -> None:
        """Have another recorder go on, which knows the workers of now."""
        before = self._recorder.pid
        self._recorder.pid, self._recorder.due_at = 0, 0.0
        self._recorder.start_if_due()
        if before:
            os.kill(before, signal.SIGTERM)

    # --- reload ---------------------------------------------------------------------------------

    def _reload(self, load: Load) -> None:
        """Serve by a new configuration, or, when it is refused, go on with the old one.

        New workers take the sockets over; the old ones read no more, and end when their transfers
        have.
        """
        self._manager.reloading()
        self._seen = sign_of(self._watched)
        old = self._now
        try:
            present = with_bound(all_interfaces(), self._listening.interfaces)
            config = load()
            front = front_of(self._listening.as_opened(config), present)
            self._listening.adopt(present)
            generation = self._new_generation(front)
        except Exception as error:  # noqa: BLE001 - whatever it is, machines go on booting
            self._listening.adopt(old.front.present)
            self._refuse(error)
            return
        try:
            generation.start()
        except OSError as error:
            self._living.insert(0, generation)
            _retire(generation)
            self._listening.adopt(old.front.present)
            self._refuse(error)
            return
        _say_notices(front)
        if not self._listening.is_as_asked(front, config):
            log.warning(
                "interfaces, ports, buffers and users change with a restart, not with a reload"
            )
        self._living.append(generation)
        _retire(old)
        self._replace_recorder()
        log.info("reloaded: %s from %s", front.size, front.source)
        for change in changes(old.front.config, front.config):
            log.info("changed: %s", change)
        self._manager.ready(self.summary())

    def _refuse(self, error: Exception) -> None:
        """Say why the old configuration goes on."""
        why = str(error) if isinstance(error, FastpxeError | OSError) else repr(error)
        log.error("reload refused, the old configuration goes on: %s", why)
        self._manager.ready(f"reload refused, the old configuration goes on: {why}")


def _retire(generation: Generation) -> None:
    """Have processes leave what is new to others, and end when what they have begun is over.

    It waits for the workers to do the first, so that nobody is answered by what was before.
    """
    for pid in generation.pids:
        os.kill(pid, signal.SIGUSR1)
    end = time.monotonic() + LET_GO_S
    while not generation.has_let_go and time.monotonic() < end:
        time.sleep(0.002)


def _take_leave(child: Child, status: int) -> None:
    """Take note that a retired process has ended."""
    if status:
        log.error("%s (pid %d), retired, ended %s", child.name, child.pid, how(status))
    child.pid = 0


def _say_notices(front: Front) -> None:
    for notice in front.notices:
        log.warning("%s", notice)
    ports = front.tftp.ports
    if isinstance(ports, tuple) and ports[0] < privileges.lowest_port():
        log.warning(
            "[tftp] ports: user %s may send from none below %d; name others, or serve as root: "
            "--user root", privileges.whoami(), privileges.lowest_port(),
        )  # fmt: skip


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


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no packets"
