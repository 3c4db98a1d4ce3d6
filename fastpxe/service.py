"""A configuration, of either syntax, as the server needs it: sockets, answers, files, notices."""

import mmap
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe.backend import Answers, NativeAnswers
from fastpxe.dhcp.constants import DHCP_SERVER_PORT, PXE_PORT
from fastpxe.dnsmasq.engine.backend import DnsmasqAnswers
from fastpxe.dnsmasq.engine.tftp import notices as tftp_notices
from fastpxe.dnsmasq.engine.tftp import tftp_settings
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.errors import ConfigError, StartError
from fastpxe.net.interfaces import Interface, select_interfaces
from fastpxe.policy import compiler
from fastpxe.policy._host_table import HostBootTable
from fastpxe.policy.config import Config
from fastpxe.policy.hosts import Host
from fastpxe.policy.rules import Rule
from fastpxe.policy.schema import AdminSettings, HttpSettings
from fastpxe.tftp.packets import TftpSettings

RECEIVE_BUFFER = 64 << 20


class HostBootConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts with a boot of their own, and where the server keeps them.

    table: shared memory that workers look hosts up in. boots: the number of each boot in the table,
    by name. hosts: those of the configuration. folder: holds the database of `fastpxe host`.
    """

    table: HostBootTable
    boots: dict[str, int]
    hosts: tuple[Host, ...]
    folder: str


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """The services of one configuration on this machine.

    config: the configuration, source: its files, and size: its number of rules, for people.
    present: this machine's interfaces; interfaces: those to listen on. ports: the role of each DHCP
    port (67 or 4011) and its number. rules: of a native configuration, for people.
    files: the boot files that this machine serves, each with its rule.
    hosts: hosts with a boot of their own, None if the configuration can't have any.
    user, group: to run as after the start; None if the command decides.
    notices: warnings to log at the start.
    logs_answers, logs_refusals: whether answers, and refused file requests, are logged.
    """

    config: Config | DnsmasqConfig
    source: str
    size: str
    present: tuple[Interface, ...]
    interfaces: tuple[Interface, ...]
    ports: tuple[tuple[int, int], ...]
    receive_buffer: int
    share_ports: bool
    multicast: str | None
    answers: Answers
    tftp: TftpSettings
    http: HttpSettings = HttpSettings()
    admin: AdminSettings = AdminSettings()
    rules: tuple[Rule, ...] = ()
    files: tuple[tuple[str, str], ...]
    hosts: HostBootConfig | None = None
    user: str | None = None
    group: str | None = None
    notices: tuple[str, ...] = ()
    logs_answers: bool = True
    logs_refusals: bool = True

    @property
    def own(self) -> tuple[IPv4Address, ...]:
        """This machine's addresses."""
        return own_addresses(self.present)

    @property
    def socket_settings(self) -> tuple[object, ...]:
        """The settings that can't change while the sockets stay open."""
        names = tuple(interface.name for interface in self.interfaces)
        return (
            names, self.ports, self.receive_buffer, self.share_ports, self.multicast,
            self.tftp.enabled, self.tftp.interfaces, self.http, self.admin, self.user, self.group,
        )  # fmt: skip


Load = Callable[[], Config | DnsmasqConfig]


def build_service(config: Config | DnsmasqConfig, present: Sequence[Interface]) -> Service:
    """Compile a configuration for a machine with the interfaces `present`.

    Raises ConfigError and StartError.
    """
    if isinstance(config, Config):
        return _native(config, present)
    return _dnsmasq(config, present)


def own_addresses(present: Iterable[Interface]) -> tuple[IPv4Address, ...]:
    """All addresses of these interfaces."""
    return tuple(network.ip for interface in present for network in interface.networks)


def _native(config: Config, present: Sequence[Interface]) -> Service:
    room = compiler.room_for(config)
    shared = HostBootTable(mmap.mmap(-1, HostBootTable.size_for(room)), room)
    try:
        compiled = compiler.build(config, own_addresses(present), shared)
    except ValueError as error:
        raise ConfigError(str(error), where=config.source) from error
    return Service(
        config=config,
        source=config.source,
        size=_count(len(config.rules), "rule"),
        present=tuple(present),
        interfaces=tuple(select_interfaces(config.interfaces, present)),
        ports=tuple((port, port) for port in config.dhcp.ports),
        receive_buffer=config.dhcp.receive_buffer,
        share_ports=config.dhcp.share_ports,
        multicast=config.dhcp.multicast,
        answers=NativeAnswers(
            compiled, {interface.name: interface.address for interface in present}
        ),
        tftp=config.tftp,
        http=config.http,
        admin=config.admin,
        rules=config.rules,
        files=tuple(_files_of(config)),
        hosts=HostBootConfig(
            table=shared,
            boots=compiled.boots,
            hosts=config.hosts,
            folder=config.state,
        ),
    )


def _files_of(config: Config) -> Iterator[tuple[str, str]]:
    """The boot files that this machine serves, each with its rule."""
    for rule in config.rules:
        boot = rule.boot
        for entry in boot.menu.files if boot.menu else (boot,):
            if entry.file and boot.server is None:
                yield entry.file, f"rule {rule.name!r}"


def _dnsmasq(config: DnsmasqConfig, present: Sequence[Interface]) -> Service:
    answers = DnsmasqAnswers(
        config,
        [InterfaceAddresses(name=i.name, networks=i.networks) for i in present],
        seed=secrets.randbits(63) | 1,
    )
    served = _served_interfaces(present, answers)
    network = config.network
    lines = sum(map(len, (config.boots, config.services, config.ranges)))
    ports = [(DHCP_SERVER_PORT, network.server_port)]
    if config.is_pxe_enabled:
        ports.append((PXE_PORT, PXE_PORT))
    return Service(
        config=config,
        source=_source(config),
        size=_count(lines, "boot line"),
        present=tuple(present),
        interfaces=served,
        ports=tuple(ports) if config.ranges else (),
        receive_buffer=RECEIVE_BUFFER,
        share_ports=network.bind_interfaces or network.bind_dynamic,
        multicast=None,
        answers=answers,
        tftp=tftp_settings(config),
        files=_files(config, {str(n.ip) for i in present for n in i.networks}),
        user=config.user,
        group=config.group,
        notices=tuple(_notices(config)),
        logs_answers=not config.quiet_dhcp or config.log_dhcp,
        logs_refusals=not config.quiet_tftp,
    )


def _served_interfaces(
    present: Sequence[Interface], answers: DnsmasqAnswers
) -> tuple[Interface, ...]:
    """The interfaces that the configuration allows; loopback only if a range covers it."""
    places = answers.engine.ranges.places
    served = tuple(
        interface
        for interface in present
        if not places[interface.name].refused
        and (places[interface.name].candidates or not interface.address.is_loopback)
    )
    if not served:
        names = ", ".join(interface.name for interface in present) or "none is up"
        raise StartError(
            f"interface=, listen-address= or except-interface= leave no interface of this machine "
            f"({names}); name one that is up with an IPv4 address"
        )
    return served


def _files(config: DnsmasqConfig, own: set[str]) -> tuple[tuple[str, str], ...]:
    """The boot files that this machine serves, each with its line."""
    files = [
        (boot.file, str(boot.where))
        for boot in config.boots
        if boot.file and (boot.server.address is None or str(boot.server.address) in own)
        and not boot.server.name and "://" not in boot.file
    ]  # fmt: skip
    files += [
        (service.basename if "." in service.basename else f"{service.basename}.0",
         str(service.where))
        for service in config.services
        if service.basename and not service.server.name
        and (service.server.address is None or str(service.server.address) in own)
    ]  # fmt: skip
    return tuple(files)


def _notices(config: DnsmasqConfig) -> list[str]:
    notices = tftp_notices(config)
    if not config.ranges:
        notices.append("no dhcp-range: no DHCP request is answered; add dhcp-range=ADDRESS,proxy")
    elif not any(line.is_proxy for line in config.ranges):
        notices.append(
            "no dhcp-range is a proxy: fastpxe leases no addresses, so no client is answered; "
            "write dhcp-range=ADDRESS,proxy"
        )
    elif not config.is_pxe_enabled:
        notices.append(
            "neither pxe-prompt nor pxe-service: no client is answered, as in dnsmasq; "
            'add pxe-prompt="Booting",1'
        )
    notices += [f"{note.where}: {note.key}: {note.why}" for note in config.notes]
    return notices


def _source(config: DnsmasqConfig) -> str:
    """The files that the lines are from, in the order in which they were read."""
    files = dict.fromkeys(
        line.where.file
        for lines in (config.ranges, config.boots, config.services, config.vendor_options)
        for line in lines
    )
    return ", ".join(files) or "dnsmasq's syntax"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
