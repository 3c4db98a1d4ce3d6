"""The parent process: it holds the sockets, starts and replaces children, reloads and stops.

It stays out of the packet path and runs no event loop: it waits for signals. A worker that dies is
replaced; its sockets are the parent's, so the replacement answers what the kernel has queued there.
"""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence

from fastpxe.config_diff import changes
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.errors import FastpxeError, StartError
from fastpxe.monitor.histogram import describe as describe_latency
from fastpxe.net.interfaces import all_interfaces, with_bound
from fastpxe.policy.config import Config
from fastpxe.serve.child import Child, terminate
from fastpxe.serve.ipc.handover import HandoverBuffer
from fastpxe.serve.ipc.heartbeat import INTERVAL_S
from fastpxe.serve.listeners import Listeners
from fastpxe.serve.pools import WorkerPools
from fastpxe.serve.recorder import recorder
from fastpxe.serve.recorder.host_boots import fill_table
from fastpxe.serve.recorder.log_writer import RateLimitedLog
from fastpxe.serve.recorder.observer import Observer
from fastpxe.serve.recorder.tasks import ServerInfo, background_tasks
from fastpxe.serve.system import privileges
from fastpxe.serve.system.config_stamp import file_stamp
from fastpxe.serve.system.systemd import ServiceManager, Watchdog
from fastpxe.serve.worker_pool import WorkerPool
from fastpxe.service import Load, Service, build_service

log = logging.getLogger("fastpxe")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
"""Blocked in this process, which waits for them in turn."""


class Supervisor:
    """The sockets, the worker pools, and the recorder.

    count: workers in a pool. watched: the configuration's files, whose change is a reload.
    """

    def __init__(
        self, service: Service, count: int, listeners: Listeners, watched: Sequence[str] = ()
    ) -> None:
        self._count = count
        self._watched = watched
        self._stamp = file_stamp(watched)
        _log_notices(service)
        self._listeners = listeners
        self._manager = ServiceManager(os.environ)
        self._watchdog = Watchdog(self._manager)
        self._beat_s = min(INTERVAL_S, (self._manager.watchdog_s or INTERVAL_S) / 10)
        self._pools = WorkerPools(self._new_pool(service))
        self._handover = HandoverBuffer()
        self._started_at = time.time()
        self._pid = os.getpid()
        self._recorder = Child("the recorder", self._fork_recorder)

    def serve(self, load: Load) -> None:
        """Run until SIGINT or SIGTERM. Raises StartError."""
        self._start()
        while True:
            number = self._next_signal()
            if number in (signal.SIGINT, signal.SIGTERM):
                break
            if number == signal.SIGHUP:
                self._reload(load)
            self._reap()
            self._pools.close_ended()
            for child in self._children:
                child.start_if_due()
        self._stop()

    def _start(self) -> None:
        try:
            self._pools.current.start()
            self._recorder.start()
        except OSError as error:
            raise StartError(f"no process can be started: {error.strerror}") from error
        log.info("ready: %s", self._summary())
        self._manager.ready(self._summary())

    def _stop(self) -> None:
        """End the workers, then the recorder, which logs what they did last."""
        log.info("stopping")
        self._manager.stopping()
        terminate(self._pools.pids)
        terminate([self._recorder.pid])
        self._pools.close()
        log.info("stopped: %s", _counts_text(self._counts()))
        latency = self._pools.latency()
        if latency:
            log.info("latency from kernel receive to send: %s", describe_latency(latency))

    def _summary(self) -> str:
        """Where the server listens, and what it serves, for people."""
        pool = self._pools.current
        where = ", ".join(f"{i.name} {i.address}" for i in self._listeners.interfaces)
        paths = ", ".join(files.path for files in pool.roots.all() if files.path)
        root = f", files from {paths}" if paths else ""
        return (
            f"{where}; {self._listeners.ports}; {pool.service.size} from {pool.service.source}"
            f"{root}; {self._count} worker{'' if self._count == 1 else 's'}; "
            f"user {privileges.whoami()}"
        )

    def _counts(self) -> Counter[str]:
        """The number of datagrams by outcome since the start, with those the kernel dropped."""
        total = self._pools.counts()
        total["dropped_by_kernel"] = self._listeners.dropped()
        return total

    # --- signals and children -------------------------------------------------------------------

    @property
    def _children(self) -> list[Child]:
        """The processes to keep running."""
        return [*self._pools.current.children, self._recorder]

    def _next_signal(self) -> int | None:
        """Wait for a signal; None when the watchdog or a child's start is due instead."""
        now = time.monotonic()
        waits = [child.due_at - now for child in self._children if child.due_at is not None]
        watchdog_s = self._watchdog.wait_s(now)
        if watchdog_s is not None:
            waits.append(watchdog_s)
        if not waits:
            return signal.sigwait(SIGNALS)
        info = signal.sigtimedwait(SIGNALS, max(0.0, min(waits)))
        self._watchdog.poll(self._pools.current.running_heartbeats, time.monotonic())
        return info.si_signo if info else None

    def _reap(self) -> None:
        """Wait for the children that have ended, and schedule replacements where needed."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self._children:
                if child.pid == pid:
                    child.on_exit(status)
            self._pools.on_retired_exit(pid, status)

    def _new_pool(self, service: Service) -> WorkerPool:
        if service.hosts:
            fill_table(service.hosts)
        return WorkerPool(service, self._listeners, self._count, self._beat_s)

    # --- the recorder ---------------------------------------------------------------------------

    def _fork_recorder(self) -> int:
        """Start a recorder for all pools; it waits until the one before has ended."""
        service = self._pools.current.service
        lines = RateLimitedLog()
        observer = Observer(service, lines)
        info = ServerInfo(
            parent=self._pid,
            started_at=self._started_at,
            summary=self._summary(),
            rules=service.rules,
            interfaces=self._listeners.interfaces,
            watched=self._watched,
            stamp=self._stamp,
            counts=self._counts,
            latency=self._pools.latency,
            heartbeats=self._pools.current.heartbeats,
            admin=self._listeners.admin,
            admin_token=self._listeners.admin_token(service),
        )
        return recorder.start(
            recorder.RecorderContext(
                observer=observer,
                readers=list(self._pools.readers(observer.enqueue, lines.has_room)),
                handover=self._handover,
                counts=self._counts,
                tasks=background_tasks(info),
                flush=logging.shutdown,
            )
        )

    def _replace_recorder(self) -> None:
        """Start a recorder that knows the new pool, and end the one before."""
        before = self._recorder.restart()
        if before:
            os.kill(before, signal.SIGTERM)

    # --- reload ---------------------------------------------------------------------------------

    def _reload(self, load: Load) -> None:
        """Serve by the configuration as it is now; if that is refused, keep the one in force.

        New workers take the sockets over. The old ones read no more, and end with their transfers.
        """
        self._manager.reloading()
        self._stamp = file_stamp(self._watched)
        before = self._pools.current.service
        try:
            config = load()
            pool = self._start_new_pool(config)
        except Exception as error:  # noqa: BLE001 - whatever it is, clients must still boot
            self._listeners.adopt(before.present)
            self._refuse(error)
            return
        service = pool.service
        _log_notices(service)
        if not self._listeners.are_as_configured(service, config):
            log.warning("interfaces, ports, buffers and users change with a restart, not a reload")
        self._pools.replace(pool)
        self._replace_recorder()
        log.info("reloaded: %s from %s", service.size, service.source)
        for change in changes(before.config, service.config):
            log.info("changed: %s", change)
        self._manager.ready(self._summary())

    def _start_new_pool(self, config: Config | DnsmasqConfig) -> WorkerPool:
        """Start a pool by a configuration. Raises whatever is in the way of that."""
        present = with_bound(all_interfaces(), self._listeners.interfaces)
        service = build_service(self._listeners.as_opened(config), present)
        self._listeners.adopt(present)
        pool = self._new_pool(service)
        try:
            pool.start()
        except OSError:
            self._pools.retire(pool)
            raise
        return pool

    def _refuse(self, error: Exception) -> None:
        why = str(error) if isinstance(error, FastpxeError | OSError) else repr(error)
        text = f"reload refused, the old configuration stays in force: {why}"
        log.error("%s", text)
        self._manager.ready(text)


def _log_notices(service: Service) -> None:
    for notice in service.notices:
        log.warning("%s", notice)
    ports = service.tftp.ports
    if isinstance(ports, tuple) and ports[0] < privileges.lowest_port():
        log.warning(
            "[tftp] ports: user %s can't bind ports below %d; set others, or serve as root: "
            "--user root", privileges.whoami(), privileges.lowest_port(),
        )  # fmt: skip


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no packets"
