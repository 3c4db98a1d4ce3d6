"""The sockets of a running server, dealt out to its workers, and the folders that it serves."""

import logging
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import PXE_PORT, TFTP_PORT
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.errors import StartError
from fastpxe.net.interfaces import Interface
from fastpxe.net.reuseport import share_by_source_port, share_by_xid
from fastpxe.net.sockets import (
    dropped_by_kernel,
    full_buffers,
    join_group,
    listen_at,
    listen_on,
    open_group,
    receive_buffer_of,
)
from fastpxe.policy.config import Config
from fastpxe.policy.schema import AdminSettings
from fastpxe.serve.dhcp.server import DhcpSocket
from fastpxe.serve.files.boot_files import file_interfaces, look_up
from fastpxe.serve.files.resolve import Files
from fastpxe.serve.files.roots import Roots, make_default_root
from fastpxe.service import Front

log = logging.getLogger("fastpxe")


class Listening:
    """Every port on every interface, bound once for each worker; `stack` closes them.

    Raises StartError.
    """

    def __init__(self, front: Front, workers: int, stack: ExitStack) -> None:
        self._workers = workers
        self._full_before = full_buffers()
        self._stack = stack
        self._dhcp: list[list[DhcpSocket]] = [[] for _ in range(workers)]
        self._tftp: list[list[DhcpSocket]] = [[] for _ in range(workers)]
        self._tftp_interfaces = _tftp_interfaces(front)
        self.port_numbers = [number for _, number in front.ports]
        for interface in front.interfaces:
            for role, number in front.ports:
                group = self._open(front, interface, number)
                self._deal(self._dhcp, interface, role, group)
                if len(group) > 1:
                    share_by_xid(group)
                if role == PXE_PORT and front.multicast:
                    for sock in group:
                        join_group(sock, interface, front.multicast)
        if front.tftp.enabled and self._tftp_interfaces:
            self.port_numbers.append(TFTP_PORT)
            for interface in self._tftp_interfaces:
                group = self._open(front, interface, TFTP_PORT)
                self._deal(self._tftp, interface, TFTP_PORT, group)
                if len(group) > 1:
                    share_by_source_port(group)

        self.http: list[tuple[Interface, socket.socket]] = []
        if front.http.enabled:
            self.http = [
                (interface, stack.enter_context(listen_on(interface, front.http.port)))
                for interface in self._tftp_interfaces
            ]

        self.admin = _admin_socket(front, stack)
        self._admin_settings = front.admin
        self._asked_for = front.sockets
        self._http_settings = front.http

    def share(self, index: int) -> tuple[list[DhcpSocket], list[DhcpSocket]]:
        """The DHCP and the TFTP sockets of a worker."""
        return self._dhcp[index], self._tftp[index]

    @property
    def interfaces(self) -> list[Interface]:
        """Those that a port is bound on."""
        return list(dict.fromkeys(one.interface for one in (*self._dhcp[0], *self._tftp[0])))

    def as_opened(self, config: Config | DnsmasqConfig) -> Config | DnsmasqConfig:
        """A configuration with the HTTP port that is open, for that is what its URLs must name."""
        if isinstance(config, Config):
            return msgspec.structs.replace(config, http=self._http_settings)
        return config

    def is_as_asked(self, front: Front, config: Config | DnsmasqConfig) -> bool:
        """Whether these are the sockets that a configuration wants; else it takes a restart."""
        is_http = not isinstance(config, Config) or config.http == self._http_settings
        return is_http and front.sockets == self._asked_for

    @property
    def ports(self) -> str:
        """The ports, for people."""
        udp = f"UDP {'+'.join(map(str, self.port_numbers))}"
        return udp + (f", TCP {self.http[0][1].getsockname()[1]}" if self.http else "")

    def admin_token(self, front: Front) -> str | None:
        """What must be shown where people look, by that configuration; None for nothing.

        The socket stays where it was opened: one that others reach keeps its token if need be.
        """
        before = self._admin_settings
        if front.admin.token is None and not IPv4Address(before.address).is_loopback:
            return before.token
        return front.admin.token

    def adopt(self, present: Sequence[Interface]) -> None:
        """Take interfaces as they are now, with other addresses maybe, from the next share on."""
        now = {interface.name: interface for interface in present}

        def of_now(interface: Interface) -> Interface:
            return now.get(interface.name, interface)

        for shares in (self._dhcp, self._tftp):
            for share in shares:
                share[:] = [one._replace(interface=of_now(one.interface)) for one in share]
        self._tftp_interfaces = [of_now(interface) for interface in self._tftp_interfaces]
        self.http = [(of_now(interface), sock) for interface, sock in self.http]

    def make_default_root(self, front: Front) -> None:
        """Make the folder that is served when none is named. Raises StartError."""
        make_default_root(front.tftp, self._names(front))

    def open_roots(self, front: Front) -> Roots:
        """Open the roots, none when no files are served, and name the boot files that they lack."""
        roots = Roots(front.tftp, self._names(front))
        if front.tftp.unique_root is None:  # else it depends on the client
            for files in roots.of_interfaces():
                _warn_of_missing_files(front, files, roots.scripts)
        return roots

    def dropped(self) -> int:
        """Datagrams that the kernel had no room for: at most so many, with several workers.

        A socket's own count then holds what its filter left to the other workers, so the count of
        full buffers on this machine, other programs' included, is the better bound.
        """
        sockets = (one.sock for share in (*self._dhcp, *self._tftp) for one in share)
        return min(sum(map(dropped_by_kernel, sockets)), full_buffers() - self._full_before)

    def _names(self, front: Front) -> list[str]:
        """The interfaces that files are served on."""
        serves = front.tftp.enabled or self.http
        return [interface.name for interface in self._tftp_interfaces] if serves else []

    def _open(self, front: Front, interface: Interface, port: int) -> list[socket.socket]:
        wanted = front.receive_buffer
        group = open_group(
            interface,
            port,
            self._workers,
            receive_buffer=wanted,
            share=front.share_ports and port != TFTP_PORT,
        )
        for sock in group:
            self._stack.enter_context(sock)
        granted = receive_buffer_of(group[0])
        if granted < wanted:
            log.warning(
                "port %d on %s holds %d waiting packets, not %d: a larger storm loses packets; "
                "grant CAP_NET_ADMIN, or: sysctl -w net.core.rmem_max=%d net.core.wmem_max=%d",
                port, interface.name, granted * 2 // 1280, wanted * 2 // 1280, wanted, wanted,
            )  # fmt: skip
        return group

    @staticmethod
    def _deal(
        shares: list[list[DhcpSocket]],
        interface: Interface,
        port: int,
        group: list[socket.socket],
    ) -> None:
        for share, sock in zip(shares, group, strict=True):
            share.append(DhcpSocket(interface, port, sock))


def _admin_socket(front: Front, stack: ExitStack) -> socket.socket | None:
    """Where people look, unless that is off; None, and a warning, where nobody asked for it."""
    if not front.admin.enabled:
        return None
    try:
        return stack.enter_context(listen_at(front.admin.address, front.admin.port))
    except StartError as error:
        if front.admin != AdminSettings():
            raise
        log.warning("no web page and no metrics: %s; or set [admin] port = …", error)
        return None


def _tftp_interfaces(front: Front) -> list[Interface]:
    patterns = front.tftp.interfaces
    chosen = file_interfaces(front)
    if (front.tftp.enabled or front.http.enabled) and not chosen:
        log.warning("no interface %s is up: no file is served", " or ".join(patterns))
    for name in front.tftp.roots.keys() - {interface.name for interface in chosen}:
        log.warning("[tftp] roots: no file is served on %s", name)
    return chosen


def _warn_of_missing_files(front: Front, files: Files, scripts: Files | None) -> None:
    """A client that is told of a file which isn't there gives up at once: say so beforehand."""
    for file in look_up(front, files, scripts):
        if file.size is None:
            log.warning(
                "%s is not under %s: clients of %s can't boot", file.name, files.path, file.rule
            )
