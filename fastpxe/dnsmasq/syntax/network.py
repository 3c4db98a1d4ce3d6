"""The directives of the server itself: interfaces, ports, user and TFTP.

Sources:
  dnsmasq 2.90, its manual and its behaviour.
"""

from ipaddress import IPv4Address
from typing import Any

from msgspec.structs import replace

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder, Directive
from fastpxe.dnsmasq.syntax.fields import (
    as_text,
    plain,
    read_ipv4,
    read_ipv6,
    split,
    split_all,
    whole_number,
)
from fastpxe.dnsmasq.syntax.keywords import ABOUT_IPV6
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import TftpRoot

ALTERNATE_SERVER_PORT = 1067
INTERFACE_NAME_MAX = 15
PORT_MAX = 65535


# --- interfaces ---------------------------------------------------------------------------------


def _names_in(field: str) -> Directive:
    """A keyword with names of interfaces. `interface=` without one listens on no interface."""

    def directive(line: SourceLine, builder: ConfigBuilder) -> None:
        names: dict[str, Any] = {field: getattr(builder.network, field) + _names(line)}
        builder.network = replace(builder.network, **names)

    return directive


def listen_address(line: SourceLine, builder: ConfigBuilder) -> None:
    addresses: list[IPv4Address] = []
    for field in split_all(line.value or ""):
        if (address := read_ipv4(plain(field))) is not None:
            addresses.append(address)
        elif read_ipv6(plain(field)) is None:
            raise line.error(f'"{as_text(field)}" is not an address; write 192.0.2.1')
    builder.network = replace(
        builder.network, listen_addresses=(*builder.network.listen_addresses, *addresses)
    )


def bridge_interface(line: SourceLine, builder: ConfigBuilder) -> None:
    name, rest = split(line.value or "")
    if rest is None or len(name) > INTERFACE_NAME_MAX:
        raise line.error("write the interface and its aliases: eth0,vif1,vif2 or eth0,vif*")
    aliases = tuple(as_text(f) for f in split_all(rest) if 0 < len(f) <= INTERFACE_NAME_MAX)
    builder.network = replace(
        builder.network,
        bridge_interfaces=(*builder.network.bridge_interfaces, (as_text(name), aliases)),
    )


def shared_network(line: SourceLine, builder: ConfigBuilder) -> None:
    """Any name of an interface is accepted; dnsmasq refuses one that doesn't exist at start."""
    name, rest = split(line.value or "")
    address = None if rest is None else read_ipv4(rest)
    if address is not None and read_ipv6(name) is None:
        builder.network = replace(
            builder.network,
            shared_networks=(*builder.network.shared_networks, (as_text(name), address)),
        )
    elif rest is not None and read_ipv6(rest) is not None and read_ipv4(name) is None:
        builder.note(line, ABOUT_IPV6)
    else:
        raise line.error("write an interface or address, and an address: eth0,192.0.2.0")


def dhcp_alternate_port(line: SourceLine, builder: ConfigBuilder) -> None:
    server = client = None
    if line.value is None:
        server = ALTERNATE_SERVER_PORT
    else:
        first, rest = split(line.value)
        server = _port(line, first)
        client = None if rest is None else _port(line, rest)
    builder.network = replace(
        builder.network,
        server_port=server,
        client_port=server + 1 if client is None else client,
    )


def port(line: SourceLine, builder: ConfigBuilder) -> None:
    """The port of DNS. Without DNS, dhcp-boot and pxe-service can't use host names."""
    builder.has_names = _port(line, line.value or "") != 0


def _names(line: SourceLine) -> tuple[str, ...]:
    return tuple(as_text(field) for field in split_all(line.value or ""))


def _port(line: SourceLine, field: str) -> int:
    port = whole_number(field)
    if port is None or not 0 <= port <= PORT_MAX:
        raise line.error(f'"{as_text(field)}" is not a port; write a number up to {PORT_MAX}')
    return port


def user(line: SourceLine, builder: ConfigBuilder) -> None:
    """Without a name, the server stays root."""
    builder.user = as_text(line.value or "") or "root"


def group(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.group = as_text(line.value or "") or None


# --- TFTP ---------------------------------------------------------------------------------------


def enable_tftp(line: SourceLine, builder: ConfigBuilder) -> None:
    names = () if line.value is None else _names(line)
    builder.tftp = replace(builder.tftp, enabled=True, interfaces=builder.tftp.interfaces + names)


def tftp_root(line: SourceLine, builder: ConfigBuilder) -> None:
    """Of several without an interface the last one is used."""
    path, name = split(line.value or "")
    root = TftpRoot(
        where=line.where,
        text=line.text,
        path=as_text(path),
        interface=None if name is None else as_text(name),
    )
    builder.tftp = replace(builder.tftp, roots=(*builder.tftp.roots, root))


def tftp_unique_root(line: SourceLine, builder: ConfigBuilder) -> None:
    kind = "ip" if line.value is None else as_text(line.value).lower()
    if kind not in ("ip", "mac"):
        raise line.error(f'"{as_text(line.value or "")}" is neither ip nor mac; write one of them')
    builder.tftp = replace(builder.tftp, unique_root=kind)


def tftp_port_range(line: SourceLine, builder: ConfigBuilder) -> None:
    first, rest = split(line.value or "")
    if rest is None:
        raise line.error("two ports are required; write 50000,50999")
    ports = sorted((_port(line, first), _port(line, rest)))
    builder.tftp = replace(builder.tftp, port_range=(ports[0], ports[1]))


def tftp_max(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.tftp = replace(builder.tftp, max_transfers=_count(line))


def tftp_mtu(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.tftp = replace(builder.tftp, mtu=_count(line) or None)


def _count(line: SourceLine) -> int:
    count = whole_number(line.value or "")
    if count is None:
        raise line.error(
            f'"{as_text(line.value or "")}" is not a number; write a number such as 50'
        )
    return max(count, 0)


# --- switches -----------------------------------------------------------------------------------


def _switch(part: str, name: str) -> Directive:
    """A keyword without argument that sets one field to true."""

    def switch(line: SourceLine, builder: ConfigBuilder) -> None:  # noqa: ARG001 - the shape of a Directive
        if part:
            on: dict[str, Any] = {name: True}
            setattr(builder, part, replace(getattr(builder, part), **on))
        else:
            setattr(builder, name, True)

    return switch


NETWORK_LINES: dict[str, Directive] = {
    "bind-dynamic": _switch("network", "bind_dynamic"),
    "bind-interfaces": _switch("network", "bind_interfaces"),
    "bridge-interface": bridge_interface,
    "dhcp-alternate-port": dhcp_alternate_port,
    "dhcp-ignore-clid": _switch("", "ignore_client_id"),
    "enable-tftp": enable_tftp,
    "group": group,
    "except-interface": _names_in("except_interfaces"),
    "interface": _names_in("interfaces"),
    "listen-address": listen_address,
    "log-dhcp": _switch("", "log_dhcp"),
    "no-dhcp-interface": _names_in("no_dhcp_interfaces"),
    "no-dhcpv4-interface": _names_in("no_dhcp_interfaces"),
    "port": port,
    "quiet-dhcp": _switch("", "quiet_dhcp"),
    "quiet-tftp": _switch("", "quiet_tftp"),
    "shared-network": shared_network,
    "tftp-lowercase": _switch("tftp", "lowercase"),
    "tftp-max": tftp_max,
    "tftp-mtu": tftp_mtu,
    "tftp-no-blocksize": _switch("tftp", "no_blocksize"),
    "tftp-no-fail": _switch("tftp", "no_fail"),
    "tftp-port-range": tftp_port_range,
    "tftp-root": tftp_root,
    "tftp-secure": _switch("tftp", "secure"),
    "tftp-single-port": _switch("tftp", "single_port"),
    "tftp-unique-root": tftp_unique_root,
    "user": user,
}
