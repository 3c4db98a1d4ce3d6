"""Explain a dnsmasq configuration: the tags, the line that won, the losers, and the exact reply."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Interface

import msgspec

from fastpxe.dhcp.constants import DHCP_SERVER_PORT, PXE_PORT
from fastpxe.dhcp.decode import decode
from fastpxe.dhcp.pxe_options import MenuEntry
from fastpxe.dnsmasq.engine.choose import Loser
from fastpxe.dnsmasq.engine.decision import Decision
from fastpxe.dnsmasq.engine.engine import Arrival, Engine, Silence
from fastpxe.dnsmasq.syntax.model import (
    DhcpBoot,
    DhcpRange,
    DnsmasqConfig,
    InterfaceAddresses,
    PxeService,
)
from fastpxe.explanation import (
    Candidate,
    Explanation,
    Step,
    TagReason,
    describe_client,
    identity,
    offer_of,
    with_local_disk,
)
from fastpxe.firmware.binaries import is_ipxe_binary
from fastpxe.firmware.next_step import menu_of, next_step
from fastpxe.firmware.requests import Client

_NOBODY = IPv4Address(0)


def place(
    config: DnsmasqConfig, present: Sequence[InterfaceAddresses], address: IPv4Interface | None
) -> tuple[list[InterfaceAddresses], str]:
    """The interfaces to ask on, and the name of the one that the client is at.

    It is the one with `address`, else one of this machine's that a proxy range covers, else one
    made up for the first proxy range, so that a configuration can be explained anywhere.
    """
    proxies = [line for line in config.ranges if line.is_proxy]
    if address is None:
        for interface in present:
            for line in proxies:
                if any(line.address in own.network for own in interface.networks):
                    return list(present), interface.name
        address = _own_in(proxies[0]) if proxies else IPv4Interface("192.0.2.2/24")
    name = (config.network.interfaces or ("eth0",))[0].rstrip("*") or "eth0"
    return [InterfaceAddresses(name=name, networks=(address,))], name


def _own_in(line: DhcpRange) -> IPv4Interface:
    """An address of ours that the range covers: the line's own, unless that is the network's."""
    try:
        network = IPv4Interface(f"{line.address}/{line.netmask or '255.255.255.0'}").network
    except ValueError:  # dnsmasq takes masks with holes
        return IPv4Interface((line.address, 24))
    is_network = line.address == network.network_address and network.prefixlen < 31
    return IPv4Interface((line.address + 1 if is_network else line.address, network.prefixlen))


def explain_boot(engine: Engine, client: Client, interface: str) -> Explanation:
    """Follow a client from its first DISCOVER to its boot file, and into iPXE where it leads."""
    steps = list(_boot_steps(engine, client, interface))
    file = next((s.reply.file for s in reversed(steps) if s.reply and s.reply.file), "")
    if file and not client.ipxe and is_ipxe_binary(file):
        again = msgspec.structs.replace(client, ipxe=True, vendor_class="", user_class=b"")
        for step in _boot_steps(engine, again, interface):
            title = f"{step.title}, of iPXE that was started from {file}"
            steps.append(msgspec.structs.replace(step, title=title))
    return Explanation(
        client=describe_client(client.discover()),
        identity=identity(client.uuid) if client.uuid else None,
        steps=tuple(steps),
    )


def explain_packet(engine: Engine, datagram: bytes, arrival: Arrival) -> Explanation:
    """Explain one recorded request."""
    uuid = {option.code: bytes.fromhex(option.hex) for option in decode(datagram).options}.get(97)
    is_guid = uuid is not None and len(uuid) == 17 and uuid[0] == 0
    return Explanation(
        client=describe_client(datagram),
        identity=identity(uuid[1:]) if is_guid and uuid is not None else None,
        steps=(explain_step(engine, datagram, arrival, f"request on port {arrival.port}"),),
    )


def explain_step(engine: Engine, datagram: bytes, arrival: Arrival, title: str) -> Step:
    """Ask the engine that serves, and lay out its decision."""
    answer = engine.answer(datagram, arrival)
    decision = answer.decision
    told = Step(title=title, request=decode(datagram))
    if decision is not None:
        told = msgspec.structs.replace(
            told,
            tags=tuple(TagReason(tag.name, str(tag.why)) for tag in decision.tags),
            candidates=tuple(_candidates(decision)),
            notes=(*decision.steps, *decision.warnings),
        )
    if isinstance(answer, Silence):
        return msgspec.structs.replace(told, silence=answer.why)
    return msgspec.structs.replace(
        told,
        reply=decode(answer.data),
        to=f"{answer.to}:{answer.to_port}",
        hexadecimal=answer.data.hex(),
        delay_s=answer.delay_s,
    )


# --- what a client does with an answer ----------------------------------------------------------


def _boot_steps(engine: Engine, client: Client, interface: str) -> Iterator[Step]:
    """The requests that this client makes until it knows its file."""
    port = engine.config.network.server_port
    arrival = Arrival(interface=interface, port=port, source=_NOBODY, source_port=68)
    step = explain_step(engine, client.discover(), arrival, f"DISCOVER on port {port}")
    told = offer_of(step)
    if told is not None and next_step(client.firmware, told) == "4011" and not _entry(client, step):
        yield step
        own = _ciaddr(engine, interface, client)
        request = own.request(told.siaddr)
        step = explain_step(engine, request, _at_4011(interface, own), "REQUEST on port 4011")
    entry = _entry(client, step)
    if entry is None:
        yield step
    elif entry.is_local:
        yield with_local_disk(step, entry)
    else:
        yield step
        yield _item_step(engine, client, interface, entry)


def _entry(client: Client, step: Step) -> MenuEntry | None:
    """The menu's entry that a client takes if nobody chooses."""
    offer = offer_of(step)
    return None if offer is None else next(iter(menu_of(client.firmware, offer)), None)


def _item_step(engine: Engine, client: Client, interface: str, entry: MenuEntry) -> Step:
    """The boot-server phase: the client asks for the entry that it was told to take."""
    own = _ciaddr(engine, interface, client)
    request = own.choosing(entry.type).request(_NOBODY)
    title = f"REQUEST on port 4011 for the menu's entry {entry.text!r} (type {entry.type})"
    return explain_step(engine, request, _at_4011(interface, own), title)


def _ciaddr(engine: Engine, interface: str, client: Client) -> Client:
    """The client with an address of the subnet, as its DHCP server would have given it."""
    candidates = engine.ranges.places[interface].candidates
    if not candidates:
        return client
    start = int(candidates[0].start) & int(candidates[0].netmask)
    return msgspec.structs.replace(client, ciaddr=IPv4Address(start + 100))


def _at_4011(interface: str, client: Client) -> Arrival:
    port = DHCP_SERVER_PORT + 1 if client.ipxe else PXE_PORT
    return Arrival(interface=interface, port=PXE_PORT, source=client.ciaddr, source_port=port)


# --- who won and who lost -----------------------------------------------------------------------


def _candidates(decision: Decision) -> Iterator[Candidate]:
    """Every line that might have given the file, those that won first."""
    if decision.item is not None:
        yield _won(decision.item, "the service whose type was asked for")
        return
    if decision.services is not None:
        single = decision.services.single
        if single is not None:
            yield _won(
                single, "the only pxe-service for this UEFI architecture: no dhcp-boot counts"
            )
        for entry in decision.services.entries:
            if entry is not single:
                yield _won(entry, "an entry of the menu")
        yield from map(_lost, decision.services.losers)
    if decision.boot is not None:
        winner = decision.boot.winner
        hidden = decision.services is not None and decision.services.single is not None
        if winner is not None and hidden:
            yield Candidate(
                name=f"{winner.where} {winner.text}",
                verdict="lost",
                why="a single pxe-service for UEFI hides every dhcp-boot",
            )
        elif winner is not None:
            yield _won(winner, decision.boot.why)
        yield from map(_lost, decision.boot.losers)


def _won(line: PxeService | DhcpBoot, why: str) -> Candidate:
    return Candidate(name=f"{line.where} {line.text}", verdict="won", why=why)


def _lost(loser: Loser) -> Candidate:
    return Candidate(name=f"{loser.where} {loser.text}", verdict="lost", why=loser.why)
