"""From what was heard on a network to findings: who answers boot clients there, and how it goes.

Sources: EDK2 and iPXE, for which of two servers' offers they take, and how long they wait.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe.doctor.report import Finding, Level
from fastpxe.firmware.binaries import is_ipxe_binary
from fastpxe.firmware.offers import NOWHERE, Firmware, HeardOffer, proxy_offers
from fastpxe.storm.report import duration

TRIED: tuple[Firmware, ...] = ("bios", "uefi")
"""The firmware whose boot is tried."""

ARCH: dict[Firmware, str] = {"bios": "bios", "uefi": "uefi-x64"}
NAMES: dict[Firmware, str] = {"bios": "BIOS", "uefi": "UEFI x64", "ipxe": "iPXE"}

IPXE_WAITS_S = 3
"""iPXE goes on without a proxy whose offer comes later."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a boot that went well: what came, and how long it took if that says something."""

    text: str
    took_s: float | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A boot that was tried, up to the file. `failure` says what the step after the last lacked.

    is_local: the server is on this machine, so that nothing went by the wire.
    """

    firmware: Firmware
    server: IPv4Address
    is_local: bool
    steps: tuple[Step, ...]
    failure: str = ""
    advice: str = ""


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard on an interface in `listened_s`. `failure`: why one couldn't ask there.

    own: addresses of this machine. mac: of the client that asked.
    """

    interface: str
    listened_s: float
    mac: str
    own: tuple[IPv4Address, ...]
    heard: tuple[HeardOffer, ...] = ()
    trials: tuple[Trial, ...] = ()
    failure: str = ""
    advice: str = ""


def findings(wire: Wire, *, is_served: bool) -> Iterator[Finding]:
    """What was heard, explained; `is_served`: a fastpxe runs on this machine."""
    about = f"network at {wire.interface}"
    if wire.failure:
        yield Finding(
            level="unknown", name="wire", about=about, saw=wire.failure, advice=wire.advice
        )
        return
    yield _dhcp(wire, about)
    yield _proxies(wire, about, is_served=is_served)
    yield from _unanswered(wire, about)
    yield from _conflicts(wire, about)
    yield from _late(wire, about)
    yield from _ipxe(wire, about)
    for trial in wire.trials:
        yield _trial(trial, wire)


def _dhcp(wire: Wire, about: str) -> Finding:
    servers = _servers(one for one in wire.heard if one.offer.gives_address)
    level: Level = "ok"
    advice = ""
    saw = f"addresses come from {_names(servers, wire)}"
    if not servers:
        level = "problem"
        saw = f"no DHCP server answered in {wire.listened_s:g} s: clients get no address"
        advice = (
            "start it, or its relay; if clients do get addresses, it is slow (--listen 10), or a "
            f"switch drops what the unknown {wire.mac} asks here (DHCP snooping)"
        )
    elif len(servers) > 1:
        level = "warning"
        advice = "two that don't know of each other give addresses twice: switch one off"
    return Finding(level=level, name="dhcp-server", about=about, saw=saw, advice=advice)


def _proxies(wire: Wire, about: str, *, is_served: bool) -> Finding:
    proxies = _servers(one for one in wire.heard if one.offer.is_proxy)
    both = _servers(one for one in wire.heard if one.offer.is_pxe and one.offer.gives_address)
    themselves = _servers(one for one in wire.heard if one.offer.gives_address and one.file)
    level: Level = "ok"
    advice = ""
    saw = f"boot clients are answered by {_names(proxies or both, wire)}"
    if len(proxies) > 1:
        level = "warning"
        advice = (
            "which of them a client takes is chance: switch one off, unless both say the same "
            "(two fastpxe of one configuration)"
        )
    elif not proxies and not both and themselves and not is_served:
        saw = (
            f"no proxyDHCP server; {_names(themselves, wire)} names a boot file with its addresses"
        )
    elif not proxies and not both:
        level = "problem"
        saw = "nobody answers boot clients"
        advice = "start fastpxe: sudo fastpxe serve"
        if is_served:
            saw += ", though fastpxe runs on this machine"
            advice = (
                "see that it serves this interface, that a firewall here lets UDP 67 in, and "
                f"what it logs for {wire.mac}; fastpxe explain says which rule would answer"
            )
    return Finding(level=level, name="proxy", about=about, saw=saw, advice=advice)


def _unanswered(wire: Wire, about: str) -> Iterator[Finding]:
    """Kinds of firmware that a proxy leaves out while it answers others."""
    answered = {one.firmware for one in wire.heard if one.offer.is_pxe}
    for firmware in TRIED:
        if answered and firmware not in answered:
            yield Finding(
                level="warning",
                name="firmware-unanswered",
                about=about,
                saw=f"{NAMES[firmware]} clients get no answer, others do",
                advice=f'if you have such machines: a rule with arch = "{ARCH[firmware]}"',
            )


def _conflicts(wire: Wire, about: str) -> Iterator[Finding]:
    """DHCP servers that say things which are the proxy's to say."""
    proxies = _servers(one for one in wire.heard if one.offer.is_proxy)
    given = [one for one in wire.heard if one.offer.gives_address]
    for server in _servers(one for one in given if one.offer.is_pxe):
        if proxies:
            yield Finding(
                level="problem",
                name="dhcp-says-pxe",
                about=about,
                saw=f'the DHCP server {server} says "PXEClient" (option 60) with its addresses, so '
                f"that much firmware asks it for the file, and not {_names(proxies, wire)}",
                advice="take option 60 out of its configuration; where fastpxe is on the same "
                "machine and option 60 must stay: [dhcp] ports = [4011]",
            )
    for server in _servers(one for one in given if one.file and not one.offer.is_pxe):
        files = {one.file.file for one in given if one.offer.server == server and one.file}
        yield Finding(
            level="warning" if proxies else "ok",
            name="dhcp-names-file",
            about=about,
            saw=f"the DHCP server {server} names a boot file itself: {', '.join(sorted(files))}",
            advice="some firmware then takes that one: take next-server and filename (66, 67) out "
            "of its configuration"
            if proxies
            else "",
        )
    plain = _servers(
        one for one in wire.heard if not one.offer.gives_address and not one.offer.vendor_class
    )
    for server in plain:
        yield Finding(
            level="warning",
            name="no-class",
            about=about,
            saw=f"{server} offers neither an address nor a class (option 60), so nobody heeds it",
            advice="if it is meant to be a proxyDHCP server, have it send option 60 PXEClient",
        )


def _late(wire: Wire, about: str) -> Iterator[Finding]:
    for one in wire.heard:
        if one.offer.is_proxy and one.after_s >= IPXE_WAITS_S:
            yield Finding(
                level="warning",
                name="proxy-late",
                about=about,
                saw=f"{one.offer.server} answered {NAMES[one.firmware]} after {one.after_s:.1f} s",
                advice=f"iPXE waits {IPXE_WAITS_S} s: lower reply_delay_s, or look at its load",
            )


def _ipxe(wire: Wire, about: str) -> Iterator[Finding]:
    """What iPXE, once loaded, would make of the same servers."""
    asked = proxy_offers(wire.heard, "ipxe")
    of_firmware = {
        one.file.file for each in TRIED for one in proxy_offers(wire.heard, each) if one.file
    }
    for one in asked:
        file = one.offer.file or one.offer.bootfile
        if file in of_firmware and is_ipxe_binary(file):
            yield Finding(
                level="problem",
                name="ipxe-loop",
                about=about,
                saw=f"{one.offer.server} tells iPXE to load iPXE, for ever: {file}",
                advice="give iPXE a script: a rule with ipxe = true; dnsmasq: a tag for option 175",
            )
        elif file and one.offer.siaddr == NOWHERE:
            yield Finding(
                level="problem",
                name="ipxe-siaddr",
                about=about,
                saw=f"{one.offer.server} names {file} without a server (siaddr 0): iPXE ignores it",
                advice="have it send siaddr too, not options 66 and 67 alone",
            )
    loaders = sorted(filter(is_ipxe_binary, of_firmware))
    if not asked and loaders:
        yield Finding(
            level="warning",
            name="ipxe-unanswered",
            about=about,
            saw=f"firmware is given iPXE ({', '.join(loaders)}), and iPXE then gets no answer",
            advice="unless a script is built into it, add a rule with ipxe = true",
        )


def _trial(trial: Trial, wire: Wire) -> Finding:
    done = "; ".join(
        step.text if step.took_s is None else f"{step.text} in {duration(step.took_s * 1e6)}"
        for step in trial.steps
    )
    saw = "; ".join(part for part in (done, trial.failure) if part)
    if trial.is_local:
        saw += " (within this machine: cable, switch and firewall have no part in it)"
    return Finding(
        level="problem" if trial.failure else "ok",
        name="boot",
        about=f"{NAMES[trial.firmware]} boot at {wire.interface}",
        saw=saw,
        advice=trial.advice,
    )


def _servers(heard: Iterator[HeardOffer]) -> list[IPv4Address]:
    return list(dict.fromkeys(one.offer.server for one in heard))


def _names(servers: Sequence[IPv4Address], wire: Wire) -> str:
    return " and ".join(
        f"{server} (this machine)" if server in wire.own else str(server) for server in servers
    )
