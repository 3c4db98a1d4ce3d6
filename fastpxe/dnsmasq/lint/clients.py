"""Findings about the replies to each kind of client, as the engine decides them.

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
from fastpxe.dnsmasq.lint.sweep import ClientResult, Sweep
from fastpxe.dnsmasq.syntax.model import DhcpBoot, DnsmasqConfig, Line, PxeService
from fastpxe.findings import Finding
from fastpxe.firmware.binaries import is_bios_file, is_ipxe_binary

X64 = (Arch.UEFI_X64.value, Arch.UEFI_EBC.value)

FileLine = DhcpBoot | PxeService
Key = TypeVar("Key")


def check_clients(config: DnsmasqConfig, sweep: Sweep) -> Iterator[Finding]:
    """Every finding of this kind."""
    results = sweep.results
    yield from _hidden_for_uefi(config, results)
    yield from _untagged_last(config, results)
    yield from _wrong_binaries(results)
    yield from _x64_twice(config, results)
    yield from _ipxe_loop(results)
    yield from _not_for_pxe(config, results)
    yield from _http(config, results)
    yield from _menus(sweep)
    yield from _prompts(config, results)


def arches_text(arches: Iterable[int]) -> str:
    return ", ".join(f"{arch_name(arch)} ({arch})" for arch in sorted(set(arches)))


def _by(
    results: Iterable[ClientResult], key: Callable[[ClientResult], Iterable[Key]]
) -> dict[Key, list[ClientResult]]:
    """The results under each of their keys, in order."""
    groups: dict[Key, list[ClientResult]] = {}
    for result in results:
        for value in key(result):
            groups.setdefault(value, []).append(result)
    return groups


def _ordinary(results: Iterable[ClientResult], *, is_ipxe: bool) -> list[ClientResult]:
    return [result for result in results if result.is_ordinary and result.is_ipxe == is_ipxe]


# --- dhcp-boot ----------------------------------------------------------------------------------


def _hidden_for_uefi(config: DnsmasqConfig, results: Iterable[ClientResult]) -> Iterator[Finding]:
    """A dhcp-boot that would win without the one pxe-service of a UEFI architecture."""
    hidden = _by((result for result in results if _single(result) is not None), _boot_winner)
    for boot in config.boots:
        # A fallback for BIOS machines is hidden from other machines on purpose.
        if boot not in hidden or is_bios_file(boot.file):
            continue
        service = _single(hidden[boot][0])
        if service is None or (service.basename, service.server) == (boot.file, boot.server):
            continue
        yield Finding(
            name="hidden-boot",
            where=str(boot.where),
            effect=f"{arches_text(result.arch for result in hidden[boot])} never gets this file: "
            f"the only pxe-service of a UEFI architecture replaces every dhcp-boot, and "
            f"{service.where} has {service.basename}",
            advice="change the file there, and here too, or remove this line",
        )


def _single(result: ClientResult) -> PxeService | None:
    return None if result.offer.services is None else result.offer.services.single


def _boot_winner(result: ClientResult) -> list[DhcpBoot]:
    winner = None if result.offer.boot is None else result.offer.boot.winner
    return [] if winner is None else [winner]


def _untagged_last(config: DnsmasqConfig, results: Iterable[ClientResult]) -> Iterator[Finding]:
    """A last line without tags looks as if it replaced the lines with tags."""
    last = config.boots[-1] if config.boots else None
    if last is None or last.tags or not any(boot.tags for boot in config.boots):
        return
    others = [result for result in results for boot in _boot_winner(result) if boot.tags]
    if others:
        winners = {boot for result in others for boot in _boot_winner(result)}
        wheres = [str(boot.where) for boot in config.boots if boot in winners]
        arches = arches_text(result.arch for result in others)
        yield Finding(
            name="untagged-boot-last",
            where=str(last.where),
            effect="a dhcp-boot without tags is a fallback at any place, and replaces none with "
            f"tags: {arches} can get {', '.join(wheres)}",
            advice="to replace those, add their tags to it; as a fallback it is right, and clearer "
            "as the first dhcp-boot",
        )


# --- the wrong file -----------------------------------------------------------------------------


def _wrong_binaries(results: Iterable[ClientResult]) -> Iterator[Finding]:
    """The file of one kind of machine for the other; iPXE and special machines are skipped."""
    plain = [result for result in _ordinary(results, is_ipxe=False) if not result.is_http]
    for (line, file), given in _by(plain, ClientResult.files).items():
        uefi = [result.arch for result in given if result.is_uefi]
        if uefi and is_bios_file(line.file if isinstance(line, DhcpBoot) else line.basename or ""):
            yield Finding(
                name="bios-file-for-uefi",
                where=str(line.where),
                effect=f"{arches_text(uefi)} gets {file}, which is for BIOS: the firmware "
                "downloads it, refuses it and stops",
                advice=_for_one_kind(line, "UEFI", "dhcp-match=set:bios,option:client-arch,0"),
            )
        if Arch.BIOS in [result.arch for result in given] and file.lower().endswith(".efi"):
            yield Finding(
                name="uefi-file-for-bios",
                where=str(line.where),
                effect=f"bios (0) gets {file}, which is for UEFI: it downloads the file and hangs",
                advice=_for_one_kind(line, "BIOS", "dhcp-match=set:uefi,option:client-arch,7"),
            )


def _for_one_kind(line: FileLine, kind: str, match: str) -> str:
    if isinstance(line, PxeService):
        return f"write a file for {kind} in this line"
    tag = match.partition("set:")[2].partition(",")[0]
    return f"limit it to its own machines: {match}, and dhcp-boot=tag:{tag},{line.file},…"


def _x64_twice(config: DnsmasqConfig, results: Iterable[ClientResult]) -> Iterator[Finding]:
    """x64 firmware sends 7 or 9, and dnsmasq 2.76 exchanged its names for the two."""
    services = [service for service in config.services if service.csa in X64]
    if not services:
        return
    files = {
        arch: sorted({file for result in given for _, file in result.files()})
        for arch, given in _by(
            _ordinary(results, is_ipxe=False), lambda result: [result.arch]
        ).items()
    }
    seven, nine = (files.get(arch, []) for arch in X64)
    if seven == nine:
        return
    yield Finding(
        name="x64-has-two-numbers",
        where=str(services[0].where),
        effect=f"x64 firmware sends 7 or 9: with 7 it gets {_listed(seven)}, with 9 "
        f"{_listed(nine)}; before dnsmasq 2.76 each name meant the other number",
        advice="write a pxe-service for x86-64_EFI (7) and one for BC_EFI (9), with the same file",
    )


def _listed(files: Iterable[str]) -> str:
    return ", ".join(files) or "no file"


def _ipxe_loop(results: Iterable[ClientResult]) -> Iterator[Finding]:
    given = [
        (line, file, result.arch)
        for result in _ordinary(results, is_ipxe=True)
        for line, file in result.files()
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
        effect=f"iPXE gets iPXE again: {'; '.join(parts)}. It loops forever, unless a script is "
        "embedded in that file, as in FOG's",
        advice="add dhcp-match=set:ipxe,175 and dhcp-boot=tag:ipxe,SCRIPT, and tag:!ipxe to each "
        "pxe-service",
    )


# --- classes ------------------------------------------------------------------------------------


def _not_for_pxe(config: DnsmasqConfig, results: Iterable[ClientResult]) -> Iterator[Finding]:
    """dhcp-pxe-vendor replaces the default class."""
    silent = [
        result.arch for result in results if not result.is_http and result.offer.reason == "not-pxe"
    ]
    if silent:
        yield Finding(
            name="pxe-clients-left-out",
            where=where_of(config),
            effect=f"dhcp-pxe-vendor={','.join(config.pxe_vendors)} replaces PXEClient: "
            f"{arches_text(silent)} gets no reply",
            advice=f"write dhcp-pxe-vendor=PXEClient,{','.join(config.pxe_vendors)}",
        )


def _http(config: DnsmasqConfig, results: Iterable[ClientResult]) -> Iterator[Finding]:
    """UEFI HTTP Boot, if the configuration seems to be for it."""
    clients = [result for result in results if result.is_http and result.is_ordinary]
    hint = next(_http_hints(config), None)
    silent = [result.arch for result in clients if result.offer.reason == "not-pxe"]
    if silent and hint is not None:
        yield Finding(
            name="http-unanswered",
            where=str(hint.where),
            effect=f"UEFI HTTP Boot ({arches_text(silent)}) gets no reply: its class is "
            "HTTPClient, and dnsmasq answers only PXEClient",
            advice="add dhcp-pxe-vendor=PXEClient,HTTPClient",
        )
    without = [
        result for result in clients if result.offer.reply is not None and not _has_url(result)
    ]
    if without:
        lines = [line for result in without for line, _ in result.files()] or _singles(without)
        yield Finding(
            name="http-without-url",
            where=str(lines[0].where) if lines else where_of(config),
            effect=f"UEFI HTTP Boot ({arches_text(result.arch for result in without)}) gets a "
            "reply without a URL and stops: it sends no request to port 4011, where a single "
            "pxe-service has its file",
            advice="add dhcp-match=set:http,60,HTTPClient and "
            "dhcp-boot=tag:http,http://ADDRESS/FILE.efi; no pxe-service for its architecture",
        )


def _has_url(result: ClientResult) -> bool:
    return result.offer.reply is not None and b"://" in result.offer.reply.file


def _singles(results: Iterable[ClientResult]) -> list[FileLine]:
    return [service for result in results if (service := _single(result)) is not None]


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


def _decisions(result: ClientResult) -> list[Decision]:
    return [decision for decision in (result.offer, result.ack) if decision.reply is not None]


def _menus(sweep: Sweep) -> Iterator[Finding]:
    """Menus that dnsmasq doesn't send: too large for their sub-options, or for the packet."""
    lost: dict[tuple[str, Line], set[int]] = {}
    for result in sweep.results:
        for decision in _decisions(result):
            entries = decision.services.entries if decision.services else ()
            for why in {*decision.warnings, *_unsent(sweep, decision)} if entries else ():
                if "menu too large" in why or "no space left" in why:
                    lost.setdefault((why, entries[-1]), set()).add(result.arch)
    for (why, line), arches in lost.items():
        yield Finding(
            name="menu-too-large",
            where=str(line.where),
            effect=f'{arches_text(arches)} gets no menu: "{why}" (all texts, and all servers, must '
            "be less than 253 bytes)",
            advice="shorten the texts, or write fewer pxe-service lines for one architecture",
        )


def _unsent(sweep: Sweep, decision: Decision) -> tuple[str, ...]:
    return () if decision.reply is None else sweep.engine.layout(decision.reply).warnings


def _prompts(config: DnsmasqConfig, results: Iterable[ClientResult]) -> Iterator[Finding]:
    several: dict[Line, set[int]] = {}
    for result in results:
        for decision in _decisions(result):
            pairs = decision.reply.sub_options if decision.reply is not None else ()
            if sum(code == SubOption.MENU_PROMPT for code, _ in pairs) > 1:
                several.setdefault(_last_prompt(config, decision), set()).add(result.arch)
    for line, arches in several.items():
        yield Finding(
            name="several-prompts",
            where=str(line.where),
            effect=f"{arches_text(arches)} gets several prompts, this one first; the firmware "
            "chooses one of them",
            advice="keep one pxe-prompt, or add tags so that only one applies",
        )


def _last_prompt(config: DnsmasqConfig, decision: Decision) -> Line:
    have = names(decision.tags)
    prompts = (line for line in config.vendor_options if line.code == SubOption.MENU_PROMPT)
    return [line for line in prompts if unmet(line.tags, have) is None][-1]
