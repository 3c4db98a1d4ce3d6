"""Compare the boots of sample clients under a dnsmasq configuration and under a fastpxe.toml.

The replies are those of the Engine and of the Policy that the server uses, and each client's boot
is followed to its file. A client with another result belongs to a Difference, with the reason.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe._codec import KINDS
from fastpxe.dhcp._request import Request
from fastpxe.dhcp.constants import DHCP_SERVER_PORT
from fastpxe.dnsmasq.convert.caveats import place
from fastpxe.dnsmasq.convert.sample_clients import SampleClient, sample_clients
from fastpxe.dnsmasq.convert.sample_networks import SampleNetwork, sample_networks
from fastpxe.dnsmasq.convert.translate import (
    HTTP_NEEDS_URL,
    LACKS,
    TWO_TEXTS,
    URL,
    URL_FOR_FIRMWARE,
    Translation,
)
from fastpxe.dnsmasq.engine.decision import Decision
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine
from fastpxe.dnsmasq.engine.message import read
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Line, PxeService
from fastpxe.firmware.boot import Outcome, boot
from fastpxe.firmware.requests import Client
from fastpxe.policy import compiler
from fastpxe.policy.compiler import Compiled
from fastpxe.policy.config import Config

FAMILIES = "PXEClient", "HTTPClient"
INDISTINGUISHABLE = "no rule can distinguish these clients from others"


class Comparison(msgspec.Struct, frozen=True):
    """A client, and the outcome of its boot with each server.

    `line` is the line that dnsmasq chose, `tests` are the lines whose tests the client meets.
    """

    sample: SampleClient
    dnsmasq: Outcome
    fastpxe: Outcome
    line: Line | None
    tests: tuple[Line, ...]

    @property
    def is_same(self) -> bool:
        """Whether both outcomes are the same, except for a server that dnsmasq doesn't send."""
        return self.fastpxe in (self.dnsmasq, with_server(self.dnsmasq))


def with_server(outcome: Outcome) -> Outcome:
    """The outcome with this machine as the server, where iPXE got none."""
    kind = "file" if outcome.kind == "no-server" else outcome.kind
    others = tuple(map(with_server, outcome.others))
    return msgspec.structs.replace(outcome, kind=kind, others=others)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Clients with another outcome, and the reason. `where` is the line's "file:line"."""

    where: str
    text: str
    why: str
    clients: int
    example: str
    dnsmasq: str
    fastpxe: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """All clients that were compared, and the differences."""

    comparisons: tuple[Comparison, ...]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        return not self.differences

    @property
    def summary(self) -> str:
        count = sum(comparison.is_same for comparison in self.comparisons)
        return f"{len(self.comparisons)} clients compared, {count} the same"


def verify(config: DnsmasqConfig, native: Config, translation: Translation) -> Verification:
    """Compare a configuration with its translation."""
    engine, networks = sample_networks(config)
    compiled = compiler.build(native, [network.own for network in networks])
    comparisons = tuple(
        compare(engine, compiled, sample) for sample in sample_clients(config, networks)
    )
    grouped: dict[tuple[str, str, str], list[Comparison]] = {}
    for comparison in comparisons:
        if not comparison.is_same:
            grouped.setdefault(_reason(comparison, translation), []).append(comparison)
    return Verification(
        comparisons=comparisons,
        differences=tuple(_difference(*named, group) for named, group in grouped.items()),
    )


def compare(engine: Engine, compiled: Compiled, sample: SampleClient) -> Comparison:
    """Follow the boot of a client with both servers."""
    client, network, is_steered = sample.client, sample.network, sample.is_steered
    theirs, ours = _Dnsmasq(engine, network), _Fastpxe(compiled, network)
    of_dnsmasq = boot(client, network.own, theirs.ask, is_steered=is_steered)
    of_fastpxe = boot(client, network.own, ours.ask, is_steered=is_steered)
    tests = tuple(_holding(engine, client)) if of_dnsmasq != of_fastpxe else ()
    return Comparison(sample, of_dnsmasq, of_fastpxe, theirs.line, tests)


def _holding(engine: Engine, client: Client) -> Iterator[Line]:
    """The lines that set a tag for this client."""
    config, hits = engine.config, engine.tests.hits(read(client.request(client.ciaddr)))
    yield from (config.relay_matches[i] for i in hits.relays)
    yield from (config.mac_matches[i] for i in hits.macs)
    yield from (config.matches[i] for i in hits.matches)
    yield from (config.class_matches[i] for i in hits.classes)
    yield from (config.name_matches[i] for i in hits.names)
    yield from (config.hosts[hit.index] for hit in hits.hosts)


class _Dnsmasq:
    def __init__(self, engine: Engine, network: SampleNetwork) -> None:
        self.engine = engine
        self.network = network
        self.line: Line | None = None  # of the last decision

    def ask(
        self, datagram: bytes, port: int, source: IPv4Address, source_port: int
    ) -> bytes | None:
        if port == DHCP_SERVER_PORT:
            port = self.engine.config.network.server_port
        arrival = Arrival(
            interface=self.network.interface, port=port, source=source, source_port=source_port
        )
        answer = self.engine.answer(datagram, arrival)
        if self.line is None or not isinstance(self.line, PxeService):  # keep a menu's first entry
            self.line = _line(answer.decision) or self.line
        return answer.data if isinstance(answer, Answer) else None


def _line(decision: Decision | None) -> Line | None:
    if decision is None:
        return None
    if decision.item is not None:
        return decision.item
    services, boot_line = decision.services, decision.boot
    if services is not None and services.single is not None:
        return services.single
    return None if boot_line is None else boot_line.winner


class _Fastpxe:
    def __init__(self, compiled: Compiled, network: SampleNetwork) -> None:
        self.native = compiled.native
        self.network = network

    def ask(
        self, datagram: bytes, port: int, source: IPv4Address, source_port: int
    ) -> bytes | None:
        reason, reply, *_ = self.native.decide(
            datagram,
            port=port,
            source=int(source),
            source_port=source_port,
            address=int(self.network.own),
            netmask=int(self.network.subnet.netmask),
        )
        return None if reason else reply


# --- reasons ------------------------------------------------------------------------------------


def _difference(where: str, text: str, why: str, group: Sequence[Comparison]) -> Difference:
    example = group[0]
    return Difference(
        where=where,
        text=text,
        why=why,
        clients=len(group),
        example=str(example.sample),
        dnsmasq=str(example.dnsmasq),
        fastpxe=str(example.fastpxe),
    )


def _reason(comparison: Comparison, translation: Translation) -> tuple[str, str, str]:
    """The location, its text, and the reason why this client has another outcome."""
    untranslated = {test.line: test.why for test in translation.untranslated}
    for line in comparison.tests:
        if line in untranslated:
            return place(line.where), line.text, f"no rule can test {untranslated[line]}"
    lines = [line for line in (comparison.line, *comparison.tests) if line is not None]
    where, text = (place(lines[0].where), lines[0].text) if lines else ("", "")
    why = _why(comparison)
    if not why:
        traps = {trap.where: trap.why for trap in translation.all_traps}
        why = next((traps[at] for line in lines if (at := place(line.where)) in traps), "")
    return where or "no line applies", text, why or _guess(comparison, translation)


def _guess(comparison: Comparison, translation: Translation) -> str:
    """The probable reason if neither the client nor its line gives one."""
    if translation.has_two_texts:
        return TWO_TEXTS
    if any(trap.where.startswith("shared-network") for trap in translation.traps):
        return "shared-network is not imported"
    if int(comparison.sample.client.giaddr):
        return "behind a relay dnsmasq can use its ranges in another order"
    return INDISTINGUISHABLE


def _why(comparison: Comparison) -> str:
    client, theirs = comparison.sample.client, comparison.dnsmasq
    if not client.class_text.startswith(FAMILIES):
        return "fastpxe answers the vendor classes PXEClient and HTTPClient"
    if KINDS[Request(client.discover()).kind_as(client.arch)] == "rpi":
        return 'a Raspberry Pi, for which a rule needs arch = "rpi"'
    if theirs.others:
        return f"a menu of {len(theirs.others) + 1} entries; fastpxe boots the first"
    if theirs.kind in LACKS:
        return LACKS[theirs.kind]
    is_http = client.class_text.startswith("HTTPClient")
    if URL.match(theirs.file) and not is_http and not client.ipxe:
        return URL_FOR_FIRMWARE
    if is_http and theirs.kind == "file" and not URL.match(theirs.file):
        return HTTP_NEEDS_URL
    return ""
