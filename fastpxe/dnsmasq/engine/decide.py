"""What to say to a client, from the facts about its request alone.

Sources: dnsmasq 2.90, its manual, log and replies; PXE 2.1 section 2.2; RFC 4578.
"""

from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Address

from msgspec.structs import replace

from fastpxe.dhcp.constants import MessageType
from fastpxe.dhcp.pxe_options import SubOption
from fastpxe.dnsmasq.engine.choose import (
    FIRST_UEFI_ARCH,
    Choice,
    Names,
    Pairs,
    Services,
    build_menu,
    choose_last,
    choose_pxe_options,
    choose_services,
    choose_vendor_options,
    ignoring,
)
from fastpxe.dnsmasq.engine.decision import Decision, Reply, To
from fastpxe.dnsmasq.engine.facts import Facts
from fastpxe.dnsmasq.engine.message import NO_ADDRESS, octets
from fastpxe.dnsmasq.engine.ranges import Candidate
from fastpxe.dnsmasq.engine.tags import (
    TagList,
    collect,
    derive,
    explain_unmet,
    names,
    unmet,
    with_range,
)
from fastpxe.dnsmasq.syntax.model import BootServer, DhcpBoot, DnsmasqConfig, PxeService

WITH_CREDENTIALS = 0x8000  # of a boot item's layer: PXE 2.1 section 2.2.3 (BIS)


def decide(config: DnsmasqConfig, facts: Facts) -> Decision:
    """Decide on an answer, or on silence."""
    place = facts.place
    silence = Decision(interface=place.interface, candidates=place.candidates)
    if place.refused:
        return refuse(silence, place.refused, place.why)
    if facts.message_type == 0 and not facts.is_pxe_port:
        return refuse(silence, "bootp", "a BOOTP request; a proxy gives no addresses")
    by_request = collect(config, facts)
    tags = derive(config.tag_ifs, by_request)
    ranges = (f"{config.ranges[c.index].text}: we are {c.own}" for c in place.candidates)
    steps = *ranges, "tags: " + ", ".join(map(str, tags))
    silence = replace(silence, tags=tags, steps=steps)
    return decide_pxe(config, facts, silence, by_request)


def decide_pxe(
    config: DnsmasqConfig, facts: Facts, silence: Decision, by_request: TagList
) -> Decision:
    """Decide on a request that came in where a range is; its tags are known.

    `by_request` are the tags without those of tag-if.
    """
    if not config.is_pxe_enabled:
        why = "neither pxe-prompt nor pxe-service is configured: dnsmasq then answers no PXE client"
        return refuse(silence, "not-enabled", why)
    if facts.vendor is None:
        classes = " or ".join(config.pxe_vendors)
        return refuse(silence, "not-pxe", f"option 60 does not start with {classes}")
    if facts.item is not None:
        return decide_item(config, facts, silence, vendor=facts.vendor, item=facts.item)
    if facts.arch is None:
        return refuse(silence, "no-arch", "option 93 (the architecture) is missing or too short")
    if facts.message_type == MessageType.REQUEST and not facts.is_pxe_port:
        if facts.chose_us:
            return refuse(silence, "chose-us", "it takes our offer for one of an address")
        why = "this REQUEST is for the DHCP server that gives the address"
        return refuse(silence, "for-other-server", why)
    if facts.message_type not in (MessageType.DISCOVER, MessageType.REQUEST):
        return refuse(silence, "message-type", f"message type {facts.message_type} is not for us")
    return decide_offer(config, facts, silence, by_request, vendor=facts.vendor, arch=facts.arch)


def refuse(decision: Decision, reason: str, why: str) -> Decision:
    steps = (*decision.steps, f"no answer: {why}")
    return replace(decision, reason=reason, why=why, steps=steps)


def proxy_range(
    config: DnsmasqConfig, candidates: Sequence[Candidate], have: Collection[str]
) -> Candidate | None:
    """The first proxy range whose tag: fields hold."""
    for candidate in candidates:
        line = config.ranges[candidate.index]
        if line.is_proxy and unmet(line.tags, have) is None:
            return candidate
    return None


def no_proxy_range(
    config: DnsmasqConfig, candidates: Sequence[Candidate], have: Collection[str]
) -> tuple[str, str]:
    """The reason word and sentence for the lack of one."""
    for candidate in candidates:
        line = config.ranges[candidate.index]
        missing = unmet(line.tags, have)
        if line.is_proxy and missing is not None:
            return "range-filter", f"{line.where}: {explain_unmet(missing)}"
    return "pool", "the dhcp-range here is no proxy range, and fastpxe leases no addresses"


def destination(facts: Facts, *, believes_ciaddr: bool, is_broadcast: bool) -> To:
    """Where the reply goes.

    dnsmasq believes any ciaddr on port 4011, and so can be aimed at anybody. Here one counts that
    is the source of the request, or a host address of the subnet of the range that applies.
    """
    if facts.is_pxe_port:
        if believes_ciaddr:
            return To.CIADDR
        return To.SOURCE if facts.has_source else To.NOWHERE
    if facts.is_relayed:
        return To.RELAY
    return To.BROADCAST if is_broadcast or not facts.has_hardware else To.HARDWARE


def decide_offer(
    config: DnsmasqConfig,
    facts: Facts,
    silence: Decision,
    by_request: TagList,
    *,
    vendor: str,
    arch: int,
) -> Decision:
    """Find the range of an OFFER or ACK, and whether it may be sent."""
    have = names(silence.tags)
    chosen = proxy_range(config, silence.candidates, have)
    if chosen is None:
        return refuse(silence, *no_proxy_range(config, silence.candidates, have))
    so_far = replace(silence, chosen=chosen)
    if config.ranges[chosen.index].sets is not None:  # dhcp-ignore doesn't see it
        so_far = replace(so_far, tags=with_range(config, by_request, chosen.index))
    answer = offer(config, facts, so_far, chosen, vendor=vendor, arch=arch)
    ignore = ignoring(config.ignores, have)
    if ignore is not None:
        return refuse(answer, "ignored", f"{ignore.where}: {ignore.text}")
    return unless_lost(answer)


def unless_lost(answer: Decision) -> Decision:
    """dnsmasq sends to 0.0.0.0 when the request has no address: nobody gets that."""  # noqa: D403 - a name
    if answer.reply is not None and answer.reply.to is To.NOWHERE:
        return refuse(answer, "no-destination", "the request has no source address")
    return answer


def offer(
    config: DnsmasqConfig,
    facts: Facts,
    so_far: Decision,
    chosen: Candidate,
    *,
    vendor: str,
    arch: int,
) -> Decision:
    """The OFFER, or on port 4011 the ACK, to a client of a range."""
    have = names(so_far.tags)
    lookups = Names(config.hosts_names)
    boot = choose_last(config.boots, have)
    services = choose_services(config.services, arch, have)
    delay = choose_last(config.reply_delays, have)
    is_uefi = arch >= FIRST_UEFI_ARCH
    siaddr, file, sname = chosen.own if is_uefi else NO_ADDRESS, b"", b""
    if services.single is None:
        if boot.winner is not None:
            siaddr, file = boot_file(boot.winner, siaddr, lookups)
    elif facts.is_pxe_port:
        siaddr, file, sname = single_file(services.single, chosen.own, lookups)
    sub_options: Pairs = ()
    if not is_uefi or (facts.is_pxe_port and services.single is None):
        configured = sub_options_of(config, facts, have)
        has_prompt = any(code == SubOption.MENU_PROMPT for code, _ in configured)
        menu = build_menu(services.entries, chosen.own, lookups, has_prompt=has_prompt)
        sub_options = menu + configured
    is_discover = facts.message_type == MessageType.DISCOVER
    believed = facts.is_ciaddr_source or chosen.index in facts.ciaddr_hosts
    to = destination(
        facts, believes_ciaddr=facts.has_ciaddr and believed, is_broadcast=not facts.has_ciaddr
    )
    reply = Reply(
        message_type=MessageType.OFFER if is_discover else MessageType.ACK,
        own=chosen.own,
        siaddr=siaddr,
        file=file,
        sname=sname,
        vendor=octets(vendor),
        sub_options=sub_options,
        extra=choose_pxe_options(config.pxe_options, have, chosen.own),
        forces_broadcast=not facts.has_ciaddr,
        limit=facts.limit,
        has_uuid=facts.has_uuid,
        relay_size=facts.relay_size,
        to=to,
    )
    return replace(
        so_far,
        boot=boot,
        services=services,
        delay=delay,
        reply=reply,
        warnings=tuple(lookups.warnings),
        steps=(*so_far.steps, *explain_offer(boot, services), f"to {to.value}"),
    )


def sub_options_of(config: DnsmasqConfig, facts: Facts, have: Collection[str]) -> Pairs:
    lines = choose_vendor_options(config, facts.hits.vendor_options, have)
    return tuple((line.code, line.value) for line in lines)


def boot_file(line: DhcpBoot, default: IPv4Address, lookups: Names) -> tuple[IPv4Address, bytes]:
    """The siaddr and file of a dhcp-boot; a proxy never sends its server name."""
    if is_named(line.server):
        return lookups.resolve(line.server), octets(line.file)
    return default, octets(line.file)


def single_file(
    service: PxeService, own: IPv4Address, lookups: Names
) -> tuple[IPv4Address, bytes, bytes]:
    """The siaddr, file and sname of the one service that a UEFI client has."""
    server = service.server
    siaddr = lookups.resolve(server) if is_named(server) else own
    file = octets(service.basename or "")
    sname = octets(server.name) if server.name else str(siaddr).encode()
    return siaddr, file if b"." in file else file + b".0", sname


def is_named(server: BootServer) -> bool:
    """Whether a server is given; 0.0.0.0 is none."""
    return bool(server.name) or (server.address is not None and int(server.address) != 0)


def explain_offer(boot: Choice[DhcpBoot], services: Services) -> Iterator[str]:
    for service in services.entries:
        yield f"menu entry {service.type:#06x}: {service.where}: {service.text}"
    if services.single is not None:
        yield (
            "one service alone, and UEFI: no menu, no dhcp-boot; "
            "its file comes in the answer on port 4011"
        )
    elif boot.winner is not None:
        yield f"boot file: {boot.winner.where}: {boot.winner.text}: {boot.why}"
    else:
        yield f"no boot file: {boot.why}"


def decide_item(
    config: DnsmasqConfig,
    facts: Facts,
    so_far: Decision,
    *,
    vendor: str,
    item: tuple[int, int],
) -> Decision:
    """The ACK to a client that chose an entry of the menu; neither arch nor tags are looked at."""
    kind, layer = item
    have = names(so_far.tags)
    ignore = ignoring(config.ignores, have)
    if ignore is not None:
        return refuse(so_far, "item-ignored", f"{ignore.where}: {ignore.text}")
    if layer & WITH_CREDENTIALS:
        return refuse(so_far, "bis", "PXE BIS not supported")
    service = next((s for s in config.services if s.type == kind), None)
    if service is None or service.basename is None:
        return refuse(so_far, "unknown-item", f"no pxe-service with a basename is type {kind:#x}")
    inside = [so_far.candidates[position] for position in facts.ciaddr_in]
    open_to = [c for c in inside if unmet(config.ranges[c.index].tags, have) is None]
    if not open_to:
        return refuse(so_far, "item-range", "the client's address (ciaddr) is in no range here")
    to = destination(facts, believes_ciaddr=False, is_broadcast=facts.wants_broadcast)
    answer = acknowledge(
        config, facts, so_far, service, chosen=open_to[0], vendor=vendor, layer=layer, to=to
    )
    return unless_lost(answer)


def acknowledge(
    config: DnsmasqConfig,
    facts: Facts,
    so_far: Decision,
    item: PxeService,
    *,
    chosen: Candidate,
    vendor: str,
    layer: int,
    to: To,
) -> Decision:
    """The ACK with the file of a menu entry; the layer is the file's suffix if it has none."""
    lookups = Names(config.hosts_names)
    file = octets(item.basename or "")
    reply = Reply(
        message_type=MessageType.ACK,
        own=chosen.own,
        siaddr=lookups.resolve(item.server) if is_named(item.server) else chosen.own,
        file=file if b"." in file else b"%s.%d" % (file, layer),
        vendor=octets(vendor),
        sub_options=(
            (SubOption.BOOT_ITEM, b"\0\0\0\0"),
            *sub_options_of(config, facts, names(so_far.tags)),
        ),
        is_item=True,
        limit=facts.limit,
        has_uuid=facts.has_uuid,
        relay_size=facts.relay_size,
        to=to,
    )
    steps = *so_far.steps, f"boot item: {item.where}: {item.text}", f"to {to.value}"
    return replace(
        so_far,
        chosen=chosen,
        item=item,
        reply=reply,
        warnings=tuple(lookups.warnings),
        steps=steps,
    )
