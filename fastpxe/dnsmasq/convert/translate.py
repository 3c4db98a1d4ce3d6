"""A dnsmasq configuration becomes the fastpxe.toml that gives the same answers.

"The last line whose tags hold" becomes "the first rule that matches", a tag becomes the test that
sets it. What a fastpxe.toml can't say is a comment in it that begins with TRAP.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence

import msgspec

from fastpxe.dhcp.constants import HTTP_ARCHES
from fastpxe.dnsmasq.convert.cases import CaseBuilder, CaseOutcome, everywhere, includes_http
from fastpxe.dnsmasq.convert.caveats import config_traps, interfaces_of, place, tftp_table, trap_of
from fastpxe.dnsmasq.convert.sample_networks import SampleNetwork, sample_networks
from fastpxe.dnsmasq.convert.tags import Untranslated
from fastpxe.dnsmasq.convert.toml_writer import BootRule, Trap, document, is_writable
from fastpxe.dnsmasq.syntax.comments import Comments
from fastpxe.dnsmasq.syntax.model import (
    DhcpBoot,
    DhcpHost,
    DnsmasqConfig,
    Ignore,
    Line,
    PxeService,
    Tag,
)
from fastpxe.firmware.binaries import is_ipxe_binary
from fastpxe.policy.conditions import Cases, Condition, TooManyCases, meet

URL = re.compile(r"https?://[^/]")

TWO_TEXTS = "no rule can ask for two texts in one class; left out"
LACKS = {
    "nothing": "dnsmasq answers without a boot file; fastpxe is silent",
    "local": "an entry that boots from the local disk; fastpxe is silent, and the firmware goes on",
    "elsewhere": "an entry for a boot server of a type; fastpxe has none",
}


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a fastpxe.toml, and what became of what it can't say.

    `traps` are of the whole file; each rule has its own. `untranslated` are the tests that no rule
    makes; `has_two_texts` tells of cases for which none could be written.
    """

    text: str
    rules: tuple[BootRule, ...]
    traps: tuple[Trap, ...]
    untranslated: tuple[Untranslated, ...]
    has_two_texts: bool

    @property
    def all_traps(self) -> tuple[Trap, ...]:
        return (*self.traps, *(trap for rule in self.rules for trap in rule.traps))


def translate(config: DnsmasqConfig, comments: Comments | None = None) -> Translation:
    """Write a configuration anew. `comments` stand above its lines."""
    _, networks = sample_networks(config)
    cases, untranslated, is_cut = _cases(config, networks)
    writer = _Writer(config, comments or {}, cases)
    rules = tuple(writer.rules())
    traps = (
        *config_traps(config, networks),
        *_unset(config, networks),
        *(trap_of(lost.line, f"no rule can test {lost.why}") for lost in untranslated),
        *writer.traps,
        *([_TOO_MANY] if is_cut else []),
        *([_AGAIN] if any(rule.ipxe_too for rule in rules) else []),
    )
    tables = {"": interfaces_of(config), "tftp": tftp_table(config)}
    names = ", ".join(posixpath.basename(file) for file in files_of(config))
    title = f"The same answers as those of {names or 'a dnsmasq configuration'}."
    return Translation(
        text=document(title, traps, tables, rules),
        rules=rules,
        traps=traps,
        untranslated=untranslated,
        has_two_texts=writer.has_two_texts,
    )


_TOO_MANY = Trap(
    "tags",
    "",
    "the tags cut the clients into too many cases to write them down: what the lines test is left "
    "out, and every client gets what one without any tag gets",
)

_AGAIN = Trap(
    "ipxe_too",
    "",
    "iPXE is given iPXE, as by dnsmasq: it goes on only if a script is built into that one; "
    "else take ipxe_too out, and put a rule with ipxe = true and a script in front",
)


def _cases(
    config: DnsmasqConfig, networks: Sequence[SampleNetwork]
) -> tuple[Cases[CaseOutcome], tuple[Untranslated, ...], bool]:
    is_bounded = all(line.netmask is not None for line in config.ranges)
    try:
        builders = [CaseBuilder(config, network) for network in networks]
        cases = everywhere(builders, is_bounded=is_bounded)
        is_cut = False
    except TooManyCases:
        plain = msgspec.structs.replace(
            config, matches=(), class_matches=(), mac_matches=(), hosts=(), tag_ifs=()
        )
        builders = [CaseBuilder(plain, network) for network in networks]
        cases = everywhere(builders, is_bounded=is_bounded)
        is_cut = True
    untranslated = dict.fromkeys(test for builder in builders for test in builder.untranslated)
    return cases, tuple(test for test in untranslated if _matters(config, test.line)), is_cut


def _matters(config: DnsmasqConfig, line: Line) -> bool:
    """Whether a tag of the line is asked for; one dhcp-host takes the place of another."""
    lines = config.hosts if isinstance(line, DhcpHost) else (line,)
    return any(_sets(setter) & _tested(config) for setter in lines)


def _tested(config: DnsmasqConfig) -> frozenset[str]:
    """The tags that some line asks for."""
    asking: tuple[tuple[Tag, ...], ...] = tuple(
        line.tags
        for lines in (config.boots, config.services, config.ignores, config.ranges,
                      config.tag_ifs, config.hosts)
        for line in lines
    )  # fmt: skip
    tags = [tag for asked in asking for tag in asked]
    starts = tuple(tag.name for tag in tags if tag.wildcard)
    wild = {name for line in _setters(config) for name in _sets(line) if name.startswith(starts)}
    return frozenset(tag.name for tag in tags if not tag.wildcard) | wild


def _setters(config: DnsmasqConfig) -> Iterator[Line]:
    """The lines that test a client."""
    yield from config.relay_matches
    yield from config.mac_matches
    yield from config.matches
    yield from config.class_matches
    yield from config.name_matches
    yield from config.hosts


_DNSMASQ_S_OWN = frozenset(("known", "known-othernet", "cpewan-id", ""))


def _sets(line: Line) -> frozenset[str]:
    if isinstance(line, DhcpHost):
        return frozenset(("known", "known-othernet", *line.sets))
    return frozenset((line.sets,))  # type: ignore[attr-defined]


def _unset(config: DnsmasqConfig, networks: Sequence[SampleNetwork]) -> Iterator[Trap]:
    """Tags that no line sets: they can only be interfaces' names."""
    known = {name for line in _setters(config) for name in _sets(line)}
    known |= {line.sets for line in config.ranges if line.sets is not None}
    known |= {name for line in config.tag_ifs for name in line.sets}
    places = {network.interface: network.subnet for network in networks}
    for name in sorted(_tested(config) - known - _DNSMASQ_S_OWN):
        why = "no line sets this tag, and fastpxe knows no interface of that name here"
        if name in places:
            why = f"no line sets this tag; it is taken for the interface on {places[name]}"
        yield Trap(f"tag:{name}", "", why)


def files_of(config: DnsmasqConfig) -> list[str]:
    """The files that its lines stand in; one of them may be "command line"."""
    lines = (*config.ranges, *config.boots, *config.services, *_setters(config))
    return list(dict.fromkeys(line.where.file for line in lines))


# --- rules --------------------------------------------------------------------------------------


class _Writer:
    """Writes the cases as rules. `traps` are those of cases that no rule can be written for."""

    def __init__(
        self, config: DnsmasqConfig, comments: Comments, cases: Cases[CaseOutcome]
    ) -> None:
        self.config = config
        self.cases = cases
        self.left = dict(comments)  # each is shown once
        self.has_http = includes_http(config.pxe_vendors)
        self.traps: list[Trap] = []
        self.has_two_texts = False

    def rules(self) -> Iterator[BootRule]:
        for at, (condition, outcome) in enumerate(self.cases):
            if not is_writable(condition):
                self.has_two_texts = True
                self.traps += (trap_of(line, TWO_TEXTS) for line in outcome.lines)
                continue
            later = (other for other, got in self.cases[at + 1 :] if got.kind == "file")
            is_last = not any(meet(condition, other) for other in later)
            yield from self._rules(condition, outcome, is_last=is_last)

    def _rules(
        self, condition: Condition, outcome: CaseOutcome, *, is_last: bool
    ) -> Iterator[BootRule]:
        trap = self._lack(condition, outcome)
        if URL.match(outcome.file) and trap is None:
            yield from self._url(condition, outcome, is_last=is_last)
        elif outcome.kind == "file" and trap is None:
            yield self._file(condition, outcome)
        elif outcome.lines and (not is_last or trap is not None):
            yield self._rule(condition, outcome, traps=() if trap is None else (trap,))
        elif not is_last:
            yield self._rule(condition, outcome)
        elif trap is not None:
            self.traps.append(trap)

    def _lack(self, condition: Condition, outcome: CaseOutcome) -> Trap | None:
        """Why no rule can express the outcome."""
        line = outcome.lines[0] if outcome.lines else None
        why = LACKS.get(outcome.kind, "")
        if outcome.kind == "file":
            why = next(_objections(condition, outcome), "")
        if not why:
            return None
        return Trap("no line applies", "", why) if line is None else trap_of(line, why)

    def _file(self, condition: Condition, outcome: CaseOutcome) -> BootRule:
        is_for_ipxe = condition.ipxe or condition.user_classes
        ipxe_too = is_ipxe_binary(outcome.file) and not is_for_ipxe
        return self._rule(
            condition, outcome, file=outcome.file, ipxe_too=ipxe_too, traps=tuple(_menu(outcome))
        )

    def _url(
        self, condition: Condition, outcome: CaseOutcome, *, is_last: bool
    ) -> Iterator[BootRule]:
        """For iPXE, and for UEFI HTTP Boot where dnsmasq answers that. Firmware is sent away."""
        both = condition if self.has_http else meet(condition, Condition(ipxe=(True,)))
        traps = list(_menu(outcome))
        if condition.ipxe is None:
            why = "this is a URL, and PXE firmware takes none: it gets no answer here"
            traps.append(trap_of(outcome.lines[0], why))
        if both is not None:
            yield self._rule(both, outcome, url=outcome.file, traps=tuple(traps))
        if condition.ipxe is None and not is_last:
            yield self._rule(condition, CaseOutcome("silent", lines=outcome.lines))

    def _rule(
        self,
        condition: Condition,
        outcome: CaseOutcome,
        *,
        file: str = "",
        url: str = "",
        ipxe_too: bool = False,
        traps: tuple[Trap, ...] = (),
    ) -> BootRule:
        return BootRule(
            name=_name(outcome),
            condition=condition,
            file=file,
            url=url,
            server=outcome.server if file or url else None,
            ipxe_too=ipxe_too,
            comments=tuple(self._comments(outcome)),
            traps=traps,
        )

    def _comments(self, outcome: CaseOutcome) -> Iterator[str]:
        """Those above the lines of the rule, and above the lines that set its tags."""
        names = {tag.name for line in outcome.lines for tag in _tags(line) if not tag.negated}
        tests = [line for line in _setters(self.config) if _sets(line) & names]
        for line in (*tests, *outcome.lines):
            yield from self.left.pop(line.where, ())


def _objections(condition: Condition, outcome: CaseOutcome) -> Iterator[str]:
    """What fastpxe.policy.config would not take."""
    if not (outcome.file.isascii() and outcome.file.isprintable()):
        yield "fastpxe takes printable ASCII only as a file name"
    is_url = URL.match(outcome.file) is not None
    if not is_url and outcome.file.startswith(("http://", "https://")):
        yield "a URL without a host"
    server = outcome.server
    if server is not None and (server.is_loopback or int(server) >= 0xE0000000):
        yield f"{server} is no address of a server"
    http_only = condition.arches is not None and HTTP_ARCHES.issuperset(condition.arches)
    if http_only and not is_url:
        yield "UEFI HTTP Boot takes a URL, and no file"
    if is_url and condition.ipxe == (False,):
        yield "a URL, and PXE firmware takes none"


def _menu(outcome: CaseOutcome) -> Iterator[Trap]:
    if outcome.menu:
        others = "; ".join(f"{place(line.where)} {line.text}" for line in outcome.menu[1:])
        why = (
            f"a menu of {len(outcome.menu)} entries; fastpxe gives the first at once, not {others}"
        )
        yield trap_of(outcome.menu[0], why)


def _tags(line: Line) -> tuple[Tag, ...]:
    return line.tags if isinstance(line, DhcpBoot | PxeService | Ignore) else ()


def _name(outcome: CaseOutcome) -> str:
    if not outcome.lines:
        return "no answer"
    line = outcome.lines[0]
    key = re.split("[= ]", line.text.lstrip("-"), maxsplit=1)[0]
    return f"{place(line.where)} {key}"
