"""Translate a dnsmasq configuration to a fastpxe.toml with the same replies.

"The last line whose tags match" becomes "the first rule that matches", and a tag the test that sets
it. A line that a fastpxe.toml can't express becomes a comment that starts with TRAP.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence

import msgspec

from fastpxe.dhcp.constants import HTTP_ARCHES
from fastpxe.dnsmasq.convert.cases import CaseBuilder, CaseOutcome, everywhere, includes_http
from fastpxe.dnsmasq.convert.caveats import config_traps, interfaces_of, place, tftp_table, trap_of
from fastpxe.dnsmasq.convert.predicates import client_tests
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

TWO_TEXTS = "no rule can test two texts of one class; this line has no rule"
URL_FOR_FIRMWARE = "a URL, which PXE firmware can't fetch"
HTTP_NEEDS_URL = "UEFI HTTP Boot needs a URL, not a file"
LACKS = {
    "nothing": "dnsmasq replies without a boot file; fastpxe doesn't reply",
    "local": "an entry for the local disk; fastpxe doesn't reply, and the firmware continues",
    "elsewhere": "an entry for a type of boot server; fastpxe has no such entries",
}


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a fastpxe.toml, and the remarks on parts that it can't express.

    traps: remarks on the whole file; each rule has its own. untranslated: tests that no rule can
    express. has_two_texts: some cases have no rule, since they test two texts of one class.
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
    """Translate a configuration, with the `comments` above its lines."""
    _, networks = sample_networks(config)
    cases, untranslated, is_cut = _cases(config, networks)
    writer = _Writer(config, comments or {}, cases)
    rules = tuple(writer.rules())
    traps = (
        *config_traps(config, networks),
        *_unset(config, networks),
        *(trap_of(test.line, f"no rule can test {test.why}") for test in untranslated),
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
    "the tags divide the clients into too many cases for rules: the tests of the lines are left "
    "out, and every client gets the reply for a client without tags",
)

_AGAIN = Trap(
    "ipxe_too",
    "",
    "iPXE gets iPXE again, as from dnsmasq: that works only if a script is embedded in it; else "
    "remove ipxe_too, and add a rule with ipxe = true and a script before it",
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
    """Whether a line tests a tag that this line sets; one dhcp-host can replace another."""
    lines = config.hosts if isinstance(line, DhcpHost) else (line,)
    return any(_sets(setter) & _tested(config) for setter in lines)


def _tested(config: DnsmasqConfig) -> frozenset[str]:
    """The tags that a line tests."""
    tests: tuple[tuple[Tag, ...], ...] = tuple(
        line.tags
        for lines in (config.boots, config.services, config.ignores, config.ranges,
                      config.tag_ifs, config.hosts)
        for line in lines
    )  # fmt: skip
    tags = [tag for test in tests for tag in test]
    starts = tuple(tag.name for tag in tags if tag.wildcard)
    wild = {
        name for line in client_tests(config) for name in _sets(line) if name.startswith(starts)
    }
    return frozenset(tag.name for tag in tags if not tag.wildcard) | wild


_BUILT_IN = frozenset(("known", "known-othernet", "cpewan-id", ""))


def _sets(line: Line) -> frozenset[str]:
    if isinstance(line, DhcpHost):
        return frozenset(("known", "known-othernet", *line.sets))
    return frozenset((line.sets,))  # type: ignore[attr-defined]


def _unset(config: DnsmasqConfig, networks: Sequence[SampleNetwork]) -> Iterator[Trap]:
    """Remarks on tags that no line sets, which can only be names of interfaces."""
    known = {name for line in client_tests(config) for name in _sets(line)}
    known |= {line.sets for line in config.ranges if line.sets is not None}
    known |= {name for line in config.tag_ifs for name in line.sets}
    subnets = {network.interface: network.subnet for network in networks}
    for name in sorted(_tested(config) - known - _BUILT_IN):
        why = "no line sets this tag, and no interface has that name"
        if name in subnets:
            why = f"no line sets this tag; it is read as the interface in {subnets[name]}"
        yield Trap(f"tag:{name}", "", why)


def files_of(config: DnsmasqConfig) -> list[str]:
    """The files of its lines; one of them may be "command line"."""
    lines = (*config.ranges, *config.boots, *config.services, *client_tests(config))
    return list(dict.fromkeys(line.where.file for line in lines))


# --- rules --------------------------------------------------------------------------------------


class _Writer:
    """Writes the cases as rules. `traps` are remarks on cases without a rule."""

    def __init__(
        self, config: DnsmasqConfig, comments: Comments, cases: Cases[CaseOutcome]
    ) -> None:
        self.config = config
        self.cases = cases
        self.left = dict(comments)  # each is written once
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
        """For iPXE, and for UEFI HTTP Boot if dnsmasq answers it; PXE firmware gets no reply."""
        both = condition if self.has_http else meet(condition, Condition(ipxe=(True,)))
        traps = list(_menu(outcome))
        if condition.ipxe is None:
            why = "a URL, which PXE firmware can't fetch: it gets no reply"
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
        """The comments above the lines of the rule, and above the lines that set its tags."""
        names = {tag.name for line in outcome.lines for tag in _tags(line) if not tag.negated}
        tests = [line for line in client_tests(self.config) if _sets(line) & names]
        for line in (*tests, *outcome.lines):
            yield from self.left.pop(line.where, ())


def _objections(condition: Condition, outcome: CaseOutcome) -> Iterator[str]:
    """The reasons why fastpxe.policy.config would refuse a rule."""
    if not (outcome.file.isascii() and outcome.file.isprintable()):
        yield "fastpxe accepts only printable ASCII as a file name"
    is_url = URL.match(outcome.file) is not None
    if not is_url and outcome.file.startswith(("http://", "https://")):
        yield "a URL without a host"
    server = outcome.server
    if server is not None and (server.is_loopback or int(server) >= 0xE0000000):
        yield f"{server} is not an address of a server"
    http_only = condition.arches is not None and HTTP_ARCHES.issuperset(condition.arches)
    if http_only and not is_url:
        yield HTTP_NEEDS_URL
    if is_url and condition.ipxe == (False,):
        yield URL_FOR_FIRMWARE


def _menu(outcome: CaseOutcome) -> Iterator[Trap]:
    if outcome.menu:
        others = "; ".join(f"{place(line.where)} {line.text}" for line in outcome.menu[1:])
        why = f"a menu of {len(outcome.menu)} entries; fastpxe boots the first, and not {others}"
        yield trap_of(outcome.menu[0], why)


def _tags(line: Line) -> tuple[Tag, ...]:
    return line.tags if isinstance(line, DhcpBoot | PxeService | Ignore) else ()


def _name(outcome: CaseOutcome) -> str:
    if not outcome.lines:
        return "no answer"
    line = outcome.lines[0]
    key = re.split("[= ]", line.text.lstrip("-"), maxsplit=1)[0]
    return f"{place(line.where)} {key}"
