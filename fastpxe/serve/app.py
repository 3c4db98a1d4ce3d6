"""The running server: open, serve, reload, stop."""

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

import uvloop

from fastpxe import policy
from fastpxe.config import Config
from fastpxe.errors import ConfigError, FileRefused, MalformedPacket, StartError
from fastpxe.events import Event
from fastpxe.log import Repeats, describe
from fastpxe.paths import relative_path
from fastpxe.policy import Compiled
from fastpxe.serve.dhcp import DhcpServer, DhcpSocket
from fastpxe.serve.interfaces import (
    Interface,
    all_interfaces,
    interfaces_matching,
    select_interfaces,
)
from fastpxe.serve.requested import Files
from fastpxe.serve.roots import Roots
from fastpxe.serve.sockets import join_group, open_port, receive_buffer_of
from fastpxe.serve.tftp import TftpServer
from fastpxe.wire import PXE_PORT, TFTP_PORT

log = logging.getLogger("fastpxe")


def run(load: Callable[[], Config]) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP calls `load` again.

    Raises ConfigError when the first `load` does, and StartError when something can't be had.
    """
    _allow_many_files()
    uvloop.run(_serve(load))


def _allow_many_files() -> None:
    """Each transfer holds a socket and a file: use the descriptors that the system would grant."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(load: Callable[[], Config]) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    with App(loop, load()) as app:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        loop.add_signal_handler(signal.SIGHUP, app.reload, load)
        log.info("ready: %s", app.summary())
        await stopped.wait()
        log.info("stopping")


class App:
    """Everything that is open while fastpxe serves; a context manager that closes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, config: Config) -> None:
        self._config = config
        self._repeats = Repeats()
        self._interfaces = select_interfaces(config.interfaces)
        compiled = _compile(config)
        with ExitStack() as stack:
            self._tftp_interfaces = _tftp_interfaces(config, self._interfaces)
            self._roots = _open_roots(config, self._tftp_interfaces)
            stack.callback(self._close_roots)
            self._dhcp = self._start_dhcp(loop, stack, compiled)
            self._tftp = self._start_tftp(loop, stack, self._roots)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
        log.info("stopped: %s", _counted(self._dhcp.counts()))

    def summary(self) -> str:
        """Where it serves, and what."""
        where = ", ".join(f"{i.name} {i.address}" for i in self._interfaces)
        ports = "+".join(map(str, self._config.dhcp.ports)) + ("+69" if self._tftp else "")
        paths = ", ".join(files.path for files in self._roots.all() if files.path)
        root = f", files from {paths}" if paths else ""
        rules = f"{_rules(self._config)} from {self._config.source}"
        return f"{where}; UDP {ports}; {rules}{root}"

    def reload(self, load: Callable[[], Config]) -> None:
        """Serve by a new configuration, or, when it is refused, go on with the old one."""
        try:
            config = load()
            compiled = _compile(config)
            roots = _open_roots(config, self._tftp_interfaces)
        except (ConfigError, StartError) as error:
            log.error("reload refused, the old configuration goes on: %s", error)  # noqa: TRY400 - the text says all; a traceback would bury it
            return
        if _sockets_of(config) != _sockets_of(self._config):
            log.warning("interfaces, ports and buffers change with a restart, not with a reload")
        self._dhcp.reload(compiled)
        if config.tftp.enabled:  # else the sockets stay, and what they serve
            for server in self._tftp:
                server.reload(config.tftp, roots[server.interface.name])
            self._close_roots()
            self._roots = roots
        self._config = config
        log.info("reloaded: %s from %s", _rules(config), config.source)

    def _start_dhcp(
        self, loop: asyncio.AbstractEventLoop, stack: ExitStack, compiled: Compiled
    ) -> DhcpServer:
        sockets = []
        for interface in self._interfaces:
            for port in self._config.dhcp.ports:
                sock = stack.enter_context(self._open(interface, port))
                if port == PXE_PORT and self._config.dhcp.multicast:
                    join_group(sock, interface, self._config.dhcp.multicast)
                sockets.append(DhcpSocket(interface, port, sock))
        server = DhcpServer(loop, sockets, compiled, self._saw)
        stack.callback(server.close)
        return server

    def _start_tftp(
        self, loop: asyncio.AbstractEventLoop, stack: ExitStack, roots: Roots
    ) -> list[TftpServer]:
        servers: list[TftpServer] = []
        for interface in self._tftp_interfaces if self._config.tftp.enabled else ():
            files = roots[interface.name]
            sock = stack.enter_context(self._open(interface, TFTP_PORT))
            server = TftpServer(loop, interface, self._config.tftp, files, self._saw)
            server.listen(sock)
            stack.callback(server.close)
            servers.append(server)
        return servers

    def _open(self, interface: Interface, port: int) -> socket.socket:
        wanted = self._config.dhcp.receive_buffer
        share = self._config.dhcp.share_ports and port != TFTP_PORT
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
        level, line = describe(event)
        log.log(level if self._repeats.is_new(event) else logging.DEBUG, "%s", line)


def _compile(config: Config) -> Compiled:
    own = [network.ip for interface in all_interfaces() for network in interface.networks]
    try:
        return policy.build(config, own)
    except ValueError as error:
        raise ConfigError(str(error), where=config.source) from error


def _sockets_of(config: Config) -> tuple[object, ...]:
    dhcp = config.dhcp
    return (
        config.interfaces, dhcp.ports, dhcp.share_ports, dhcp.receive_buffer, dhcp.multicast,
        config.tftp.enabled, config.tftp.interfaces
    )  # fmt: skip


def _tftp_interfaces(config: Config, served: list[Interface]) -> list[Interface]:
    patterns = config.tftp.interfaces
    chosen = interfaces_matching(patterns) if patterns else served
    if config.tftp.enabled and not chosen:
        log.warning("no interface %s is up: no file is served", " or ".join(patterns))
    for name in config.tftp.roots.keys() - {interface.name for interface in chosen}:
        log.warning("[tftp] roots: no file is served on %s", name)
    return chosen


def _open_roots(config: Config, interfaces: list[Interface]) -> Roots:
    """Open the TFTP roots, none when TFTP is off, and name the boot files that they lack."""
    names = [interface.name for interface in interfaces] if config.tftp.enabled else []
    roots = Roots(config.tftp, names)
    if config.tftp.unique_root is None:  # else it depends on the client
        for files in roots.all():
            _warn_of_missing_files(config, files)
    return roots


def _warn_of_missing_files(config: Config, files: Files) -> None:
    """A client that is told of a file which isn't there gives up at once: say so beforehand."""
    missing: dict[str, str] = {}
    for rule in config.rules:
        if rule.boot.file and rule.boot.server is None:
            try:
                files.open(relative_path(rule.boot.file.encode("ascii"))).close()
            except (FileRefused, MalformedPacket, OSError):
                missing.setdefault(rule.boot.file, rule.name)
    for file, name in missing.items():
        log.warning("%s is not under %s: clients of rule %r can't boot", file, files.path, name)


def _rules(config: Config) -> str:
    return "1 rule" if len(config.rules) == 1 else f"{len(config.rules)} rules"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "no packets"
