"""The running server: open, serve, reload, stop."""

import asyncio
import logging
import resource
import signal
import socket
from contextlib import ExitStack
from typing import Self

import uvloop

from fastpxe.errors import ConfigError, FileRefused, MalformedPacket, StartError
from fastpxe.events import Answered, DhcpEvent, Event, TransferRefused
from fastpxe.log import Repeats, describe
from fastpxe.paths import relative_path
from fastpxe.serve.dhcp import DhcpServer, DhcpSocket
from fastpxe.serve.front import Front, Load, front_of
from fastpxe.serve.interfaces import Interface, interfaces_matching
from fastpxe.serve.requested import Files
from fastpxe.serve.roots import Roots
from fastpxe.serve.sockets import join_group, open_port, receive_buffer_of
from fastpxe.serve.tftp import TftpServer
from fastpxe.wire import PXE_PORT, TFTP_PORT

log = logging.getLogger("fastpxe")


def run(load: Load) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP calls `load` again.

    Raises ConfigError when the first `load` does, and StartError when something can't be had.
    """
    _allow_many_files()
    uvloop.run(_serve(load))


def _allow_many_files() -> None:
    """Each transfer holds a socket and a file: use the descriptors that the system would grant."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(load: Load) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    with App(loop, front_of(load())) as app:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        loop.add_signal_handler(signal.SIGHUP, app.reload, load)
        log.info("ready: %s", app.summary())
        await stopped.wait()
        log.info("stopping")


class App:
    """Everything that is open while fastpxe serves; a context manager that closes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, front: Front) -> None:
        self._front = front
        self._repeats = Repeats()
        for notice in front.notices:
            log.warning("%s", notice)
        with ExitStack() as stack:
            self._tftp_interfaces = _tftp_interfaces(front)
            self._roots = _open_roots(front, self._tftp_interfaces)
            stack.callback(self._close_roots)
            self._dhcp = self._start_dhcp(loop, stack)
            self._tftp = self._start_tftp(loop, stack, self._roots)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
        log.info("stopped: %s", _counted(self._dhcp.counts()))

    def summary(self) -> str:
        """Where it serves, and what."""
        front = self._front
        where = ", ".join(f"{i.name} {i.address}" for i in front.interfaces)
        ports = [number for _, number in front.ports] + ([TFTP_PORT] if self._tftp else [])
        paths = ", ".join(files.path for files in self._roots.all() if files.path)
        root = f", files from {paths}" if paths else ""
        return f"{where}; UDP {'+'.join(map(str, ports))}; {front.size} from {front.source}{root}"

    def reload(self, load: Load) -> None:
        """Serve by a new configuration, or, when it is refused, go on with the old one."""
        try:
            front = front_of(load())
            roots = _open_roots(front, self._tftp_interfaces)
        except (ConfigError, StartError) as error:
            log.error("reload refused, the old configuration goes on: %s", error)  # noqa: TRY400 - the text says all; a traceback would bury it
            return
        for notice in front.notices:
            log.warning("%s", notice)
        if front.sockets != self._front.sockets:
            log.warning("interfaces, ports and buffers change with a restart, not with a reload")
        self._dhcp.reload(front.answers)
        if front.tftp.enabled:  # else the sockets stay, and what they serve
            for server in self._tftp:
                server.reload(front.tftp, roots[server.interface.name])
            self._close_roots()
            self._roots = roots
        self._front = front
        log.info("reloaded: %s from %s", front.size, front.source)

    def _start_dhcp(self, loop: asyncio.AbstractEventLoop, stack: ExitStack) -> DhcpServer:
        sockets = []
        for interface in self._front.interfaces:
            for role, number in self._front.ports:
                sock = stack.enter_context(self._open(interface, number))
                if role == PXE_PORT and self._front.multicast:
                    join_group(sock, interface, self._front.multicast)
                sockets.append(DhcpSocket(interface, role, sock))
        server = DhcpServer(loop, sockets, self._front.answers, self._saw)
        stack.callback(server.close)
        return server

    def _start_tftp(
        self, loop: asyncio.AbstractEventLoop, stack: ExitStack, roots: Roots
    ) -> list[TftpServer]:
        servers: list[TftpServer] = []
        for interface in self._tftp_interfaces if self._front.tftp.enabled else ():
            files = roots[interface.name]
            sock = stack.enter_context(self._open(interface, TFTP_PORT))
            server = TftpServer(loop, interface, self._front.tftp, files, self._saw)
            server.listen(sock)
            stack.callback(server.close)
            servers.append(server)
        return servers

    def _open(self, interface: Interface, port: int) -> socket.socket:
        wanted = self._front.receive_buffer
        share = self._front.share_ports and port != TFTP_PORT
        sock = open_port(interface, port, receive_buffer=wanted, share=share)
        granted = receive_buffer_of(sock)
        if granted < wanted:
            log.warning(
                "port %d on %s holds %d waiting packets, not %d: a larger storm loses packets; "
                "grant CAP_NET_ADMIN, or: sysctl -w net.core.rmem_max=%d",
                port, interface.name, granted * 2 // 1280, wanted * 2 // 1280, wanted,
            )  # fmt: skip
        return sock

    def _close_roots(self) -> None:
        self._roots.close()

    def _saw(self, event: Event) -> None:
        if isinstance(event, Answered) and not self._front.tells_answers:
            return
        if isinstance(event, TransferRefused) and not self._front.tells_refusals:
            return
        level, text = describe(event)
        log.log(level if self._repeats.is_new(event) else logging.DEBUG, "%s", text)
        for detail in event.details if isinstance(event, DhcpEvent) else ():
            log.info("%s", detail)


def _tftp_interfaces(front: Front) -> list[Interface]:
    patterns = front.tftp.interfaces
    chosen = interfaces_matching(patterns) if patterns else list(front.interfaces)
    if front.tftp.enabled and not chosen:
        log.warning("no interface %s is up: no file is served", " or ".join(patterns))
    for name in front.tftp.roots.keys() - {interface.name for interface in chosen}:
        log.warning("[tftp] roots: no file is served on %s", name)
    return chosen


def _open_roots(front: Front, interfaces: list[Interface]) -> Roots:
    """Open the TFTP roots, none when TFTP is off, and name the boot files that they lack."""
    names = [interface.name for interface in interfaces] if front.tftp.enabled else []
    roots = Roots(front.tftp, names)
    if front.tftp.unique_root is None:  # else it depends on the client
        for files in roots.all():
            _warn_of_missing_files(front, files)
    return roots


def _warn_of_missing_files(front: Front, files: Files) -> None:
    """A client that is told of a file which isn't there gives up at once: say so beforehand."""
    missing: dict[str, str] = {}
    for file, rule in front.files:
        try:
            files.open(relative_path(file.encode("latin-1", "replace"))).close()
        except (FileRefused, MalformedPacket, OSError):
            missing.setdefault(file, rule)
    for file, rule in missing.items():
        log.warning("%s is not under %s: clients of %s can't boot", file, files.path, rule)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no packets"
