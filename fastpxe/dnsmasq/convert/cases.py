"""The outcomes of a dnsmasq configuration as cases, of which the first that matches decides.

The choices are those of fastpxe.dnsmasq.engine.decide: the last dhcp-boot whose tags match, the
only service of a UEFI architecture, menus, dhcp-ignore, ranges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Literal

from fastpxe.dnsmasq.convert.predicates import IPXE, Inexpressible, has_text
from fastpxe.dnsmasq.convert.sample_networks import SampleNetwork
from fastpxe.dnsmasq.convert.tags import Env, Tagger, Untranslated, all_hold, derive, set_tag
from fastpxe.dnsmasq.engine.choose import FIRST_UEFI_ARCH, Names, build_menu
from fastpxe.dnsmasq.engine.decide import is_named
from fastpxe.dnsmasq.engine.message import octets
from fastpxe.dnsmasq.syntax.model import BootServer, DhcpBoot, DnsmasqConfig, Line, PxeService
from fastpxe.policy.conditions import (
    NO,
    YES,
    Cases,
    Condition,
    Test,
    always,
    either,
    only,
    when,
)

ARCH_MAX = 0xFFFF
FILE_MAX = 127  # dnsmasq cuts what doesn't fit the header
FAMILIES = "PXEClient", "HTTPClient"

Kind = Literal["file", "silent", "nothing", "local", "elsewhere"]


@dataclass(frozen=True)
class CaseOutcome:
    """The file of a client, or the reason why it gets none.

    silent: no reply. nothing: a reply without a file. local: a menu entry that boots the local
    disk. elsewhere: a boot server of a type that the client must find. lines: those that decide;
    they don't count when outcomes are compared. menu: all its entries, if it has several.
    """

    kind: Kind
    file: str = ""
    server: IPv4Address | None = None
    lines: tuple[Line, ...] = field(default=(), compare=False)
    menu: tuple[PxeService, ...] = ()

    def __or__(self, other: "CaseOutcome") -> "CaseOutcome":
        lines = sorted({*self.lines, *other.lines}, key=lambda line: line.where)
        return replace(self, lines=tuple(lines))


SILENT = CaseOutcome("silent")


class CaseBuilder:
    """The cases in a network. `untranslated` are the lines that no rule can express."""

    def __init__(self, config: DnsmasqConfig, network: SampleNetwork) -> None:
        self.config = config
        self.network = network
        self.names = Names(config.hosts_names)
        self.tagger = Tagger(config, network.place.candidates, network.place.interface)

    @property
    def untranslated(self) -> tuple[Untranslated, ...]:
        return tuple(self.tagger.untranslated)

    def cases(self) -> Cases[CaseOutcome]:
        """The outcomes of all clients of the network. Raises TooManyCases."""
        if not self.config.is_pxe_enabled:
            return always(SILENT)
        by_request = self.tagger.by_request()
        env = derive(self.config.tag_ifs, by_request)
        cases: Cases[CaseOutcome] = always(SILENT)
        for candidate in reversed(self.network.place.candidates):
            line = self.config.ranges[candidate.index]
            if line.is_proxy:
                with_range = (
                    by_request if line.sets is None else set_tag(by_request, line.sets, YES)
                )
                answers = self._answers(derive(self.config.tag_ifs, with_range))
                cases = when(all_hold(line.tags, env), answers, cases)
        for ignore in reversed(self.config.ignores):
            if ignore.tags:
                ignored = always(CaseOutcome("silent", lines=(ignore,)))
                cases = when(all_hold(ignore.tags, env), ignored, cases)
        return when(_answered(self.config.pxe_vendors), cases, always(SILENT))

    def _answers(self, env: Env) -> Cases[CaseOutcome]:
        """The outcomes of the clients of a range that are not ignored."""
        boots = self._boots(env)
        cases = boots
        for arch in reversed(dict.fromkeys(line.csa for line in self.config.services)):
            services = [line for line in self.config.services if line.csa == arch]
            if not 0 <= arch <= ARCH_MAX:
                continue
            menu = self._menu(arch, services, env, boots)
            cases = when(only(Condition(arches=(arch,))), menu, cases)
        return cases

    def _boots(self, env: Env) -> Cases[CaseOutcome]:
        """dhcp-boot: the last line with matching tags, else the last one without tags."""
        untagged = [line for line in self.config.boots if not line.tags]
        cases = always(self._boot(untagged[-1]) if untagged else CaseOutcome("nothing"))
        for line in self.config.boots:
            if line.tags:
                cases = when(all_hold(line.tags, env), always(self._boot(line)), cases)
        return cases

    def _boot(self, line: DhcpBoot) -> CaseOutcome:
        file = octets(line.file)[:FILE_MAX]
        if not file:
            return CaseOutcome("nothing", lines=(line,))
        return self._file(file, line.server, (line,))

    def _menu(
        self,
        arch: int,
        services: Sequence[PxeService],
        env: Env,
        boots: Cases[CaseOutcome],
        chosen: tuple[PxeService, ...] = (),
    ) -> Cases[CaseOutcome]:
        """The outcomes of an architecture: a branch for each service, with it and without."""
        if not services:
            return self._entries(arch, chosen, boots)
        line, *others = services
        test = all_hold(line.tags, env)
        without = boots if test == YES else self._menu(arch, others, env, boots, chosen)
        with_it = boots if test == NO else self._menu(arch, others, env, boots, (*chosen, line))
        return when(test, with_it, without)

    def _entries(
        self, arch: int, entries: tuple[PxeService, ...], boots: Cases[CaseOutcome]
    ) -> Cases[CaseOutcome]:
        files = [entry for entry in entries if entry.basename is not None]
        if arch >= FIRST_UEFI_ARCH and len(files) == 1:
            return always(self._entry(files[0]))
        fits = build_menu(entries, self.network.own, self.names, has_prompt=True)
        if not entries or not fits:
            return boots
        first = replace(self._entry(entries[0]), menu=entries if len(entries) > 1 else ())
        if arch < FIRST_UEFI_ARCH:
            return always(first)
        # the menu is on port 4011 only, where an iPXE with a file sends no request
        of_ipxe = tuple(
            (condition, outcome if outcome.kind == "file" else first)
            for condition, outcome in boots
        )
        return when(only(IPXE), of_ipxe, always(first))

    def _entry(self, line: PxeService) -> CaseOutcome:
        """The outcome of a menu's entry."""
        if line.basename is None:
            return CaseOutcome("elsewhere" if line.type else "local", lines=(line,))
        file = octets(line.basename)
        file = file if b"." in file else file + b".0"
        return self._file(file[:FILE_MAX], line.server, (line,))

    def _file(self, file: bytes, server: BootServer, lines: tuple[Line, ...]) -> CaseOutcome:
        address = self.names.resolve(server) if is_named(server) else None
        if address is not None and not int(address):
            address = None
        return CaseOutcome("file", file.decode("utf-8", "surrogateescape"), address, lines)


def _answered(vendors: Sequence[str]) -> Test:
    """The clients of the configuration's PXE classes, as far as fastpxe supports the classes.

    A configuration for PXEClient alone needs no condition: a rule without a URL doesn't match UEFI
    HTTP Boot.
    """
    if all_of_family("PXEClient", vendors) and (
        all_of_family("HTTPClient", vendors) or not includes_http(vendors)
    ):
        return YES
    test = NO
    for vendor in vendors:
        for family in FAMILIES:
            if family.startswith(vendor) or vendor.startswith(family):
                test = either(test, _only_if_writable(max(family, vendor, key=len)))
    return test


def all_of_family(family: str, vendors: Sequence[str]) -> bool:
    return any(family.startswith(vendor) for vendor in vendors)


def includes_http(vendors: Sequence[str]) -> bool:
    """Whether the configuration answers UEFI HTTP Boot."""
    return all_of_family("HTTPClient", vendors) or any(v.startswith("HTTPClient") for v in vendors)


def _only_if_writable(vendor: str) -> Test:
    try:
        return only(has_text(octets(vendor), is_prefix=True))
    except Inexpressible:
        return NO


def everywhere(builders: Sequence[CaseBuilder], *, is_bounded: bool) -> Cases[CaseOutcome]:
    """The cases of all networks, by the client's subnet where they differ. Raises TooManyCases.

    is_bounded: a client of no network gets no answer; otherwise it is handled as in the first one.
    """
    subnets = tuple(builder.network.subnet for builder in builders)
    by_network = [builder.cases() for builder in builders]
    if not by_network:
        return always(SILENT)
    first, *others = by_network
    outside = always(SILENT) if is_bounded else first
    if all(other == first for other in others):
        return when(only(Condition(subnets=subnets)), first, outside)
    cases = outside
    for subnet, inside in reversed(list(zip(subnets, by_network, strict=True))):
        cases = when(only(Condition(subnets=(subnet,))), inside, cases)
    return cases
