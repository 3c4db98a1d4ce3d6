"""Explain a fastpxe.toml: ask the policy that serves, and say why each rule won or lost.

The reasons are found beside the compiled matcher, in plain Python; one that disagrees with the
answer is a bug, and raises.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import msgspec

from fastpxe._codec import KINDS, REASONS
from fastpxe.dhcp._request import Request
from fastpxe.dhcp.constants import Arch
from fastpxe.dhcp.decode import Decoded, arch_name, decode, feature_name
from fastpxe.dhcp.identity import Pattern, format_mac, format_uuid, microsoft_order
from fastpxe.dhcp.pxe_options import MenuEntry
from fastpxe.errors import MalformedPacket
from fastpxe.explanation import (
    Candidate,
    Explanation,
    Step,
    describe_client,
    identity,
    offer_of,
    with_local_disk,
)
from fastpxe.firmware.binaries import is_ipxe_binary
from fastpxe.firmware.next_step import menu_of, next_step
from fastpxe.firmware.requests import Client
from fastpxe.policy.compiler import NOT_SERVED, Compiled
from fastpxe.policy.rules import Match, Text

_NOBODY = IPv4Address(0)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The interface that the question is asked on: our address there, with its network."""

    address: IPv4Address = IPv4Address("192.0.2.2")
    network: IPv4Network = IPv4Network("192.0.2.0/24")


def explain_boot(compiled: Compiled, client: Client, place: Place) -> Explanation:
    """Follow a client from its first DISCOVER to its boot file, and into iPXE where it leads."""
    steps = [explain_step(compiled, client.discover(), place, port=67, title="DISCOVER on port 67")]
    reply, offer = steps[0].reply, offer_of(steps[0])
    firmware = client.firmware
    step = "none" if offer is None else next_step(firmware, offer)
    entry = None if offer is None else next(iter(menu_of(firmware, offer)), None)
    if entry is not None and entry.is_local:
        steps[0] = with_local_disk(steps[0], entry)
    elif reply is not None and step in ("4011", "menu"):
        steps.append(_request_step(compiled, client, place, reply, entry))
        reply = steps[-1].reply or reply
    if reply is not None and not client.ipxe and is_ipxe_binary(reply.file):
        again = msgspec.structs.replace(client, ipxe=True, vendor_class="", user_class=b"")
        title = f"DISCOVER of iPXE, started from {reply.file}"
        steps.append(explain_step(compiled, again.discover(), place, port=67, title=title))
    return Explanation(
        client=describe_client(client.discover()),
        identity=identity(client.uuid) if client.uuid else None,
        steps=tuple(steps),
    )


def _request_step(
    compiled: Compiled, client: Client, place: Place, offer: Decoded, entry: MenuEntry | None
) -> Step:
    """The second request, for the first entry of the menu where the offer has one."""
    title = "REQUEST on port 4011"
    if entry is not None:
        title = f"{title} for the menu's entry {entry.text!r} (type {entry.type})"
        client = client.choosing(entry.type)
    return explain_step(
        compiled, client.request(IPv4Address(offer.siaddr)), place, port=4011, title=title,
        source=client.ciaddr, source_port=68 if client.ipxe else 4011,
    )  # fmt: skip


def explain_packet(
    compiled: Compiled,
    datagram: bytes,
    place: Place,
    *,
    port: int = 67,
    source: IPv4Address = _NOBODY,
    source_port: int = 68,
) -> Explanation:
    """Explain one recorded request. Raises MalformedPacket, whose text is a sentence."""
    try:
        step = explain_step(
            compiled, datagram, place, port=port, title=f"request on port {port}", source=source,
            source_port=source_port,
        )  # fmt: skip
    except MalformedPacket as error:
        raise MalformedPacket(error.reason, _why_malformed(error.reason, datagram)) from None
    uuid = Request(datagram).uuid
    return Explanation(
        client=describe_client(datagram),
        identity=identity(uuid) if uuid else None,
        steps=(step,),
    )


def _why_malformed(reason: str, datagram: bytes) -> str:
    if reason == "short":
        size = len(datagram)
        bytes_ = f"{size} byte{'' if size == 1 else 's'}"
        return f"no DHCP message: it has {bytes_}, and one has 240 at least"
    return f"no DHCP message: {_MALFORMED.get(reason, reason)}"


_MALFORMED = {
    "too_long": "it is longer than any network carries",
    "bad_magic": "it has no magic cookie in front of its options",
    "not_a_request": "it is a server's, not a client's",
    "bad_hlen": "its hardware address is longer than the field for it",
    "bad_hops": "more relays have passed it on than there may be",
    "option_too_long": "one of its options has more parts than any firmware sends",
}


def explain_step(
    compiled: Compiled,
    datagram: bytes,
    place: Place,
    *,
    port: int,
    title: str,
    source: IPv4Address = _NOBODY,
    source_port: int = 68,
) -> Step:
    """Ask the policy that serves, and say why each rule won or lost. Raises MalformedPacket."""
    reason, reply, to, to_port, rule, _ = compiled.native_for(place.address).decide(
        datagram, port=port, source=int(source), source_port=source_port,
        address=int(place.address), netmask=int(place.network.netmask),
    )  # fmt: skip
    request = Request(datagram)
    word = REASONS[reason]
    is_decided_by_rules = word in ("answered", "no_rule", "no_arch", "unknown_arch", "denied")
    own = _own_boot(compiled, request) if is_decided_by_rules else ""
    candidates = _candidates(compiled, request, place, rule, own) if is_decided_by_rules else ()
    return Step(
        title=title,
        request=decode(datagram),
        candidates=tuple(candidates),
        notes=(f"this host is to boot {own!r}: the rules of that name come first",) if own else (),
        silence=_SILENCE.get(word, word) if reason else "",
        reply=None if reason else decode(reply),
        to="" if reason else f"{IPv4Address(to)}:{to_port}",
        hexadecimal=reply.hex(),
        delay_s=0 if reason else compiled.rules[rule].boot.reply_delay_s,
    )


_SILENCE = {
    "not_pxe": "its vendor class (option 60) starts with neither PXEClient nor HTTPClient",
    "wrong_type": "this kind of message is for the DHCP server",
    "for_other_server": "this REQUEST is for the DHCP server that gives the address",
    "chose_us": "the firmware took our offer for one of an address: there is no good DHCP offer",
    "other_server_id": "option 54 names another server",
    "http_on_4011": "UEFI HTTP Boot asks on port 67 only",
    "too_early": "its secs field is below dhcp.min_secs",
    "no_rule": "no rule matches",
    "unknown_arch": "no rule names this architecture",
    "no_arch": "it names no architecture, and every rule asks for one",
    "denied": "the rule says ignore = true",
    "unserved_item": "it looks for a boot server of a type that is not served",
    "credentials": "it asks for signed boot items, which are not served",
    "bad_giaddr": "giaddr is no address of a relay",
    "bad_ciaddr": "ciaddr is no address of a client",
    "bad_source": "its source address or port is none that may be answered",
    "own_packet": "it comes from this machine",
    "no_destination": "it has no address to answer to",
}


def _own_boot(compiled: Compiled, request: Request) -> str:
    """The boot that this very host is to get, or nothing."""
    mac = request.chaddr[:6] if request.hlen == 6 else None
    number = compiled.hosts.find(mac, request.uuid)
    return next((name for name, one in compiled.boots.items() if one == number), "")


def _candidates(
    compiled: Compiled, request: Request, place: Place, winner: int, own: str
) -> Iterator[Candidate]:
    """What became of each rule, in the order in which they are asked."""
    arch = _arch(compiled, request)
    own_rules = [i for i, rule in enumerate(compiled.rules) if own and rule.name == own]
    others = [i for i, rule in enumerate(compiled.rules) if not rule.hosts_only]
    is_won = False
    for index in dict.fromkeys([*own_rules, *others]):
        rule = compiled.rules[index]
        if is_won:
            yield Candidate(name=rule.name, verdict="not reached", why="an earlier rule won")
            continue
        why = next(_objections(compiled.kinds[index], rule.match, request, arch, place), "")
        if (why == "") != (index == winner):
            raise AssertionError(f"rule {rule.name!r}: {why or 'holds'}, yet {winner} won")
        if index == winner:
            is_won = True
            yield Candidate(name=rule.name, verdict="won", why="every condition holds")
        else:
            yield Candidate(name=rule.name, verdict="lost", why=why)
    for rule in compiled.rules:
        if rule.hosts_only and rule.name != own:
            why = f"it is for hosts that are to boot {rule.name!r}"
            yield Candidate(name=rule.name, verdict="lost", why=why)


def _arch(compiled: Compiled, request: Request) -> int | None:
    """The architecture that counts: the first listed that a rule names, else the first listed."""
    named = {number for rule in compiled.rules for number in rule.match.arches}
    kind = KINDS[request.kind_as(request.arches[0] if request.arches else -1)]
    if kind == "rpi":
        return int(Arch.RPI)
    return next((n for n in request.arches if n in named), next(iter(request.arches), None))


def _objections(
    kinds: tuple[int, ...], match: Match, request: Request, arch: int | None, place: Place
) -> Iterator[str]:
    """Why a rule doesn't hold; the first is the one that counts."""
    kind = KINDS[request.kind_as(-1 if arch is None else arch)]
    if kinds[KINDS.index(kind)] == NOT_SERVED:
        yield _UNSERVED[kind]
    if match.arches and arch not in match.arches:
        wanted = " or ".join(f"{arch_name(n)} ({n})" for n in match.arches)
        has = "none is given" if arch is None else f"it is {arch_name(arch)} ({arch})"
        yield f"architecture: {has}, the rule wants {wanted}"
    if match.ipxe is not None and match.ipxe != request.is_ipxe:
        yield f"it is {'iPXE' if request.is_ipxe else 'not iPXE'}, the rule wants the opposite"
    if lacking := [f for f in match.ipxe_features if f not in request.ipxe_features]:
        yield f"iPXE features: {', '.join(map(feature_name, lacking))} of the rule's are missing"
    mac = request.chaddr[: request.hlen]
    if match.macs and not (request.hlen == 6 and _any(match.macs, mac)):
        yield f"MAC address: {format_mac(request.htype, mac)} is none of the rule's"
    if match.uuids and not (request.uuid and _any(match.uuids, request.uuid)):
        has = format_uuid(microsoft_order(request.uuid)) if request.uuid else "none is given"
        yield f"UUID: {has}, which is none of the rule's"
    subnet = _subnet(request, place)
    if match.subnets and not any(subnet in network for network in match.subnets):
        yield f"subnet: {subnet} is in none of the rule's"
    vendor = request.option(60) or b""
    if match.vendor_classes and not any(_compares(vendor, text) for text in match.vendor_classes):
        yield f"vendor class: {vendor.decode('latin-1')!r} is none of the rule's"
    users = request.user_classes
    if match.user_classes and not any(_compares(u, t) for u in users for t in match.user_classes):
        has = ", ".join(repr(u.decode("latin-1")) for u in users) or "none is given"
        yield f"user class: {has}, which is none of the rule's"


_UNSERVED = {
    "bios": "it has a URL only, and BIOS firmware takes a TFTP file",
    "uefi": "it has a URL only, and UEFI PXE takes a TFTP file",
    "ipxe": "it would give iPXE's own binary to iPXE, for ever; say ipxe_too = true to mean that",
    "http": "UEFI HTTP Boot takes a URL, and the rule has none",
    "rpi": 'a Raspberry Pi calls itself BIOS; a rule for it says arch = "rpi"',
}


def _any(patterns: tuple[Pattern, ...], value: bytes) -> bool:
    return any(
        all((a ^ b) & m == 0 for a, b, m in zip(value, p.value, p.mask, strict=True))
        for p in patterns
    )


def _compares(value: bytes, text: Text) -> bool:
    if text.how == "exact":
        return value == text.text
    return value.startswith(text.text) if text.how == "prefix" else text.text in value


def _subnet(request: Request, place: Place) -> IPv4Address:
    """Where the client is: 82.5, 118, giaddr, ciaddr, else our interface."""
    told = (request.link_selection, request.subnet_selection, request.giaddr, request.ciaddr)
    return IPv4Address(next((address for address in told if address), int(place.address)))
