"""What happened: one Event a decision, made by the servers, told by log, counters and journal."""

from http import HTTPStatus
from ipaddress import IPv4Address
from typing import Literal, NamedTuple

import msgspec

from fastpxe.dhcp.constants import TftpError
from fastpxe.firmware.next_step import NextStep

Outcome = Literal["done", "probe", "timeout", "client-error", "truncated", "replaced", "stopped"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the packet path decided on one DHCP datagram, as serve.ipc.EventRing hands it out.

    Addresses are integers; arch, rule and reply are -1 for none; `reason` is an index into
    _codec.REASONS, 0 for answered; `interface` is the interface's index; `at_ns` is when the kernel
    had the datagram, in nanoseconds since 1970; `error` is the errno with which it refused to send
    the reply, 0 if it didn't. `request` is the datagram, which came from `source` and
    `source_port` and found us under `address`; xid, htype, chaddr, identity (option 97), ciaddr
    and requested (option 50) are what it says.
    """

    reason: int
    message_type: int
    ipxe: bool
    arch: int
    rule: int
    reply: int
    to: int
    to_port: int
    siaddr: int
    interface: int
    port: int
    at_ns: int
    error: int = 0
    request: bytes = b""
    source: int = 0
    source_port: int = 0
    address: int = 0
    xid: int
    htype: int
    chaddr: bytes
    identity: bytes
    ciaddr: int = 0
    requested: int = 0


class Delayed(NamedTuple):
    """A reply that is to be held back: addresses are integers, `source` is ours."""

    delay_s: float
    reply: bytes
    to: int
    to_port: int
    source: int


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Anything worth telling. `interface` is where it was heard, `at` when, in seconds since 1970.

    Events of different workers come in any order: `at` tells which was first.
    """

    interface: str
    at: float = 0


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """What a DHCP message said of its sender.

    `mac` is chaddr as text (htype in front unless Ethernet); `uuid` the raw value of option 97
    (17 bytes on most machines: type 0, then the GUID); `arch` the number of option 93, or None;
    `port` is where it was heard.
    """

    mac: str
    xid: int
    port: int
    message_type: int
    arch: int | None
    ipxe: bool
    uuid: bytes


class DhcpEvent(Event, frozen=True, kw_only=True):
    """Something that a DHCP message led to. `details` are further lines for the log."""

    sender: Sender
    details: tuple[str, ...] = ()


class Reply(DhcpEvent, frozen=True, kw_only=True):
    """A reply was made: an OFFER (message_type 1 in) or an ACK.

    next_step: what firmware does that takes this offer; after an ACK it fetches its file.
    """

    rule: str
    file: str
    server: IPv4Address
    to: tuple[IPv4Address, int]
    next_step: NextStep = "fetch"


class Answered(Reply, frozen=True, kw_only=True):
    """A reply was sent."""


class Unsent(Reply, frozen=True, kw_only=True):
    """A reply that the kernel refused to send, and why."""

    why: str


class Ignored(DhcpEvent, frozen=True, kw_only=True):
    """A readable DHCP message that gets no answer.

    reason: a word of _codec.REASONS, or of the dnsmasq engine. requested: the address that a
    REQUEST asks its DHCP server for (option 50), None if it doesn't say.
    """

    reason: str
    requested: IPv4Address | None = None


class TransferDone(Event, frozen=True, kw_only=True):
    """A TFTP transfer ended.

    `options` are those acknowledged; `size_bytes` is what the client acknowledged;
    outcome "probe" is a client that only asked for the size (EDK2 does before every download);
    `is_question` says that the file was none, but a script that asks who the machine is.
    """

    client: tuple[IPv4Address, int]
    file: str
    options: dict[str, int]
    size_bytes: int
    duration_s: float
    retransmits: int
    outcome: Outcome
    error: str = ""
    is_question: bool = False


class TransferRefused(Event, frozen=True, kw_only=True):
    """A TFTP request that got an ERROR, or silence when a limit was reached (`is_full`)."""

    client: tuple[IPv4Address, int]
    file: str
    code: int
    why: str
    is_full: bool = False


class Progress(Event, frozen=True, kw_only=True):
    """A TFTP transfer that takes its time; sizes are in bytes."""

    client: tuple[IPv4Address, int]
    file: str
    fetched_bytes: int
    size_bytes: int


class HttpServed(Event, frozen=True, kw_only=True):
    """An HTTP request that was answered; `size_bytes` is the length of the body that was sent.

    is_question: as in TransferDone.
    """

    client: tuple[IPv4Address, int]
    file: str
    method: str
    status: int
    size_bytes: int
    duration_s: float
    error: str = ""
    is_question: bool = False


class Notice(Event, frozen=True, kw_only=True):
    """Something that the operator should know, in plain words."""

    text: str


class Fault(Event, frozen=True, kw_only=True):
    """An error in fastpxe itself, at `place`; `count` of that kind since it was logged last."""

    place: str
    text: str
    traceback: tuple[str, ...]
    count: int = 1


def is_routine(event: TransferRefused | HttpServed) -> bool:
    """Whether it is iPXE that looks beside itself, at every boot, for what most sites don't have.

    Source: iPXE's efi_autoexec.c, which does so over TFTP and over HTTP.
    """
    if isinstance(event, TransferRefused):
        is_missing = event.code == TftpError.NOT_FOUND
    else:
        is_missing = event.status == HTTPStatus.NOT_FOUND
    return is_missing and event.file.rpartition("/")[2] == "autoexec.ipxe"
