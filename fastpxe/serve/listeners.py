"""The sockets of a running server, with a share for each worker, and the folders it serves."""

import logging
import socket
from collections.abc import Callable, Sequence
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
from fastpxe.service import Service

log = logging.getLogger("fastpxe")


_Shares = list[list[DhcpSocket]]
"""The sockets of each worker."""


class Listeners:
    """Every port on every interface, bound once for each worker; `stack` closes the sockets.

    Raises StartError.
    """

    def __init__(self, service: Service, workers: int, stack: ExitStack) -> None:
        self._workers = workers
        self._full_before = full_buffers()
        self._stack = stack
        self._dhcp: _Shares = [[] for _ in range(workers)]
        self._tftp: _Shares = [[] for _ in range(workers)]
        self._file_interfaces = _file_interfaces(service)
        self._udp_ports = [number for _, number in service.ports]
        self._open_dhcp(service)
        if service.tftp.enabled and self._file_interfaces:
            self._open_tftp(service)
        self.http: list[tuple[Interface, socket.socket]] = []
        if service.http.enabled:
            self.http = [
                (interface, stack.enter_context(listen_on(interface, service.http.port)))
                for interface in self._file_interfaces
            ]
        self.admin = _admin_socket(service, stack)
        self._admin_settings = service.admin
        self._socket_settings = service.socket_settings
        self._http_settings = service.http

    def share(self, index: int) -> tuple[list[DhcpSocket], list[DhcpSocket]]:
        """The DHCP and the TFTP sockets of a worker."""
        return self._dhcp[index], self._tftp[index]

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces that a UDP port is bound on."""
        return list(dict.fromkeys(sock.interface for sock in (*self._dhcp[0], *self._tftp[0])))

    @property
    def ports(self) -> str:
        """The open ports, for people."""
        udp = f"UDP {'+'.join(map(str, self._udp_ports))}"
        return udp + (f", TCP {self.http[0][1].getsockname()[1]}" if self.http else "")

    def dropped(self) -> int:
        """The number of datagrams that the kernel dropped because a buffer was full, at most.

        A socket's own count includes what its filter leaves to the other workers. The machine's
        count of full buffers includes other programs'. The lower one is the better bound.
        """
        sockets = (sock.sock for share in (*self._dhcp, *self._tftp) for sock in share)
        return min(sum(map(dropped_by_kernel, sockets)), full_buffers() - self._full_before)

    # --- reload -----------------------------------------------------------------------------------

    def as_opened(self, config: Config | DnsmasqConfig) -> Config | DnsmasqConfig:
        """The configuration with the HTTP settings of the open sockets, for the URLs in it."""
        if isinstance(config, Config):
            return msgspec.structs.replace(config, http=self._http_settings)
        return config

    def are_as_configured(self, service: Service, config: Config | DnsmasqConfig) -> bool:
        """Whether the open sockets are those that a configuration needs; else it takes a restart.

        service: built from `as_opened(config)`.
        """
        is_same_http = not isinstance(config, Config) or config.http == self._http_settings
        return is_same_http and service.socket_settings == self._socket_settings

    def admin_token(self, service: Service) -> str | None:
        """What clients of the admin port must present; None for nothing.

        A reload doesn't move the socket: unless it is on loopback, it keeps its token where the new
        configuration has none.
        """
        opened = self._admin_settings
        if service.admin.token is None and not IPv4Address(opened.address).is_loopback:
            return opened.token
        return service.admin.token

    def adopt(self, present: Sequence[Interface]) -> None:
        """Use the interfaces as they are now: their addresses may have changed."""
        by_name = {interface.name: interface for interface in present}

        def current(interface: Interface) -> Interface:
            return by_name.get(interface.name, interface)

        for shares in (self._dhcp, self._tftp):
            for share in shares:
                share[:] = [sock._replace(interface=current(sock.interface)) for sock in share]
        self._file_interfaces = [current(interface) for interface in self._file_interfaces]
        self.http = [(current(interface), sock) for interface, sock in self.http]

    # --- folders ----------------------------------------------------------------------------------

    def make_default_root(self, service: Service) -> None:
        """Create the folder that is served by default. Raises StartError."""
        make_default_root(service.tftp, self._names(service))

    def open_roots(self, service: Service) -> Roots:
        """Open the roots, none if no files are served, and warn of missing boot files."""
        roots = Roots(service.tftp, self._names(service))
        if service.tftp.unique_root is None:  # else it depends on the client
            for files in roots.of_interfaces():
                _warn_of_missing_files(service, files, roots.scripts)
        return roots

    def _names(self, service: Service) -> list[str]:
        """The names of the interfaces that files are served on."""
        has_files = service.tftp.enabled or self.http
        return [interface.name for interface in self._file_interfaces] if has_files else []

    # --- sockets ----------------------------------------------------------------------------------

    def _open_dhcp(self, service: Service) -> None:
        for interface in service.interfaces:
            for role, number in service.ports:
                group = self._open(service, interface, number)
                _share_out(group, self._dhcp, interface, role, share_by_xid)
                if role == PXE_PORT and service.multicast:
                    for sock in group:
                        join_group(sock, interface, service.multicast)

    def _open_tftp(self, service: Service) -> None:
        self._udp_ports.append(TFTP_PORT)
        for interface in self._file_interfaces:
            group = self._open(service, interface, TFTP_PORT)
            _share_out(group, self._tftp, interface, TFTP_PORT, share_by_source_port)

    def _open(self, service: Service, interface: Interface, port: int) -> list[socket.socket]:
        """Bind a port for each worker. Raises StartError."""
        wanted = service.receive_buffer
        group = open_group(
            interface,
            port,
            self._workers,
            receive_buffer=wanted,
            share=service.share_ports and port != TFTP_PORT,
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


def _share_out(
    group: list[socket.socket],
    shares: _Shares,
    interface: Interface,
    port: int,
    attach_filters: Callable[[list[socket.socket]], None],
) -> None:
    """Give each worker its socket of a group, and the sockets their filters."""
    for share, sock in zip(shares, group, strict=True):
        share.append(DhcpSocket(interface, port, sock))
    if len(group) > 1:
        attach_filters(group)


def _admin_socket(service: Service, stack: ExitStack) -> socket.socket | None:
    """The listening socket of the admin port, None if that is off.

    Raises StartError if [admin] was configured; else a port that is taken is only a warning.
    """
    if not service.admin.enabled:
        return None
    try:
        return stack.enter_context(listen_at(service.admin.address, service.admin.port))
    except StartError as error:
        if service.admin != AdminSettings():
            raise
        log.warning("no web page and no metrics: %s; or set [admin] port = …", error)
        return None


def _file_interfaces(service: Service) -> list[Interface]:
    """The interfaces to serve files on; warns of configured ones that are missing."""
    interfaces = file_interfaces(service)
    if (service.tftp.enabled or service.http.enabled) and not interfaces:
        patterns = " or ".join(service.tftp.interfaces)
        log.warning("no interface %s is up: no files are served", patterns)
    for name in service.tftp.roots.keys() - {interface.name for interface in interfaces}:
        log.warning("[tftp] roots: no files are served on %s", name)
    return interfaces


def _warn_of_missing_files(service: Service, files: Files, scripts: Files | None) -> None:
    """Warn beforehand: a client that is offered a missing file gives up at once."""
    for file in look_up(service, files, scripts):
        if file.size is None:
            log.warning(
                "%s is not under %s: clients of %s can't boot", file.name, files.path, file.rule
            )
