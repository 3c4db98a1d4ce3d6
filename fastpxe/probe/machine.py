"""Look at this machine as `fastpxe serve` would find it, and leave it as it is.

Sources: capabilities(7), proc(5) for CapEff and net.ipv4.ip_unprivileged_port_start.
"""

import contextlib
import os
import resource
import socket
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Literal

import psutil

from fastpxe.dhcp.constants import DHCP_SERVER_PORT, PXE_PORT, TFTP_PORT
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.doctor.machine import (
    Buffers,
    Holder,
    Link,
    Machine,
    Port,
    Privileges,
    RootFile,
    RootFiles,
)
from fastpxe.errors import StartError
from fastpxe.net.interfaces import Interface, all_interfaces
from fastpxe.net.sockets import enlarge, listen_on, open_port, privileged, receive_buffer_of
from fastpxe.policy.config import Config
from fastpxe.serve.files.boot_files import file_interfaces, look_up
from fastpxe.serve.files.roots import DEFAULT_ROOT, FALLBACK_ROOT, Roots
from fastpxe.service import RECEIVE_BUFFER, Service, build_service
from fastpxe.tftp.packets import TftpSettings

SMALL_BUFFER = 4096
_NEEDED = {10: "CAP_NET_BIND_SERVICE", 12: "CAP_NET_ADMIN", 13: "CAP_NET_RAW"}

Wanted = tuple[Literal["UDP", "TCP"], int, Sequence[Interface]]


def examine(
    config: Config | DnsmasqConfig, names: Sequence[str], *, is_default: bool = False
) -> Machine:
    """Gather the facts; `names` are interfaces in place of the configuration's.

    is_default: nobody named a configuration. Raises ConfigError.
    """
    service, refusal = _service(config)
    named = tuple(names) or (config.interfaces if isinstance(config, Config) else ())
    return Machine(
        refusal=refusal,
        ports=tuple(_ports(_wanted(service), share=service is not None and service.share_ports)),
        privileges=privileges(),
        links=tuple(_links(named, service)),
        buffers=buffers(service.receive_buffer if service else RECEIVE_BUFFER),
        roots=tuple(_roots(service, is_default=is_default)) if service else (),
    )


def _service(config: Config | DnsmasqConfig) -> tuple[Service | None, str]:
    try:
        return build_service(config, all_interfaces()), ""
    except StartError as error:
        return None, str(error)


def probed(config: Config | DnsmasqConfig, names: Sequence[str]) -> list[Interface]:
    """The interfaces to ask on: those named, else those served, else every one but loopback."""
    present = all_interfaces()
    if names:
        return [interface for interface in present if interface.name in names]
    service, _ = _service(config)
    if service is not None:
        return list(service.interfaces)
    return [interface for interface in present if not interface.address.is_loopback]


def _wanted(service: Service | None) -> Iterator[Wanted]:
    """The ports that serving takes, and on which interfaces."""
    if service is None:
        present = [one for one in all_interfaces() if not one.address.is_loopback]
        for number in (DHCP_SERVER_PORT, PXE_PORT, TFTP_PORT):
            yield "UDP", number, present
        return
    for _, number in service.ports:
        yield "UDP", number, service.interfaces
    files = file_interfaces(service)
    if service.tftp.enabled:
        yield "UDP", TFTP_PORT, files
    if service.http.enabled:
        yield "TCP", service.http.port, files


def _ports(wanted: Iterable[Wanted], *, share: bool) -> Iterator[Port]:
    for kind, number, interfaces in wanted:
        held = tuple(holders(kind, number))
        refusal, is_denied = "", False
        if not any(holder.serves is not None for holder in held):
            refusal, is_denied = _try(kind, number, interfaces, share=share)
        yield Port(kind=kind, number=number, holders=held, refusal=refusal, is_denied=is_denied)


def _try(
    kind: str, number: int, interfaces: Iterable[Interface], *, share: bool
) -> tuple[str, bool]:
    """Open a port on each and close it again: why one can't be had, and whether that's the user."""
    for interface in interfaces:
        try:
            if kind == "UDP":
                shares = share and number != TFTP_PORT
                open_port(interface, number, receive_buffer=SMALL_BUFFER, share=shares).close()
            else:
                listen_on(interface, number).close()
        except StartError as error:
            return str(error), isinstance(error.__cause__, PermissionError)
    return "", False


def holders(kind: str, number: int) -> Iterator[Holder]:
    """Who has a port bound in this network namespace: each process once."""
    found = psutil.net_connections("udp4" if kind == "UDP" else "tcp4")
    pids = {
        one.pid or 0
        for one in found
        if one.laddr and one.laddr.port == number and one.status in ("NONE", "LISTEN")
    }
    told: set[int] = set()
    for pid in sorted(pids):
        with contextlib.suppress(psutil.NoSuchProcess):
            holder = _holder(pid)
            if holder.pid not in told:
                told.add(holder.pid)
                yield holder


def _holder(pid: int) -> Holder:
    if not pid:
        return Holder(pid=0)
    process = psutil.Process(pid)
    words = _words(process)
    is_fastpxe = "serve" in words and any(Path(word).name == "fastpxe" for word in words)
    while is_fastpxe and (parent := process.parent()) and _words(parent) == words:
        process = parent  # a worker's: signals are for the one that started it
    return Holder(
        pid=process.pid,
        program="fastpxe" if is_fastpxe else process.name(),
        user=process.username(),
        serves=" ".join(words[words.index("serve") + 1 :]) if is_fastpxe else None,
    )


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.AccessDenied:
        return []


def privileges() -> Privileges:
    """Those of this process."""
    status = Path("/proc/self/status").read_text()
    effective = int(next(line for line in status.splitlines() if "CapEff" in line).split()[1], 16)
    lacks = {name for bit, name in _NEEDED.items() if not effective >> bit & 1}
    if _sysctl("net/ipv4/ip_unprivileged_port_start") <= DHCP_SERVER_PORT:
        lacks.discard("CAP_NET_BIND_SERVICE")
    return Privileges(user=os.geteuid(), lacks=frozenset(lacks), way_out="; or ".join(privileged()))


def _sysctl(path: str) -> int:
    return int(Path("/proc/sys", path).read_text())


def _links(named: Sequence[str], service: Service | None) -> Iterator[Link]:
    """Those named; else those served; else all that might be."""
    states, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    served = [interface.name for interface in service.interfaces] if service else []
    for name in dict.fromkeys(named or served or [name for name in states if name != "lo"]):
        if name not in states:
            yield Link(name=name, is_present=False, is_named=True)
            continue
        flags = states[name].flags.split(",")
        yield Link(
            name=name,
            is_up="up" in flags,
            has_carrier="running" in flags,
            mtu=states[name].mtu,
            networks=tuple(
                IPv4Interface(f"{one.address}/{one.netmask or 32}")
                for label, found in addresses.items()
                if label.partition(":")[0] == name
                for one in found
                if one.family == socket.AF_INET
            ),
            is_named=name in named,
        )


def buffers(wanted: int) -> Buffers:
    """Open a socket, and see what it is granted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        enlarge(sock, wanted)
        granted = receive_buffer_of(sock)
    return Buffers(
        wanted=wanted,
        granted=granted,
        rmem_max=_sysctl("net/core/rmem_max"),
        descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    )


def _roots(service: Service, *, is_default: bool) -> Iterator[RootFiles]:
    """Look for the boot files in each root as the server does when it starts."""
    names = [interface.name for interface in file_interfaces(service)]
    if not (service.tftp.enabled or service.http.enabled) or not names:
        return
    if _would_be_made(service.tftp, names):
        yield RootFiles(
            path="",
            failure=f"neither {DEFAULT_ROOT} nor {FALLBACK_ROOT} is there; "
            'make one and put the boot files there, or name another: [tftp] root = "/srv/tftp"',
            is_unasked=is_default,
        )
        return
    try:
        roots = Roots(service.tftp, names)
    except StartError as error:
        yield RootFiles(path="", failure=str(error))
        return
    with roots:
        for files in roots.of_interfaces():
            found = () if service.tftp.unique_root else look_up(service, files, roots.scripts)
            yield RootFiles(
                path=files.path,
                files=tuple(
                    RootFile(name=one.name, rule=one.rule, size=one.size, why_not=one.why_not)
                    for one in found
                ),
            )


def _would_be_made(settings: TftpSettings, names: Iterable[str]) -> bool:
    """Whether the server would make its default root: that is for the server to do."""
    return (
        settings.root is None
        and settings.dialect == "fastpxe"
        and any(name not in settings.roots for name in names)
        and not any(Path(path).is_dir() for path in (DEFAULT_ROOT, FALLBACK_ROOT))
    )
