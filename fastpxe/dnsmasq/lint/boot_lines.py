"""Findings about the lines of the reply that need no client to show.

Sources: dnsmasq 2.90, its manual and its behaviour in proxy mode.
"""

import re
from collections.abc import Callable, Collection, Iterator
from ipaddress import IPv4Address

from fastpxe.dhcp.constants import HTTP_ARCHES
from fastpxe.dhcp.decode import arch_name
from fastpxe.dnsmasq.engine.choose import Names
from fastpxe.dnsmasq.engine.decide import is_named
from fastpxe.dnsmasq.lint.sweep import served_name
from fastpxe.dnsmasq.syntax.fields import read_ipv4
from fastpxe.dnsmasq.syntax.model import DhcpBoot, DnsmasqConfig, Note, PxeService
from fastpxe.findings import Finding

_PATIENCE_S = 2  # iPXE waits so long for the offer of a proxy

# Options with the server and the file of a boot, by number or by dnsmasq's name.
_BOOT_OPTIONS = re.compile(
    r"(?:[=, ]|^)(?:66|67|150|option:(?:tftp-server|bootfile-name|tftp-server-address)),"
)


def check_lines(config: DnsmasqConfig, own: Collection[IPv4Address]) -> Iterator[Finding]:
    """Every finding of this kind. `own` are the addresses of the server."""
    yield from _hidden_boots(config)
    for boot in config.boots:
        yield from _server_as_name(boot)
    yield from _unknown_names(config)
    yield from _services_without_server(config, own)
    yield from _empty_menus(config)
    yield from _delays(config)
    yield from _ignoring_hosts(config)
    for note in config.notes:
        yield from _note(note)


# --- dhcp-boot ----------------------------------------------------------------------------------


def _hidden_boots(config: DnsmasqConfig) -> Iterator[Finding]:
    """A line is dead if a later one applies whenever it does."""
    for index, boot in enumerate(config.boots):
        for later in config.boots[index + 1 :]:
            if bool(boot.tags) == bool(later.tags) and set(later.tags) <= set(boot.tags):
                yield Finding(
                    name="dead-boot",
                    where=str(boot.where),
                    effect=f"{boot.file or 'this line'} is never sent: {later.where} applies "
                    "whenever this line does, and the last line that applies wins",
                    advice=f"move it after {later.where}, or remove one of the two",
                )
                break


def _server_as_name(boot: DhcpBoot) -> Iterator[Finding]:
    """The second field is a name that is in no proxy reply; the address must be the third."""
    words = boot.sname.split()
    addresses = [word for word in words if read_ipv4(word) is not None]
    if not addresses or is_named(boot.server):
        return
    is_blank = len(words) > 1
    reading = "the server's name, with a blank for a comma" if is_blank else "the server's name"
    yield Finding(
        name="space-for-comma" if is_blank else "address-as-name",
        where=str(boot.where),
        effect=f"{boot.sname!r} is read as {reading}, and the line has no address: BIOS clients "
        "get no server, UEFI clients get this machine",
        advice=f"write {boot.file},,{addresses[-1]}",
    )


def _unknown_names(config: DnsmasqConfig) -> Iterator[Finding]:
    names = Names(config.hosts_names)
    lines: tuple[DhcpBoot | PxeService, ...] = (*config.boots, *config.services)
    for line in lines:
        name = line.server.name
        if not name or int(names.resolve(line.server)):
            continue
        if "," in name:
            effect = f"the rest of the line is one name, {name!r}, which is not a host's"
        else:
            effect = (
                f"dnsmasq looks {name!r} up only in its own hosts, which don't have it (with "
                "port=0 there are none)"
            )
        yield Finding(
            name="server-unknown",
            where=str(line.where),
            effect=f"{effect}: clients get 0.0.0.0 as the server",
            advice="write the server's IPv4 address as the last field",
        )


# --- pxe-service --------------------------------------------------------------------------------


def _services_without_server(
    config: DnsmasqConfig, own: Collection[IPv4Address]
) -> Iterator[Finding]:
    """They send clients to this machine, although the files are on another."""
    elsewhere = _other_server(config, own)
    if not config.tftp.enabled:
        why = "which serves no files without enable-tftp: unless another TFTP server runs here,"
    elif elsewhere is not None:
        why = f"although by {elsewhere.where} the files are on {_address(elsewhere)}:"
    else:
        return
    for service in config.services:
        if is_named(service.server) or not _is_for_tftp(service):
            continue
        yield Finding(
            name="service-without-server",
            where=str(service.where),
            effect=f"{arch_name(service.csa)} ({service.csa}) requests {service.basename} from "
            f"this machine, {why} PXEBS or TFTP times out, while the log shows the right file",
            advice=_with_server(service, config),
        )


def _is_for_tftp(service: PxeService) -> bool:
    name = service.basename
    return name is not None and "://" not in name and service.csa not in HTTP_ARCHES


def _other_server(config: DnsmasqConfig, own: Collection[IPv4Address]) -> DhcpBoot | None:
    return next(
        (b for b in config.boots if is_named(b.server) and b.server.address not in own), None
    )


def _address(boot: DhcpBoot) -> str:
    return str(boot.server.address or boot.server.name)


def _with_server(service: PxeService, config: DnsmasqConfig) -> str:
    named = [boot for boot in config.boots if is_named(boot.server)]
    server = _address(named[-1]) if named else "ADDRESS"
    enable = "" if config.tftp.enabled else ", or add enable-tftp if this machine has the files"
    return f"end the line with the TFTP server's address: …,{service.basename},{server}{enable}"


def _empty_menus(config: DnsmasqConfig) -> Iterator[Finding]:
    for service in config.services:
        if not service.menu:
            yield Finding(
                name="empty-menu-text",
                where=str(service.where),
                effect="dnsmasq crashes on the first client that gets this empty menu text; "
                "fastpxe sends an empty entry",
                advice='write a text, such as "Boot from network"',
            )


# --- the rest -----------------------------------------------------------------------------------


def _delays(config: DnsmasqConfig) -> Iterator[Finding]:
    for line in config.reply_delays:
        if line.seconds > 0:
            lost = ", after iPXE has given up" if line.seconds >= _PATIENCE_S else ""
            yield Finding(
                name="reply-delay",
                where=str(line.where),
                effect=f"each reply is sent {line.seconds} s late{lost}; dnsmasq answers no other "
                "client in the meantime (fastpxe does)",
                advice="limit it to the machines that need it: dhcp-reply-delay=tag:TAG,1",
            )


def _ignoring_hosts(config: DnsmasqConfig) -> Iterator[Finding]:
    for host in config.hosts:
        if host.ignores:
            yield Finding(
                name="host-ignore",
                where=str(host.where),
                effect="`ignore` has no effect in proxy mode: this machine gets replies",
                advice="replace it by set:never, and add dhcp-ignore=tag:never",
            )


def _note(note: Note) -> Iterator[Finding]:
    """Lines that are accepted and have no effect, if people expect one."""
    where = str(note.where)
    if note.is_skipped:
        effect = f"{note.key}: {note.why}"
        yield Finding(name="line-skipped", where=where, effect=effect, advice="correct the line")
    elif note.key == "dhcp-no-override":
        yield Finding(
            name="no-override",
            where=where,
            effect="it has no effect on a proxy reply: the file name is always in its own field",
            advice="remove it",
        )
    elif note.key in ("dhcp-option", "dhcp-option-force"):
        is_boot = _BOOT_OPTIONS.search(note.text) is not None
        yield Finding(
            name="option-never-sent",
            where=where,
            effect=f"{note.text}: a proxy reply has no options other than vendor:PXEClient ones",
            advice="write dhcp-boot=FILE,,ADDRESS instead of options 66, 67 and 150" if is_boot
            else "set it in the DHCP server that leases the addresses",
        )  # fmt: skip


# --- files --------------------------------------------------------------------------------------


def missing_files(
    config: DnsmasqConfig, own: Collection[IPv4Address], is_served: Callable[[str], bool]
) -> Iterator[Finding]:
    """Files that clients fetch from this machine and that don't exist."""
    lines: tuple[DhcpBoot | PxeService, ...] = (*config.boots, *config.services)
    for line in lines:
        file = line.file if isinstance(line, DhcpBoot) else served_name(line)
        if not file or "://" in file or not config.tftp.enabled:
            continue
        is_here = not is_named(line.server) or line.server.address in own
        if is_here and not is_served(file):
            yield Finding(
                name="missing-file",
                where=str(line.where),
                effect=f"{file} is not under the TFTP root: clients request it, don't find it, and "
                "give up",
                advice="put the file there, or correct the name",
            )
