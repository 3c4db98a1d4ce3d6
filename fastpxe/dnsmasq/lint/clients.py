"""Traps that show in what clients get: the engine was asked, so that they are true.

Sources: dnsmasq 2.90 and its replies; UEFI 2.10 section 24 (HTTP Boot); iPXE, autoboot.c.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from fastpxe.dhcp.constants import HTTP_ARCHES, Arch, Option
from fastpxe.dhcp.decode import arch_name
from fastpxe.dhcp.pxe_options import SubOption
from fastpxe.dnsmasq.engine.decision import Decision
from fastpxe.dnsmasq.engine.tags import names, unmet
from fastpxe.dnsmasq.lint.network import where_of
from fastpxe.dnsmasq.lint.sweep import Seen, Sweep
from fastpxe.dnsmasq.syntax.model import DhcpBoot, DnsmasqConfig, Line, PxeService
from fastpxe.findings import Finding
from fastpxe.firmware.binaries import is_bios_file, is_ipxe_binary

X64 = (Arch.UEFI_X64.value, Arch.UEFI_EBC.value)

Giver = DhcpBoot | PxeService
Key = TypeVar("Key")


def check_clients(config: DnsmasqConfig, sweep: Sweep) -> Iterator[Finding]:
    """Every trap of this kind."""
    seen = sweep.seen
    yield from _hidden_for_uefi(config, seen)
    yield from _fallback_in_last_place(config, seen)
    yield from _wrong_binaries(seen)
    yield from _x64_twice(config, seen)
    yield from _ipxe_loop(seen)
    yield from _not_for_pxe(config, seen)
    yield from _http(config, seen)
    yield from _menus(sweep)
    yield from _prompts(config, seen)


def arches_text(arches: Iterable[int]) -> str:
    return ", ".join(f"{arch_name(arch)} ({arch})" for arch in sorted(set(arches)))


def _by(seen: Iterable[Seen], key: Callable[[Seen], Iterable[Key]]) -> dict[Key, list[Seen]]:
    """Those seen under each of their keys, in the order in which they were seen."""
    found: dict[Key, list[Seen]] = {}
    for one in seen:
        for each in key(one):
            found.setdefault(each, []).append(one)
    return found


def _ordinary(seen: Iterable[Seen], *, is_ipxe: bool) -> list[Seen]:
    return [one for one in seen if one.is_ordinary and one.is_ipxe == is_ipxe]


# --- dhcp-boot ----------------------------------------------------------------------------------


def _hidden_for_uefi(config: DnsmasqConfig, seen: Iterable[Seen]) -> Iterator[Finding]:
    """A dhcp-boot that would win but for the one pxe-service of a UEFI architecture."""
    hidden = _by((one for one in seen if _single(one) is not None), _boot_winner)
    for boot in config.boots:
        # A fallback for BIOS machines is hidden from others on purpose.
        if boot not in hidden or is_bios_file(boot.file):
            continue
        service = _single(hidden[boot][0])
        if service is None or (service.basename, service.server) == (boot.file, boot.server):
            continue
        yield Finding(
            name="hidden-boot",
            where=str(boot.where),
            effect=f"{arches_text(one.arch for one in hidden[boot])} never sees this line: a "
            f"pxe-service that is alone for a UEFI architecture hides every dhcp-boot, and "
            f"{service.where} gives {service.basename}",
            advice="change the file there; keep this line the same, or take it out",
        )


def _single(one: Seen) -> PxeService | None:
    return None if one.offer.services is None else one.offer.services.single


def _boot_winner(one: Seen) -> list[DhcpBoot]:
    winner = None if one.offer.boot is None else one.offer.boot.winner
    return [] if winner is None else [winner]


def _fallback_in_last_place(config: DnsmasqConfig, seen: Iterable[Seen]) -> Iterator[Finding]:
    """A line without tags behind tagged ones looks as if it replaced them."""
    last = config.boots[-1] if config.boots else None
    if last is None or last.tags or not any(boot.tags for boot in config.boots):
        return
    others = [one for one in seen for boot in _boot_winner(one) if boot.tags]
    if others:
        winners = {boot for one in others for boot in _boot_winner(one)}
        wheres = [str(boot.where) for boot in config.boots if boot in winners]
        yield Finding(
            name="untagged-boot-last",
            where=str(last.where),
            effect="a dhcp-boot without tags is a fallback wherever it stands, and replaces none "
            f"with tags: {arches_text(one.arch for one in others)} can get {', '.join(wheres)}",
            advice="to replace those, give it their tags; as a fallback it is right, and plainer "
            "when it comes first",
        )


# --- the wrong file -----------------------------------------------------------------------------


def _wrong_binaries(seen: Iterable[Seen]) -> Iterator[Finding]:
    """The fallback for one kind of machine given to the other. iPXE and special machines aside."""
    plain = [one for one in _ordinary(seen, is_ipxe=False) if not one.is_http]
    for (line, file), given in _by(plain, Seen.files).items():
        uefi = [one.arch for one in given if one.is_uefi]
        if uefi and is_bios_file(line.file if isinstance(line, DhcpBoot) else line.basename or ""):
            yield Finding(
                name="bios-file-for-uefi",
                where=str(line.where),
                effect=f"{arches_text(uefi)} gets {file}, which is for BIOS: it downloads it, "
                "refuses it and stops",
                advice=_for_one_kind(line, "UEFI", "dhcp-match=set:bios,option:client-arch,0"),
            )
        if Arch.BIOS in [one.arch for one in given] and file.lower().endswith(".efi"):
            yield Finding(
                name="uefi-file-for-bios",
                where=str(line.where),
                effect=f"bios (0) gets {file}, which is for UEFI: it downloads it, and hangs",
                advice=_for_one_kind(line, "BIOS", "dhcp-match=set:uefi,option:client-arch,7"),
            )


def _for_one_kind(line: Giver, kind: str, match: str) -> str:
    if isinstance(line, PxeService):
        return f"name a file for {kind} in this line"
    tag = match.partition("set:")[2].partition(",")[0]
    return (
        f"keep it for the machines that it is for: {match}, and dhcp-boot=tag:{tag},{line.file},…"
    )


def _x64_twice(config: DnsmasqConfig, seen: Iterable[Seen]) -> Iterator[Finding]:
    """x64 firmware says 7 or 9, and dnsmasq's names for the two changed places in 2.76."""
    services = [service for service in config.services if service.csa in X64]
    if not services:
        return
    files = {
        arch: sorted({file for one in given for _, file in one.files()})
        for arch, given in _by(_ordinary(seen, is_ipxe=False), lambda one: [one.arch]).items()
    }
    seven, nine = (files.get(arch, []) for arch in X64)
    if seven == nine:
        return
    yield Finding(
        name="x64-has-two-numbers",
        where=str(services[0].where),
        effect=f"x64 firmware calls itself 7 or 9: the one gets {_listed(seven)}, the other "
        f"{_listed(nine)}; and before dnsmasq 2.76 the names stood for the other number",
        advice="write a pxe-service for x86-64_EFI (7) and one for BC_EFI (9), with one file",
    )


def _listed(files: Iterable[str]) -> str:
    return ", ".join(files) or "no file"


def _ipxe_loop(seen: Iterable[Seen]) -> Iterator[Finding]:
    given = [
        (line, file, one.arch)
        for one in _ordinary(seen, is_ipxe=True)
        for line, file in one.files()
        if is_ipxe_binary(file)
    ]
    if not given:
        return
    files = dict.fromkeys(file for _, file, _ in given)
    parts = (f"{file} to {arches_text(a for _, f, a in given if f == file)}" for file in files)
    first = min((line for line, _, _ in given), key=lambda line: line.where)
    yield Finding(
        name="ipxe-loop",
        where=str(first.where),
        effect=f"iPXE, once started, asks again and is given iPXE again: {'; '.join(parts)}. It "
        "never ends, unless a script is built into that file, as in FOG's",
        advice="dhcp-match=set:ipxe,175 and dhcp-boot=tag:ipxe,SCRIPT; write tag:!ipxe in each "
        "pxe-service",
    )


# --- classes ------------------------------------------------------------------------------------


def _not_for_pxe(config: DnsmasqConfig, seen: Iterable[Seen]) -> Iterator[Finding]:
    """dhcp-pxe-vendor replaces the class that dnsmasq knows by itself."""
    silent = [one.arch for one in seen if not one.is_http and one.offer.reason == "not-pxe"]
    if silent:
        yield Finding(
            name="pxe-clients-left-out",
            where=where_of(config),
            effect=f"dhcp-pxe-vendor={','.join(config.pxe_vendors)} replaces PXEClient: "
            f"{arches_text(silent)} is never answered",
            advice=f"dhcp-pxe-vendor=PXEClient,{','.join(config.pxe_vendors)}",
        )


def _http(config: DnsmasqConfig, seen: Iterable[Seen]) -> Iterator[Finding]:
    """UEFI HTTP Boot, where the configuration seems to want it."""
    clients = [one for one in seen if one.is_http and one.is_ordinary]
    hint = next(_http_hints(config), None)
    silent = [one.arch for one in clients if one.offer.reason == "not-pxe"]
    if silent and hint is not None:
        yield Finding(
            name="http-unanswered",
            where=str(hint.where),
            effect=f"UEFI HTTP Boot ({arches_text(silent)}) is never answered: its class is "
            "HTTPClient, and dnsmasq answers PXEClient alone",
            advice="add dhcp-pxe-vendor=PXEClient,HTTPClient",
        )
    without = [one for one in clients if one.offer.reply is not None and not _has_url(one)]
    if without:
        lines = [line for one in without for line, _ in one.files()] or _singles(without)
        yield Finding(
            name="http-without-url",
            where=str(lines[0].where) if lines else where_of(config),
            effect=f"UEFI HTTP Boot ({arches_text(one.arch for one in without)}) is answered "
            "without a URL, and stops: it never asks port 4011, where a lone pxe-service gives "
            "its file",
            advice="dhcp-match=set:http,60,HTTPClient and "
            "dhcp-boot=tag:http,http://ADDRESS/FILE.efi; no pxe-service for its architecture",
        )


def _has_url(one: Seen) -> bool:
    return one.offer.reply is not None and b"://" in one.offer.reply.file


def _singles(seen: Iterable[Seen]) -> list[Giver]:
    return [service for one in seen if (service := _single(one)) is not None]


def _http_hints(config: DnsmasqConfig) -> Iterator[Line]:
    yield from (line for line in config.services if line.csa in HTTP_ARCHES)
    yield from (line for line in config.class_matches if b"HTTPClient" in line.substring)
    yield from (line for line in config.matches if _is_about_http(line.code, line.text))
    yield from (b for b in config.boots if "://" in b.file and b.file.lower().endswith(".efi"))


def _is_about_http(code: int, text: str) -> bool:
    number = text.rpartition(",")[2].strip()
    is_number = code == Option.CLIENT_ARCH and number.isdecimal()
    return (is_number and int(number[:5]) in HTTP_ARCHES) or "HTTPClient" in text


# --- option 43 ----------------------------------------------------------------------------------


def _decisions(one: Seen) -> list[Decision]:
    return [decision for decision in (one.offer, one.ack) if decision.reply is not None]


def _menus(sweep: Sweep) -> Iterator[Finding]:
    """Menus that dnsmasq leaves out: too large for their sub-options, or for the packet."""
    lost: dict[tuple[str, Line], set[int]] = {}
    for one in sweep.seen:
        for decision in _decisions(one):
            entries = decision.services.entries if decision.services else ()
            for why in {*decision.warnings, *_unsent(sweep, decision)} if entries else ():
                if "menu too large" in why or "no space left" in why:
                    lost.setdefault((why, entries[-1]), set()).add(one.arch)
    for (why, line), arches in lost.items():
        yield Finding(
            name="menu-too-large",
            where=str(line.where),
            effect=f'{arches_text(arches)} gets no menu at all: "{why}" (its texts together, and '
            "its servers together, must stay under 253 bytes)",
            advice="shorten the texts, or write fewer pxe-service lines for one architecture",
        )


def _unsent(sweep: Sweep, decision: Decision) -> tuple[str, ...]:
    return () if decision.reply is None else sweep.engine.template(decision.reply).warnings


def _prompts(config: DnsmasqConfig, seen: Iterable[Seen]) -> Iterator[Finding]:
    several: dict[Line, set[int]] = {}
    for one in seen:
        for decision in _decisions(one):
            pairs = decision.reply.sub_options if decision.reply is not None else ()
            if sum(code == SubOption.MENU_PROMPT for code, _ in pairs) > 1:
                several.setdefault(_last_prompt(config, decision), set()).add(one.arch)
    for line, arches in several.items():
        yield Finding(
            name="several-prompts",
            where=str(line.where),
            effect=f"{arches_text(arches)} gets several prompts, this one first; which of them "
            "counts is up to the firmware",
            advice="keep one pxe-prompt, or write tags so that one alone applies",
        )


def _last_prompt(config: DnsmasqConfig, decision: Decision) -> Line:
    have = names(decision.tags)
    prompts = (line for line in config.vendor_options if line.code == SubOption.MENU_PROMPT)
    return [line for line in prompts if unmet(line.tags, have) is None][-1]
