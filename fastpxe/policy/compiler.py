"""A Config becomes a Policy: rules and replies in the flat form that the packet path reads.

Sources: PXE 2.1 (option 43); for what each kind of client takes, the firmware named at the line.
"""

from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import IPv4Address
from typing import NamedTuple

from fastpxe._codec import FIRST_FEATURE, KINDS, MatchHow, MatchKind, NoReply
from fastpxe.dhcp.constants import Arch
from fastpxe.dhcp.identity import Pattern
from fastpxe.dhcp.match_rule import MatchRule, MatchTest
from fastpxe.firmware.binaries import is_ipxe_binary
from fastpxe.firmware.menu import Menu, vendor_options
from fastpxe.policy._host_table import HostBootTable
from fastpxe.policy._respond import Policy
from fastpxe.policy.config import Config
from fastpxe.policy.hosts import entries
from fastpxe.policy.replies import FILE_MAX, HTTP, PXE, Reply, rows
from fastpxe.policy.rules import Boot, Match, Rule, Text
from fastpxe.policy.schema import HttpSettings

NOT_SERVED, NO_REPLY = NoReply.NOT_SERVED, NoReply.NO_REPLY

SERVER = b"{server}"
"""Stands in a URL for the address by which the client reaches us."""

HOSTS_ROOM = 16384  # hosts that can get a boot of their own at any time, 1.5 MiB

# 43.6 = 8: "if a boot file name came with this offer, download it": no prompt, no 4011.
DIRECT = bytes.fromhex("060108ff")

# What every Raspberry Pi ROM looks for; the oldest want the three spaces.
_PI_TEXT = b"Raspberry Pi Boot   "
RPI = (
    bytes.fromhex("060103 0a0400") + b"PXE" + b"\x09" + bytes([len(_PI_TEXT) + 3, 0, 0])
    + bytes([len(_PI_TEXT)]) + _PI_TEXT + b"\xff"
)  # fmt: skip

_HOW = {
    "exact": MatchHow.HOW_EXACT,
    "prefix": MatchHow.HOW_PREFIX,
    "contains": MatchHow.HOW_CONTAINS,
}


class Compiled(NamedTuple):
    """A policy, and what its indexes mean: for log lines and explanations.

    `kinds` holds for each rule what each of KINDS gets: an index into `replies`, NOT_SERVED or
    NO_REPLY. `native` answers as on a machine whose address is {server}; `native_for` is a policy
    whose URLs have a real one: the same object, where no URL asks for that. `boots` are the numbers
    by which `hosts` asks for the rules of a name.
    """

    native: Policy
    native_for: Callable[[IPv4Address], Policy]
    rules: tuple[Rule, ...]
    replies: tuple[Reply, ...]
    kinds: tuple[tuple[int, ...], ...]
    boots: dict[str, int]
    hosts: HostBootTable


def build(
    config: Config, own: Iterable[IPv4Address], hosts: HostBootTable | None = None
) -> Compiled:
    """Compile a configuration for a machine with the addresses `own`.

    hosts: a table in which those that are to get a boot of their own can be put at any time; it is
    filled with the hosts of the configuration.
    """
    replies: dict[Reply, int] = {}
    matched = []
    addresses = [int(address) for address in own]
    serves_4011 = 4011 in config.dhcp.ports
    boots = {name: i for i, name in enumerate(dict.fromkeys(r.name for r in config.rules), start=1)}
    if hosts is None:
        hosts = table_for(config)
    hosts.replace(entries(config.hosts, boots))
    for rule in config.rules:
        indexes = tuple(
            reply if isinstance(reply, int) else replies.setdefault(reply, len(replies))
            for reply in (
                reply_for(kind, rule, serves_4011=serves_4011, http=config.http) for kind in KINDS
            )
        )
        ipxe = -1 if rule.match.ipxe is None else int(rule.match.ipxe)
        features = sum(1 << code - FIRST_FEATURE for code in set(rule.match.ipxe_features))
        matched.append(
            MatchRule(
                arches=rule.match.arches,
                ipxe=ipxe,
                ipxe_features=features,
                tests=_tests(rule.match),
                replies=indexes,
                boot=boots[rule.name],
                hosts_only=rule.hosts_only,
            )
        )

    def policy_of(filled: Iterable[Reply]) -> Policy:
        return Policy(
            matched,
            rows(list(filled), echo_client_id=config.dhcp.echo_client_id),
            own=addresses,
            honour_override=config.dhcp.server_id_override,
            accept_foreign=config.dhcp.accept_foreign_server_id,
            min_secs=config.dhcp.min_secs,
            mac_limit=config.dhcp.max_per_mac or 0,
            relay_limit=config.dhcp.max_per_relay or 0,
            hosts=hosts,
        )

    @cache
    def filled_for(server: IPv4Address) -> Policy:
        return policy_of(at(reply, server) for reply in replies)

    native = policy_of(replies)
    # What isn't needed must not be held: 100,000 rules are a lot of memory.
    is_same_everywhere = not any(
        reply.menu or SERVER in reply.file + reply.bootfile for reply in replies
    )
    native_for = _always(native) if is_same_everywhere else filled_for
    kinds = tuple(rule.replies for rule in matched)
    named = (*replies, *(item for reply in replies for item in reply.items))
    return Compiled(native, native_for, config.rules, named, kinds, boots, hosts)


def room_for(config: Config) -> int:
    """How many hosts the table should have room for: those it has, and many to come."""
    return max(HOSTS_ROOM, 4 * sum(len(host.keys) for host in config.hosts))


def table_for(config: Config) -> HostBootTable:
    """A table of hosts in this process's own memory."""
    keys = sum(len(host.keys) for host in config.hosts)
    return HostBootTable(bytearray(HostBootTable.size_for(keys)), keys)


def _always(native: Policy) -> Callable[[IPv4Address], Policy]:
    return lambda _: native


def at(reply: Reply, server: IPv4Address) -> Reply:
    """Return a reply with our address in place of {server}."""
    if reply.menu:
        return reply._replace(offer_vendor=vendor_options(reply.menu, server))
    name = (reply.file or reply.bootfile.rstrip(b"\0")).replace(SERVER, str(server).encode())
    file, bootfile = (_url_fields if reply.family == HTTP else _file_fields)(name)
    return reply._replace(file=file, bootfile=bootfile)


def reply_for(kind: str, rule: Rule, *, serves_4011: bool, http: HttpSettings) -> Reply | int:
    """What a rule says to one kind of client: a Reply, NOT_SERVED or NO_REPLY.

    Where `http` is on, a file without a URL is offered to UEFI HTTP Boot too.
    """
    boot = rule.boot
    if boot.ignore:
        return NO_REPLY
    if kind == "http":
        url = boot.url or http.url_of(boot)
        return _http(boot, url) if url else NOT_SERVED
    if kind == "ipxe" and boot.url:
        return _reply(boot, boot.url)
    if boot.file is None:
        return NOT_SERVED
    if kind == "ipxe":
        return NOT_SERVED if _loads_itself(rule) else _reply(boot, boot.file)
    if kind == "rpi":
        # A Pi calls itself BIOS; a rule must name it, or it would get a file for x86.
        if Arch.RPI not in rule.match.arches:
            return NOT_SERVED
        return _reply(boot, boot.file, offer_vendor=RPI, ack_vendor=RPI, names_server=True)
    if boot.menu:
        return _menu(boot, boot.menu)
    if boot.style == "binl" or (boot.style == "auto" and kind == "uefi" and serves_4011):
        # UEFI: an offer without option 43; the client asks again on 4011, at siaddr, which must
        # be ours. Firmware before 2017 drops the first offer with 43.6 (EDK2 8cdd559be6).
        return _reply(boot, boot.file)._replace(offer_siaddr=0)
    return _reply(boot, boot.file, offer_vendor=DIRECT, ack_vendor=DIRECT)


def _reply(
    boot: Boot,
    file: str,
    *,
    offer_vendor: bytes = b"",
    ack_vendor: bytes = b"",
    names_server: bool = False,
) -> Reply:
    """A PXEClient reply.

    The name goes into the header field, which iPXE, shim and GRUB read; into option 67 only when
    it is too long for that.
    """
    server = int(boot.server) if boot.server else 0
    header_file, bootfile = _file_fields(file.encode("ascii"))
    return Reply(
        family=PXE,
        names_server=names_server,
        offer_siaddr=server,
        ack_siaddr=server,
        file=header_file,
        offer_vendor=offer_vendor,
        ack_vendor=ack_vendor,
        bootfile=bootfile,
        delay_ms=round(boot.reply_delay_s * 1000),
    )


def _menu(boot: Boot, menu: Menu) -> Reply:
    """A menu in the offer; an ACK of the file that was chosen, or of the first without a choice."""
    items = tuple(_reply(boot, item.file) for item in menu.files if item.file is not None)
    return items[0]._replace(
        offer_vendor=vendor_options(menu, IPv4Address(0)),
        menu=menu,
        items=items,
    )


def _file_fields(name: bytes) -> tuple[bytes, bytes]:
    """The header field and option 67."""
    if len(name) <= FILE_MAX:
        return name, b""
    # The NUL is part of it: EDK2 writes one past an open end, over the next option.
    return b"", name + b"\0"


def _url_fields(url: bytes) -> tuple[bytes, bytes]:
    return url if len(url) <= FILE_MAX else b"", url + b"\0"


def _http(boot: Boot, url: str) -> Reply:
    """UEFI HTTP Boot: class HTTPClient, the URL in 67 and, where it fits, in the header too."""
    header_file, bootfile = _url_fields(url.encode("ascii"))
    return Reply(
        family=HTTP,
        names_server=False,
        offer_siaddr=int(boot.server) if boot.server else 0,
        ack_siaddr=0,
        file=header_file,
        offer_vendor=b"",
        ack_vendor=b"",
        bootfile=bootfile,
        delay_ms=round(boot.reply_delay_s * 1000),
    )


def _loads_itself(rule: Rule) -> bool:
    """True when the rule would give iPXE to iPXE without having said that it means to."""
    if rule.match.ipxe or rule.match.user_classes or rule.boot.ipxe_too or rule.boot.file is None:
        return False
    return is_ipxe_binary(rule.boot.file)


def _tests(match: Match) -> tuple[MatchTest, ...]:
    """The conditions of a rule, sorted by kind: alternatives of one kind stand together."""
    tests = [
        *_masked(MatchKind.TEST_MAC, match.macs),
        *_masked(MatchKind.TEST_UUID, match.uuids),
        *_masked(
            MatchKind.TEST_SUBNET,
            (Pattern(n.network_address.packed, n.netmask.packed) for n in match.subnets),
        ),
        *_texts(MatchKind.TEST_VENDOR_CLASS, match.vendor_classes),
        *_texts(MatchKind.TEST_USER_CLASS, match.user_classes),
    ]
    return tuple(tests)


def _masked(kind: MatchKind, patterns: Iterable[Pattern]) -> list[MatchTest]:
    return [MatchTest(kind, pattern.value, pattern.mask) for pattern in patterns]


def _texts(kind: MatchKind, texts: Iterable[Text]) -> list[MatchTest]:
    return [MatchTest(kind, text.text, how=_HOW[text.how]) for text in texts]
