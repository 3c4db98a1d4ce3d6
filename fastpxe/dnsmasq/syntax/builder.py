"""A configuration while it is read: each directive adds to a ConfigBuilder."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import msgspec

from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import (
    ClassMatch,
    DhcpBoot,
    DhcpHost,
    DhcpMatch,
    DhcpRange,
    DnsmasqConfig,
    Ignore,
    Location,
    MacMatch,
    NameMatch,
    Network,
    Note,
    PxeOption,
    PxeService,
    RelayMatch,
    ReplyDelay,
    TagIf,
    Tftp,
    VendorOption,
)


class ConfigBuilder(msgspec.Struct, kw_only=True):
    """The lists and settings of a DnsmasqConfig, and the files that are still to be read.

    hosts_files, options_files, names_files, /etc/hosts and /etc/ethers are read last.
    """

    network: Network = Network()
    tftp: Tftp = Tftp()
    ranges: list[DhcpRange] = []
    matches: list[DhcpMatch] = []
    class_matches: list[ClassMatch] = []
    mac_matches: list[MacMatch] = []
    relay_matches: list[RelayMatch] = []
    name_matches: list[NameMatch] = []
    hosts: list[DhcpHost] = []
    tag_ifs: list[TagIf] = []
    ignores: list[Ignore] = []
    boots: list[DhcpBoot] = []
    services: list[PxeService] = []
    vendor_options: list[VendorOption] = []
    pxe_options: list[PxeOption] = []
    reply_delays: list[ReplyDelay] = []
    pxe_vendors: list[str] = []
    ignore_client_id: bool = False
    is_pxe_enabled: bool = False
    user: str = DnsmasqConfig().user
    group: str | None = None
    log_dhcp: bool = False
    quiet_dhcp: bool = False
    quiet_tftp: bool = False
    notes: list[Note] = []

    hosts_files: list[SourceLine] = []
    options_files: list[SourceLine] = []
    reads_etc_ethers: bool = False
    has_names: bool = True
    names: list[tuple[str, IPv4Address]] = []
    names_files: list[SourceLine] = []
    reads_etc_hosts: bool = True
    expands_hosts: bool = False
    domain: str = ""

    def note(self, line: SourceLine, why: str) -> None:
        self.notes.append(Note(line.where, line.key, why, line.text))

    def note_skipped(self, where: Location, key: str, why: str) -> None:
        """Note a line of a further file that can't be read; dnsmasq logs it and continues."""
        why = f"this line is skipped: {why}"
        self.notes.append(Note(where, key, why, is_skipped=True))

    def finish(self, hosts_names: dict[str, IPv4Address]) -> DnsmasqConfig:
        """The configuration. Each of its fields, except `hosts_names`, is a field here."""
        names = (name for name in DnsmasqConfig.__struct_fields__ if name != "hosts_names")
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        values["pxe_vendors"] = self.pxe_vendors or DnsmasqConfig().pxe_vendors
        for name, value in values.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return DnsmasqConfig(hosts_names=hosts_names, **values)


Directive = Callable[[SourceLine, ConfigBuilder], None]
"""Handles the lines of one keyword. Raises ConfigError."""
