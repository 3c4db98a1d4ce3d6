"""Every directive that fastpxe implements, by its keyword; keywords.py has all keywords."""

from fastpxe.dnsmasq.syntax.boot import BOOT_LINES
from fastpxe.dnsmasq.syntax.builder import ConfigBuilder, Directive
from fastpxe.dnsmasq.syntax.host import dhcp_host
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.match import MATCH_LINES
from fastpxe.dnsmasq.syntax.names import NAME_LINES
from fastpxe.dnsmasq.syntax.network import NETWORK_LINES
from fastpxe.dnsmasq.syntax.range import dhcp_range


def _hosts_file(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.hosts_files.append(line)


def _options_file(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.options_files.append(line)


def _read_ethers(_: SourceLine, builder: ConfigBuilder) -> None:
    builder.reads_etc_ethers = True


DIRECTIVES: dict[str, Directive] = {
    **BOOT_LINES,
    **MATCH_LINES,
    **NAME_LINES,
    **NETWORK_LINES,
    "dhcp-host": dhcp_host,
    "dhcp-hostsdir": _hosts_file,
    "dhcp-hostsfile": _hosts_file,
    "dhcp-optsdir": _options_file,
    "dhcp-optsfile": _options_file,
    "dhcp-range": dhcp_range,
    "read-ethers": _read_ethers,
}
