"""A configuration while it is read: each directive adds to a ConfigBuilder."""

from collections.abc import Callable
from ipaddress import IPv4Address

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
        return DnsmasqConfig(
            network=self.network,
            tftp=self.tftp,
            ranges=tuple(self.ranges),
            matches=tuple(self.matches),
            class_matches=tuple(self.class_matches),
            mac_matches=tuple(self.mac_matches),
            relay_matches=tuple(self.relay_matches),
            name_matches=tuple(self.name_matches),
            hosts=tuple(self.hosts),
            tag_ifs=tuple(self.tag_ifs),
            ignores=tuple(self.ignores),
            boots=tuple(self.boots),
            services=tuple(self.services),
            vendor_options=tuple(self.vendor_options),
            pxe_options=tuple(self.pxe_options),
            reply_delays=tuple(self.reply_delays),
            pxe_vendors=tuple(self.pxe_vendors) or DnsmasqConfig().pxe_vendors,
            ignore_client_id=self.ignore_client_id,
            hosts_names=hosts_names,
            is_pxe_enabled=self.is_pxe_enabled,
            user=self.user,
            group=self.group,
            log_dhcp=self.log_dhcp,
            quiet_dhcp=self.quiet_dhcp,
            quiet_tftp=self.quiet_tftp,
            notes=tuple(self.notes),
        )


Directive = Callable[[SourceLine, ConfigBuilder], None]
"""Handles the lines of one keyword. Raises ConfigError."""
