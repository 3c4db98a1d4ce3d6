"""The interfaces and [tftp] of a fastpxe.toml, and remarks on lines that it doesn't have."""

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from fastpxe.dhcp.constants import DHCP_SERVER_PORT
from fastpxe.dhcp.pxe_options import WAIT_FOREVER, SubOption
from fastpxe.dnsmasq.convert.sample_networks import SampleNetwork
from fastpxe.dnsmasq.convert.toml_writer import Trap
from fastpxe.dnsmasq.engine.tftp import NO_ROOT, tftp_settings
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Line, Location, VendorOption
from fastpxe.tftp.packets import TftpSettings

NOT_ENABLED = (
    "without pxe-prompt and pxe-service dnsmasq answers no PXE client, so there is no [[boot]] here"
)


def place(where: Location) -> str:
    """The location of a line, without folders."""
    return f"{posixpath.basename(where.file)}:{where.line}"


def trap_of(line: Line, why: str) -> Trap:
    return Trap(place(line.where), line.text, why)


def config_traps(config: DnsmasqConfig, networks: Sequence[SampleNetwork]) -> tuple[Trap, ...]:
    """Remarks on lines that have no rule, in the order of the file."""
    traps = [
        *_lines(config),
        *((line.where, trap_of(line, why)) for line, why in _ranges(config, networks)),
    ]
    traps.sort(key=lambda pair: pair[0])
    return (*_network(config), *_tftp(config), *(trap for _, trap in traps))


def interfaces_of(config: DnsmasqConfig) -> dict[str, Any]:
    names = config.network.interfaces
    fixed = list(dict.fromkeys(names))
    return {"interfaces": fixed} if fixed and not any("*" in name for name in names) else {}


def tftp_table(config: DnsmasqConfig) -> dict[str, Any]:
    """The keys of [tftp] that differ from their defaults."""
    settings, default = tftp_settings(config), TftpSettings()
    if not settings.enabled or not config.tftp.roots:
        return {"enabled": False, **({"root": settings.root} if settings.root else {})}
    changed = {
        name: getattr(settings, name)
        for name in TftpSettings.__struct_fields__
        if getattr(settings, name) != getattr(default, name)
    }
    if config.tftp.mtu is None or config.tftp.no_blocksize:  # a limit of dnsmasq, not of the user
        changed.pop("mtu", None)
    if settings.max_transfers == default.max_transfers:
        changed.pop("max_transfers_per_client", None)
    return changed


def _tftp(config: DnsmasqConfig) -> Iterator[Trap]:
    if config.tftp.enabled and not config.tftp.roots:
        yield Trap("enable-tftp", "", NO_ROOT)
        return
    if config.tftp.roots and not config.tftp.enabled:
        why = "without enable-tftp dnsmasq serves no files from there; enabled = true serves them"
        yield trap_of(config.tftp.roots[0], why)


def _network(config: DnsmasqConfig) -> Iterator[Trap]:
    network = config.network
    advice = 'list the interfaces by name: interfaces = ["eth0"]'
    for key, values in (
        ("interface", [name for name in network.interfaces if "*" in name]),
        ("except-interface", network.except_interfaces),
        ("no-dhcp-interface", network.no_dhcp_interfaces),
        ("listen-address", network.listen_addresses),
        ("bridge-interface", [target for target, _ in network.bridge_interfaces]),
        ("shared-network", [str(address) for _, address in network.shared_networks]),
    ):
        if values:
            yield Trap(f"{key}={','.join(map(str, values))}", "", f"not imported; {advice}")
    if network.server_port != DHCP_SERVER_PORT:
        yield Trap("dhcp-alternate-port", "", "fastpxe answers on port 67")
    if not config.is_pxe_enabled:
        yield Trap("pxe-service", "", NOT_ENABLED)


def _ranges(config: DnsmasqConfig, networks: Sequence[SampleNetwork]) -> Iterator[tuple[Line, str]]:
    has_names = bool(interfaces_of(config))
    for line in config.ranges:
        if not line.is_proxy:
            yield line, "fastpxe leases no addresses"
        elif line.netmask is None:
            inside = [network for network in networks if line.address in network.subnet]
            why = "without a netmask this is the subnet of the interface with that address: "
            if len(networks) > 1 and inside:
                yield line, f"{why}{inside[0].subnet} is a guess"
            elif has_names:
                yield line, f"{why}fastpxe answers relays of any subnet"
            else:
                yield line, f'{why}fastpxe answers on all; name this one: interfaces = ["eth0"]'


def _lines(config: DnsmasqConfig) -> Iterator[tuple[Location, Trap]]:
    for line in config.vendor_options:
        why = (
            _prompt(line) if _is_prompt(line) else "fastpxe sends no other sub-options of option 43"
        )
        yield line.where, trap_of(line, why)
    for option in config.pxe_options:
        yield option.where, trap_of(option, "fastpxe doesn't send this option")
    for delay in config.reply_delays:
        yield delay.where, trap_of(delay, "fastpxe replies without delay")


def _is_prompt(line: VendorOption) -> bool:
    return line.vendor_class is None and line.code == SubOption.MENU_PROMPT


def _prompt(line: VendorOption) -> str:
    seconds = line.value[0]
    wait = "waits for a key" if seconds == WAIT_FOREVER else f"is shown for {seconds} s"
    return f"fastpxe shows no prompt and boots at once; this prompt {wait}"
