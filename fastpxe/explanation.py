"""Why a client gets what it gets: every step of its boot, with the line that won and the losers.

Both front ends fill in the same Explanation: explain_native for a fastpxe.toml, fastpxe.dnsmasq
for dnsmasq's syntax.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from fastpxe.dhcp.decode import Decoded, decode
from fastpxe.dhcp.identity import format_uuid, microsoft_order
from fastpxe.dhcp.pxe_options import MenuEntry
from fastpxe.firmware.offers import Offer, read_offer

Verdict = Literal["won", "lost", "not reached"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A rule or line that might have answered: where it stands, and what became of it."""

    name: str
    verdict: Verdict
    why: str


class TagReason(msgspec.Struct, frozen=True):
    """A tag of dnsmasq's, and what set it."""

    tag: str
    why: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer. `silence` says why there is none; then `reply` is None.

    `hexadecimal` is the whole UDP payload of the reply. `delay_s` is how long it is held back.
    """

    title: str
    request: Decoded
    tags: tuple[TagReason, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    silence: str = ""
    reply: Decoded | None = None
    to: str = ""
    hexadecimal: str = ""
    delay_s: float = 0


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A UUID in its three spellings, and the lines that match it, ready to paste."""

    wire: str
    rfc: str
    microsoft: str
    toml: str
    dnsmasq: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A client's boot, step by step."""

    client: str
    identity: Identity | None
    steps: tuple[Step, ...]


def identity(uuid: bytes) -> Identity:
    """Spell out the 16 bytes of an option 97, given in the wire's order."""
    wire = (b"\0" + uuid).hex(":")
    microsoft = format_uuid(microsoft_order(uuid))
    return Identity(
        wire=wire,
        rfc=format_uuid(uuid),
        microsoft=microsoft,
        toml=f'uuid = "{microsoft}"',
        dnsmasq=f"dhcp-match=set:this-machine,97,{wire}",
    )


def offer_of(step: Step) -> Offer | None:
    """The answer of a step as firmware reads it."""
    return None if step.reply is None else read_offer(bytes.fromhex(step.hexadecimal))


def with_local_disk(step: Step, entry: MenuEntry) -> Step:
    """The step with a note that its menu's entry ends the boot."""
    note = f"nothing more is asked: the menu's entry {entry.text!r} is the local disk"
    return msgspec.structs.replace(step, notes=(*step.notes, note))


def describe_client(datagram: bytes) -> str:
    """Who asks, in one line."""
    message = decode(datagram)
    options = {option.code: option for option in message.options}
    parts = [message.chaddr or "no MAC"]
    if 93 in options:
        parts.append(options[93].meaning)
    parts += [f"{name} {options[code].meaning}" for code, name in
              ((60, "vendor class"), (77, "user class")) if code in options]  # fmt: skip
    return ", ".join(parts)


def text(explanation: Explanation) -> Iterator[str]:
    """The explanation for a terminal, line by line."""
    yield f"client: {explanation.client}"
    if explanation.identity is not None:
        yield from _identity_lines(explanation.identity)
    for step in explanation.steps:
        yield ""
        yield from _step_lines(step)


def _identity_lines(identity: Identity) -> Iterator[str]:
    yield f"  UUID as its label says it   {identity.microsoft}"
    yield f"  UUID as RFC 4122 reads it   {identity.rfc}"
    yield f"  option 97 on the wire       {identity.wire}"
    yield f"  to match it here            {identity.toml}"
    yield f"  to match it in dnsmasq      {identity.dnsmasq}"


def _step_lines(step: Step) -> Iterator[str]:
    yield f"== {step.title}"
    for tag in step.tags:
        yield f"   tag {tag.tag}: {tag.why}"
    for candidate in step.candidates:
        mark = {"won": "->", "lost": "  ", "not reached": "  "}[candidate.verdict]
        yield f"{mark} {candidate.name}: {candidate.verdict}, {candidate.why}"
    for note in step.notes:
        yield f"   {note}"
    if step.reply is None:
        yield f"   no answer: {step.silence}"
        return
    delay = f" after {step.delay_s:g} s" if step.delay_s else ""
    yield f"   answer to {step.to}{delay}:"
    for line in step.reply.lines():
        yield f"     {line}"
    yield f"     hex {step.hexadecimal}"
