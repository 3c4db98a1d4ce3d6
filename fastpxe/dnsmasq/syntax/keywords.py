"""The keywords of dnsmasq: how each is written, and whether fastpxe implements it.

Sources:
  dnsmasq 2.90 `--help` and `--test`; the newer keywords are those of 2.91 and 2.92.
"""

from typing import Literal

import msgspec

Argument = Literal["none", "optional", "required"]
Part = Literal["implemented", "noted", "not provided"]

OPTIONAL: Argument = "optional"
REQUIRED: Argument = "required"

ABOUT_IPV6 = "it concerns IPv6, and proxy DHCP is for IPv4"


class Key(msgspec.Struct, frozen=True):
    """A keyword, which is also a long option of the command line, and its short option there.

    The short option takes an argument whenever the long one can, except -1 and -q. `why` is the
    reason why the keyword is not implemented.
    """

    name: str
    short: str = ""
    argument: Argument = "none"
    is_once: bool = False  # refused when the files have it twice
    is_number: bool = False
    is_newer: bool = False  # unknown to 2.90
    part: Part = "implemented"
    why: str = ""

    @property
    def short_takes_argument(self) -> bool:
        return self.argument != "none" and self.short not in ("1", "q")


class _Group(msgspec.Struct, frozen=True):
    part: Part
    why: str


_DNS = _Group("noted", "it concerns DNS, which fastpxe doesn't serve")
_PROXY = _Group("noted", "it concerns leases, or options that are in no proxy reply")
_IPV6 = _Group("noted", ABOUT_IPV6)
_PROCESS = _Group("noted", "fastpxe has its own options for how it runs and logs")
_COMMAND = _Group("noted", "it is a command of dnsmasq, not a setting")
_SCRIPT = _Group("not provided", "scripts run for leases, and a proxy has none")
_BUS = _Group("not provided", "fastpxe has no bus interface")
_CONF_SCRIPT = _Group("not provided", "fastpxe runs no program to get its configuration")
_RELAY = _Group("not provided", "fastpxe neither relays DHCP nor answers lease queries")
_DUMP = _Group("not provided", "fastpxe writes no packet dumps; use tcpdump")


def _group(group: _Group, *keys: Key) -> tuple[Key, ...]:
    return tuple(msgspec.structs.replace(key, part=group.part, why=group.why) for key in keys)


_ALL: tuple[Key, ...] = (
    Key("addn-hosts", "H", REQUIRED),
    Key("bind-dynamic"),
    Key("bind-interfaces", "z"),
    Key("bridge-interface", argument=REQUIRED),
    Key("conf-dir", "7", REQUIRED),
    Key("conf-file", "C", OPTIONAL),
    Key("dhcp-alternate-port", argument=OPTIONAL, is_once=True),
    Key("dhcp-boot", "M", REQUIRED),
    Key("dhcp-circuitid", argument=REQUIRED),
    Key("dhcp-host", "G", REQUIRED),
    Key("dhcp-hostsdir", argument=REQUIRED),
    Key("dhcp-hostsfile", argument=REQUIRED),
    Key("dhcp-ignore", "J", REQUIRED),
    Key("dhcp-ignore-clid"),
    Key("dhcp-mac", "4", REQUIRED),
    Key("dhcp-match", argument=REQUIRED),
    Key("dhcp-name-match", argument=REQUIRED),
    Key("dhcp-option", "O", REQUIRED),
    Key("dhcp-option-force", argument=REQUIRED),
    Key("dhcp-option-pxe", argument=REQUIRED, is_newer=True),
    Key("dhcp-optsdir", argument=REQUIRED),
    Key("dhcp-optsfile", argument=REQUIRED),
    Key("dhcp-pxe-vendor", argument=REQUIRED),
    Key("dhcp-range", "F", REQUIRED),
    Key("dhcp-remoteid", argument=REQUIRED),
    Key("dhcp-reply-delay", argument=REQUIRED, is_once=True),
    Key("dhcp-subscrid", argument=REQUIRED),
    Key("dhcp-userclass", "j", REQUIRED),
    Key("dhcp-vendorclass", "U", REQUIRED),
    Key("domain", "s", REQUIRED),
    Key("domain-suffix", "s", REQUIRED),
    Key("enable-tftp", argument=OPTIONAL),
    Key("except-interface", "I", REQUIRED),
    Key("expand-hosts", "E"),
    Key("group", "g", OPTIONAL, is_once=True),
    Key("host-record", argument=REQUIRED),
    Key("hostsdir", argument=REQUIRED),
    Key("interface", "i", REQUIRED),
    Key("listen-address", "a", REQUIRED),
    Key("log-dhcp"),
    Key("no-dhcp-interface", "2", REQUIRED),
    Key("no-dhcpv4-interface", argument=REQUIRED),
    Key("no-hosts", "h"),
    Key("port", "p", REQUIRED, is_once=True),
    Key("pxe-prompt", argument=REQUIRED),
    Key("pxe-service", argument=REQUIRED),
    Key("quiet-dhcp"),
    Key("quiet-tftp"),
    Key("read-ethers", "Z"),
    Key("shared-network", argument=REQUIRED),
    Key("tag-if", argument=REQUIRED),
    Key("tftp-lowercase"),
    Key("tftp-max", argument=REQUIRED, is_once=True),
    Key("tftp-mtu", argument=REQUIRED, is_once=True),
    Key("tftp-no-blocksize"),
    Key("tftp-no-fail"),
    Key("tftp-port-range", argument=REQUIRED, is_once=True),
    Key("tftp-root", argument=REQUIRED),
    Key("tftp-secure"),
    Key("tftp-single-port"),
    Key("tftp-unique-root", argument=OPTIONAL),
    Key("user", "u", OPTIONAL, is_once=True),
    *_group(
        _PROXY,
        Key("bootp-dynamic", "3", OPTIONAL),
        Key("dhcp-authoritative", "K"),
        Key("dhcp-broadcast", argument=OPTIONAL),
        Key("dhcp-client-update"),
        Key("dhcp-fqdn"),
        Key("dhcp-generate-names", argument=OPTIONAL),
        Key("dhcp-ignore-names", argument=OPTIONAL),
        Key("dhcp-lease", "l", REQUIRED, is_once=True),
        Key("dhcp-lease-max", "X", REQUIRED, is_once=True, is_number=True),
        Key("dhcp-leasefile", "l", OPTIONAL, is_once=True),
        Key("dhcp-no-override"),
        Key("dhcp-proxy", argument=OPTIONAL),
        Key("dhcp-rapid-commit"),
        Key("dhcp-sequential-ip"),
        Key("dhcp-ttl", argument=REQUIRED, is_once=True, is_number=True),
        Key("leasefile-ro", "9"),
        Key("no-ping", "5"),
    ),
    *_group(
        _IPV6,
        Key("dhcp-duid", argument=REQUIRED, is_once=True),
        Key("enable-ra"),
        Key("no-dhcpv6-interface", argument=REQUIRED),
        Key("quiet-dhcp6"),
        Key("quiet-ra"),
        Key("ra-param", argument=REQUIRED),
    ),
    *_group(
        _PROCESS,
        Key("keep-in-foreground", "k"),
        Key("log-async", argument=OPTIONAL, is_once=True, is_number=True),
        Key("log-debug"),
        Key("log-facility", "8", REQUIRED, is_once=True),
        Key("no-daemon", "d"),
        Key("pid-file", "x", OPTIONAL, is_once=True),
    ),
    *_group(
        _COMMAND,
        Key("help", "w"),
        Key("test"),
        Key("version", "v"),
    ),
    *_group(
        _SCRIPT,
        Key("dhcp-luascript", argument=REQUIRED),
        Key("dhcp-script", "6", REQUIRED, is_once=True),
        Key("dhcp-scriptuser", argument=REQUIRED, is_once=True),
        Key("script-arp"),
        Key("script-on-renewal"),
    ),
    *_group(
        _BUS,
        Key("enable-dbus", "1", OPTIONAL, is_once=True),
        Key("enable-ubus", argument=OPTIONAL, is_once=True),
    ),
    *_group(
        _CONF_SCRIPT,
        Key("conf-script", argument=REQUIRED),
    ),
    *_group(
        _RELAY,
        Key("dhcp-relay", argument=REQUIRED),
        Key("dhcp-split-relay", argument=REQUIRED, is_newer=True),
        Key("leasequery", argument=OPTIONAL, is_newer=True),
    ),
    *_group(
        _DUMP,
        Key("dumpfile", argument=REQUIRED, is_once=True),
        Key("dumpmask", argument=REQUIRED, is_once=True),
    ),
    *_group(
        _DNS,
        Key("add-cpe-id", argument=REQUIRED, is_once=True),
        Key("add-mac", argument=OPTIONAL),
        Key("add-subnet", argument=OPTIONAL, is_once=True),
        Key("address", "A", REQUIRED),
        Key("alias", "V", REQUIRED),
        Key("all-servers"),
        Key("auth-peer", argument=REQUIRED),
        Key("auth-sec-servers", argument=REQUIRED),
        Key("auth-server", argument=REQUIRED, is_once=True),
        Key("auth-soa", argument=REQUIRED, is_once=True),
        Key("auth-ttl", argument=REQUIRED, is_once=True, is_number=True),
        Key("auth-zone", argument=REQUIRED),
        Key("bogus-nxdomain", "B", REQUIRED),
        Key("bogus-priv", "b"),
        Key("caa-record", argument=REQUIRED),
        Key("cache-rr", argument=REQUIRED),
        Key("cache-size", "c", REQUIRED, is_once=True, is_number=True),
        Key("clear-on-reload"),
        Key("cname", argument=REQUIRED),
        Key("connmark-allowlist", argument=REQUIRED),
        Key("connmark-allowlist-enable", argument=OPTIONAL, is_once=True),
        Key("conntrack"),
        Key("dns-forward-max", "0", REQUIRED, is_once=True, is_number=True),
        Key("dns-loop-detect"),
        Key("dns-rr", argument=REQUIRED),
        Key("dnssec"),
        Key("dnssec-check-unsigned", argument=OPTIONAL),
        Key("dnssec-debug"),
        Key("dnssec-limits", argument=REQUIRED, is_once=True),
        Key("dnssec-no-timecheck"),
        Key("dnssec-timestamp", argument=REQUIRED, is_once=True),
        Key("do-0x20-encode", is_newer=True),
        Key("domain-needed", "D"),
        Key("dynamic-host", argument=REQUIRED),
        Key("edns-packet-max", "P", REQUIRED, is_once=True, is_number=True),
        Key("fast-dns-retry", argument=OPTIONAL, is_once=True),
        Key("filter-A"),
        Key("filter-AAAA"),
        Key("filter-rr", argument=REQUIRED),
        Key("filterwin2k", "f"),
        Key("ignore-address", argument=REQUIRED),
        Key("interface-name", argument=REQUIRED),
        Key("ipset", argument=REQUIRED),
        Key("local", argument=REQUIRED),
        Key("local-service", argument=OPTIONAL, is_once=True),
        Key("local-ttl", "T", REQUIRED, is_once=True, is_number=True),
        Key("localise-queries", "y"),
        Key("localmx", "L"),
        Key("log-queries", "q", OPTIONAL),
        Key("max-cache-ttl", argument=REQUIRED, is_once=True, is_number=True),
        Key("max-port", argument=REQUIRED, is_once=True, is_number=True),
        Key("max-tcp-connections", argument=REQUIRED, is_once=True, is_number=True),
        Key("max-ttl", argument=REQUIRED, is_once=True, is_number=True),
        Key("min-cache-ttl", argument=REQUIRED, is_once=True, is_number=True),
        Key("min-port", argument=REQUIRED, is_once=True, is_number=True),
        Key("mx-host", "m", REQUIRED),
        Key("mx-target", "t", REQUIRED, is_once=True),
        Key("naptr-record", argument=REQUIRED),
        Key("neg-ttl", argument=REQUIRED, is_once=True, is_number=True),
        Key("nftset", argument=REQUIRED),
        Key("no-0x20-encode", is_newer=True),
        Key("no-ident"),
        Key("no-negcache", "N"),
        Key("no-poll", "n"),
        Key("no-resolv", "R"),
        Key("no-round-robin"),
        Key("port-limit", argument=REQUIRED, is_once=True, is_number=True),
        Key("proxy-dnssec"),
        Key("ptr-record", argument=REQUIRED),
        Key("query-port", "Q", REQUIRED, is_once=True, is_number=True),
        Key("rebind-domain-ok", argument=REQUIRED),
        Key("rebind-localhost-ok"),
        Key("resolv-file", "r", OPTIONAL),
        Key("rev-server", argument=REQUIRED),
        Key("selfmx", "e"),
        Key("server", "S", REQUIRED),
        Key("servers-file", argument=REQUIRED, is_once=True),
        Key("srv-host", "W", REQUIRED),
        Key("stop-dns-rebind"),
        Key("strict-order", "o"),
        Key("strip-mac"),
        Key("strip-subnet"),
        Key("synth-domain", argument=REQUIRED),
        Key("trust-anchor", argument=REQUIRED),
        Key("txt-record", "Y", REQUIRED),
        Key("umbrella", argument=OPTIONAL, is_once=True),
        Key("use-stale-cache", argument=OPTIONAL, is_once=True, is_number=True),
    ),
)

KEYS: dict[str, Key] = {key.name: key for key in _ALL}
