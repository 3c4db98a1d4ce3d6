"""Check a dnsmasq configuration for mistakes that cost days to find."""

from collections.abc import Callable, Sequence

from fastpxe.dnsmasq.lint.boot_lines import check_lines, missing_files
from fastpxe.dnsmasq.lint.clients import check_clients
from fastpxe.dnsmasq.lint.matches import check_matches
from fastpxe.dnsmasq.lint.network import check_network
from fastpxe.dnsmasq.lint.sweep import sweep
from fastpxe.dnsmasq.lint.tags import check_tags
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.findings import Finding


def check(
    config: DnsmasqConfig,
    interfaces: Sequence[InterfaceAddresses] | None,
    is_served: Callable[[str], bool] | None,
) -> list[Finding]:
    """Every finding, in the order of files and lines.

    interfaces: those of the server; None if it is another machine than this one. is_served: whether
    a file is under the TFTP root; with None no file is checked.
    """
    swept = sweep(config, interfaces)
    findings = [
        *check_network(config, interfaces),
        *check_matches(config),
        *check_tags(config, interfaces),
        *check_lines(config, swept.own),
        *check_clients(config, swept),
        *(missing_files(config, swept.own, is_served) if is_served else ()),
    ]
    return sorted(findings, key=_place)


def _place(finding: Finding) -> tuple[str, int]:
    file, _, line = finding.where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (finding.where, 0)
