"""A dnsmasq configuration as records, named after the directives of dnsmasq 2.90.

Every tuple is in the order in which the lines were read.
"""

from ipaddress import IPv4Address, IPv4Interface

import msgspec

from fastpxe.dhcp.identity import Pattern


class Location(msgspec.Struct, frozen=True, order=True):
    """The file and number of a line. `file` is "command line" for options given there."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The part that all directives share. `text` is the line as written, without comment."""

    where: Location
    text: str


class Tag(msgspec.Struct, frozen=True):
    """A test of a tag: it is set, or, negated, not set. A `wildcard` name is a prefix (tag-if)."""

    name: str
    negated: bool = False
    wildcard: bool = False


Tags = tuple[Tag, ...]


# --- tests of a client --------------------------------------------------------------------------


class Present(msgspec.Struct, frozen=True, tag=True):
    """The option is present, with at least one byte."""


class Prefix(msgspec.Struct, frozen=True, tag=True):
    """The option starts with these bytes; where the mask is zero, any octet matches."""

    pattern: Pattern


class Elements(msgspec.Struct, frozen=True, tag=True):
    """One aligned element of the option, of the value's own length, equals it."""

    value: bytes


class Substring(msgspec.Struct, frozen=True, tag=True):
    """The option has these bytes anywhere."""

    text: bytes


Value = Present | Prefix | Elements | Substring


class DhcpMatch(Line, frozen=True, kw_only=True):
    """dhcp-match. `enterprise` is set for vi-encap: (an item of option 124), else None."""

    sets: str
    code: int
    enterprise: int | None
    value: Value


class ClassMatch(Line, frozen=True, kw_only=True):
    """dhcp-vendorclass (option 60) or dhcp-userclass (77): a substring."""

    sets: str
    code: int
    substring: bytes


class MacMatch(Line, frozen=True, kw_only=True):
    """dhcp-mac. `htype` None is any; the pattern's size must equal hlen."""

    sets: str
    htype: int | None
    pattern: Pattern


class RelayMatch(Line, frozen=True, kw_only=True):
    """dhcp-circuitid (sub-option 1), dhcp-remoteid (2), dhcp-subscrid (6) of option 82: exact."""

    sets: str
    code: int
    value: bytes


class NameMatch(Line, frozen=True, kw_only=True):
    """dhcp-name-match: the name of option 81 or 12, in any case; `is_prefix` after a `*`."""

    sets: str
    name: str
    is_prefix: bool


class HostMac(msgspec.Struct, frozen=True):
    """One MAC of a dhcp-host. `is_exact` when it has no wildcard octet."""

    htype: int | None
    pattern: Pattern
    is_exact: bool


class DhcpHost(Line, frozen=True, kw_only=True):
    """dhcp-host, as far as it sets tags. A client id of b"*" is `id:*` (ignore the id)."""

    macs: tuple[HostMac, ...]
    client_ids: tuple[bytes, ...]
    name: str
    address: IPv4Address | None
    sets: tuple[str, ...]
    tags: Tags
    ignores: bool


class TagIf(Line, frozen=True, kw_only=True):
    sets: tuple[str, ...]
    tags: Tags


# --- parts of the reply -------------------------------------------------------------------------


class DhcpRange(Line, frozen=True, kw_only=True):
    """dhcp-range. Without `netmask`, that of an interface with an address in the range is used.

    `end` is None for a proxy or static range.
    """

    address: IPv4Address
    end: IPv4Address | None
    netmask: IPv4Address | None
    is_proxy: bool
    sets: str | None
    tags: Tags


class BootServer(msgspec.Struct, frozen=True):
    """A server by its address, by a name that is looked up for each reply, or none."""

    address: IPv4Address | None = None
    name: str = ""


class DhcpBoot(Line, frozen=True, kw_only=True):
    """dhcp-boot. `file` and `sname` may be empty."""

    tags: Tags
    file: str
    sname: str
    server: BootServer


class PxeService(Line, frozen=True, kw_only=True):
    """pxe-service. A service has a basename, or is of a `type` (0 = local boot).

    The type of one with a basename is assigned: 32768 and up, in file order.
    """

    tags: Tags
    csa: int
    menu: str
    basename: str | None
    type: int
    server: BootServer


class VendorOption(Line, frozen=True, kw_only=True):
    """A sub-option for option 43: dhcp-option=vendor:CLASS,…, or pxe-prompt (code 10).

    vendor_class: a substring of option 60; None, of a prompt, for any configured PXE class.
    """

    tags: Tags
    vendor_class: bytes | None
    code: int
    value: bytes


class PxeOption(Line, frozen=True, kw_only=True):
    """dhcp-option-pxe (2.91): sent after 43. `is_address_list`: 0.0.0.0 becomes our own address."""

    tags: Tags
    code: int
    value: bytes
    is_address_list: bool


class Ignore(Line, frozen=True, kw_only=True):
    """dhcp-ignore."""

    tags: Tags


class ReplyDelay(Line, frozen=True, kw_only=True):
    """dhcp-reply-delay. In seconds."""

    tags: Tags
    seconds: int


# --- the server ---------------------------------------------------------------------------------


class TftpRoot(Line, frozen=True, kw_only=True):
    """tftp-root; `interface` is None for all interfaces without a root."""

    path: str
    interface: str | None


class Tftp(msgspec.Struct, frozen=True, kw_only=True):
    """The tftp-* directives; defaults are dnsmasq's."""

    enabled: bool = False
    interfaces: tuple[str, ...] = ()  # of enable-tftp=…; a trailing * is a wildcard
    roots: tuple[TftpRoot, ...] = ()
    unique_root: str | None = None  # "ip" or "mac"
    lowercase: bool = False
    secure: bool = False
    no_fail: bool = False
    no_blocksize: bool = False
    mtu: int | None = None
    max_transfers: int = 50
    port_range: tuple[int, int] | None = None
    single_port: bool = False


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The interfaces, addresses and ports on which dnsmasq listens."""

    interfaces: tuple[str, ...] = ()
    except_interfaces: tuple[str, ...] = ()
    no_dhcp_interfaces: tuple[str, ...] = ()
    listen_addresses: tuple[IPv4Address, ...] = ()
    bind_interfaces: bool = False
    bind_dynamic: bool = False
    server_port: int = 67
    client_port: int = 68
    bridge_interfaces: tuple[tuple[str, tuple[str, ...]], ...] = ()  # target, aliases
    shared_networks: tuple[tuple[str, IPv4Address], ...] = ()


class Note(msgspec.Struct, frozen=True):
    """A line that is accepted and has no effect here, and why.

    is_skipped: the line is wrong, and in a file of which dnsmasq skips wrong lines.
    """

    where: Location
    key: str
    why: str
    text: str = ""
    is_skipped: bool = False


class DnsmasqConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of proxy DHCP, PXE and TFTP.

    class_matches: dhcp-vendorclass and dhcp-userclass, in one order. hosts_names: the addresses of
    names in dhcp-boot and pxe-service (/etc/hosts, addn-hosts, host-record), empty with port=0.
    """

    network: Network = Network()
    tftp: Tftp = Tftp()
    ranges: tuple[DhcpRange, ...] = ()
    matches: tuple[DhcpMatch, ...] = ()
    class_matches: tuple[ClassMatch, ...] = ()
    mac_matches: tuple[MacMatch, ...] = ()
    relay_matches: tuple[RelayMatch, ...] = ()
    name_matches: tuple[NameMatch, ...] = ()
    hosts: tuple[DhcpHost, ...] = ()
    tag_ifs: tuple[TagIf, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    boots: tuple[DhcpBoot, ...] = ()
    services: tuple[PxeService, ...] = ()
    vendor_options: tuple[VendorOption, ...] = ()
    pxe_options: tuple[PxeOption, ...] = ()
    reply_delays: tuple[ReplyDelay, ...] = ()
    pxe_vendors: tuple[str, ...] = ("PXEClient",)
    ignore_client_id: bool = False
    hosts_names: dict[str, IPv4Address] = {}
    is_pxe_enabled: bool = False  # it has a pxe-prompt or a pxe-service
    user: str = "nobody"  # root for `user=` without a name
    group: str | None = None
    log_dhcp: bool = False
    quiet_dhcp: bool = False
    quiet_tftp: bool = False
    notes: tuple[Note, ...] = ()


class InterfaceAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface and its addresses, in the kernel's order."""

    name: str
    networks: tuple[IPv4Interface, ...]
