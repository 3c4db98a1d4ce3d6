"""The DHCP options that dnsmasq knows by name, and the values that it accepts for them.

Sources:
  dnsmasq 2.90 `--help dhcp` and `--help dhcp6`, and `--test` for the values of each;
  RFC 2132 for the sizes of numbers.
"""

from typing import Literal

import msgspec

Kind = Literal["any", "addresses", "name", "domain", "time", "text list"]


class KnownOption(msgspec.Struct, frozen=True):
    """`size` is the width of a number in bytes; with 0 it depends on the number.

    is_internal: dnsmasq writes the option itself, and dhcp-option can't name it. Such an option
    accepts no decimal number, unless it has addresses.
    """

    code: int
    kind: Kind = "any"
    size: int = 0
    is_internal: bool = False


UNKNOWN = KnownOption(-1)

IPV4: dict[str, KnownOption] = {
    "netmask": KnownOption(1, "addresses"),
    "time-offset": KnownOption(2, size=4),
    "router": KnownOption(3, "addresses"),
    "dns-server": KnownOption(6, "addresses"),
    "log-server": KnownOption(7, "addresses"),
    "lpr-server": KnownOption(9, "addresses"),
    "hostname": KnownOption(12, "name", is_internal=True),
    "boot-file-size": KnownOption(13, size=2),
    "domain-name": KnownOption(15, "name"),
    "swap-server": KnownOption(16, "addresses"),
    "root-path": KnownOption(17, "name"),
    "extension-path": KnownOption(18, "name"),
    "ip-forward-enable": KnownOption(19, size=1),
    "non-local-source-routing": KnownOption(20, size=1),
    "policy-filter": KnownOption(21, "addresses"),
    "max-datagram-reassembly": KnownOption(22, size=2),
    "default-ttl": KnownOption(23, size=1),
    "mtu": KnownOption(26, size=2),
    "all-subnets-local": KnownOption(27, size=1),
    "broadcast": KnownOption(28, "addresses", is_internal=True),
    "router-discovery": KnownOption(31, size=1),
    "router-solicitation": KnownOption(32, "addresses"),
    "static-route": KnownOption(33, "addresses"),
    "trailer-encapsulation": KnownOption(34, size=1),
    "arp-timeout": KnownOption(35, size=4),
    "ethernet-encap": KnownOption(36, size=1),
    "tcp-ttl": KnownOption(37, size=1),
    "tcp-keepalive": KnownOption(38, size=4),
    "nis-domain": KnownOption(40, "name"),
    "nis-server": KnownOption(41, "addresses"),
    "ntp-server": KnownOption(42, "addresses"),
    "vendor-encap": KnownOption(43, is_internal=True),
    "netbios-ns": KnownOption(44, "addresses"),
    "netbios-dd": KnownOption(45, "addresses"),
    "netbios-nodetype": KnownOption(46, size=1),
    "netbios-scope": KnownOption(47),
    "x-windows-fs": KnownOption(48, "addresses"),
    "x-windows-dm": KnownOption(49, "addresses"),
    "requested-address": KnownOption(50, "addresses", is_internal=True),
    "lease-time": KnownOption(51, "time", is_internal=True),
    "option-overload": KnownOption(52, is_internal=True),
    "message-type": KnownOption(53, is_internal=True),
    "server-identifier": KnownOption(54, "addresses", is_internal=True),
    "parameter-request": KnownOption(55, is_internal=True),
    "message": KnownOption(56, is_internal=True),
    "max-message-size": KnownOption(57, is_internal=True),
    "T1": KnownOption(58, "time"),
    "T2": KnownOption(59, "time"),
    "vendor-class": KnownOption(60),
    "client-id": KnownOption(61, is_internal=True),
    "nis+-domain": KnownOption(64, "name"),
    "nis+-server": KnownOption(65, "addresses"),
    "tftp-server": KnownOption(66, "name"),
    "bootfile-name": KnownOption(67, "name"),
    "mobile-ip-home": KnownOption(68, "addresses"),
    "smtp-server": KnownOption(69, "addresses"),
    "pop3-server": KnownOption(70, "addresses"),
    "nntp-server": KnownOption(71, "addresses"),
    "irc-server": KnownOption(74, "addresses"),
    "user-class": KnownOption(77),
    "rapid-commit": KnownOption(80),
    "FQDN": KnownOption(81, is_internal=True),
    "agent-id": KnownOption(82, is_internal=True),
    "client-arch": KnownOption(93, size=2),
    "client-interface-id": KnownOption(94),
    "client-machine-id": KnownOption(97),
    "posix-timezone": KnownOption(100, "name"),
    "tzdb-timezone": KnownOption(101, "name"),
    "ipv6-only": KnownOption(108, size=4),
    "subnet-select": KnownOption(118, is_internal=True),
    "domain-search": KnownOption(119, "domain"),
    "sip-server": KnownOption(120),
    "classless-static-route": KnownOption(121),
    "vendor-id-encap": KnownOption(125),
    "tftp-server-address": KnownOption(150, "addresses"),
    "server-ip-address": KnownOption(255, "addresses"),
}

IPV6: dict[str, KnownOption] = {
    "client-id": KnownOption(1, is_internal=True),
    "server-id": KnownOption(2, is_internal=True),
    "ia-na": KnownOption(3, is_internal=True),
    "ia-ta": KnownOption(4, is_internal=True),
    "iaaddr": KnownOption(5, is_internal=True),
    "oro": KnownOption(6, is_internal=True),
    "preference": KnownOption(7, is_internal=True),
    "unicast": KnownOption(12, is_internal=True),
    "status": KnownOption(13, is_internal=True),
    "rapid-commit": KnownOption(14, is_internal=True),
    "user-class": KnownOption(15, "text list", is_internal=True),
    "vendor-class": KnownOption(16, "text list", is_internal=True),
    "vendor-opts": KnownOption(17, is_internal=True),
    "sip-server-domain": KnownOption(21, "domain"),
    "sip-server": KnownOption(22, "addresses"),
    "dns-server": KnownOption(23, "addresses"),
    "domain-search": KnownOption(24, "domain"),
    "nis-server": KnownOption(27, "addresses"),
    "nis+-server": KnownOption(28, "addresses"),
    "nis-domain": KnownOption(29, "domain"),
    "nis+-domain": KnownOption(30, "domain"),
    "sntp-server": KnownOption(31, "addresses"),
    "information-refresh-time": KnownOption(32, "time"),
    "FQDN": KnownOption(39, "domain", is_internal=True),
    "posix-timezone": KnownOption(41, "name"),
    "tzdb-timezone": KnownOption(42, "name"),
    "ntp-server": KnownOption(56, "any"),
    "bootfile-url": KnownOption(59, "name"),
    "bootfile-param": KnownOption(60, "text list"),
}


def by_code(table: dict[str, KnownOption], code: int) -> KnownOption:
    return next((option for option in table.values() if option.code == code), UNKNOWN)


def by_name(table: dict[str, KnownOption], name: str) -> KnownOption:
    """The option of that name in any case, else UNKNOWN."""
    return next((table[known] for known in table if known.lower() == name.lower()), UNKNOWN)
