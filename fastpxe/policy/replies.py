"""The replies of rules, laid out as templates: an OFFER, an ACK, an ACK of a menu's choice.

Sources: RFC 2131 section 2 (fields), RFC 2132 (options), PXE 2.1 section 2.4 (option 43).
"""

from typing import NamedTuple

import msgspec

from fastpxe._codec import Family
from fastpxe.dhcp._template import Tail
from fastpxe.dhcp.constants import MessageType, Option
from fastpxe.dhcp.template import Template
from fastpxe.firmware.menu import Menu

PXE, HTTP = Family.FAMILY_PXE, Family.FAMILY_HTTP
CLASSES: dict[int, bytes] = {PXE: b"PXEClient", HTTP: b"HTTPClient"}

BASE_MAX = 548  # bytes of UDP payload that every client takes (RFC 2131 section 2)
FILE_MAX = 127  # the header field has 128 bytes with its NUL
VENDOR_MAX = 253  # EDK2 counts option 43 in one byte
GUID_OPTION = 2 + 17  # option 97, which is always sent back

CIADDR_AT, OPTIONS_AT = 12, 240  # offsets in the datagram
_BOOT_ITEM = bytes((71, 4, 0, 0, 0, 0, Option.END))


class Reply(NamedTuple):
    """What a rule says to one kind of client; with a menu, `items` are the replies to its choices.

    Addresses are integers, 0 for our own. bootfile: the value of option 67 with its NUL.
    """

    family: int
    names_server: bool
    offer_siaddr: int
    ack_siaddr: int
    file: bytes
    offer_vendor: bytes
    ack_vendor: bytes
    bootfile: bytes
    delay_ms: int = 0
    menu: Menu | None = None
    items: tuple["Reply", ...] = ()


class ReplyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A reply as Policy takes it. first_item, item_count: where those to a menu's choices are."""

    offer: Template
    ack: Template
    item_ack: Template
    delay_ms: int
    first_item: int = 0
    item_count: int = 0


def rows(replies: list[Reply], *, echo_client_id: bool) -> list[ReplyRow]:
    """The replies, and behind them those to the choices of their menus.

    Raises ValueError for what can't be rendered.
    """
    made: list[ReplyRow] = []
    choices: list[ReplyRow] = []
    for reply in replies:
        first = len(replies) + len(choices)
        made.append(row(reply, echo_client_id=echo_client_id, first_item=first))
        choices += [row(item, echo_client_id=echo_client_id) for item in reply.items]
    return made + choices


def row(reply: Reply, *, echo_client_id: bool, first_item: int = 0) -> ReplyRow:
    """Lay one reply out. Raises ValueError for what can't be rendered."""
    if len(reply.file) > FILE_MAX or b"\0" in reply.file:
        raise ValueError("file: at most 127 bytes, no NUL (RFC 2131 section 2)")
    if max(len(reply.offer_vendor), len(reply.ack_vendor)) > VENDOR_MAX:
        raise ValueError("option 43: at most 253 bytes (EDK2 counts in one byte)")
    if len(reply.bootfile) > 255:
        raise ValueError("option 67: at most 254 bytes and a NUL")
    tail = Tail.TAIL_UUID | Tail.TAIL_SUBNET | Tail.TAIL_RELAY
    if echo_client_id:
        tail |= Tail.TAIL_CLIENT_ID
    if reply.names_server:
        tail |= Tail.TAIL_SERVER_NAME
    templates = [
        _template(reply, MessageType.OFFER, reply.offer_vendor, tail),
        _template(reply, MessageType.ACK, reply.ack_vendor, tail),
        _template(reply, MessageType.ACK, _BOOT_ITEM, tail, is_choice=True),
    ]
    if OPTIONS_AT + max(len(made.options) for made in templates) + GUID_OPTION + 1 > BASE_MAX:
        raise ValueError("options 43 and 67 don't fit in 548 bytes together")
    offer, ack, item_ack = templates
    return ReplyRow(
        offer=offer,
        ack=ack,
        item_ack=item_ack,
        delay_ms=reply.delay_ms,
        first_item=first_item if reply.items else 0,
        item_count=len(reply.items),
    )


def _template(
    reply: Reply, kind: MessageType, vendor: bytes, tail: Tail, *, is_choice: bool = False
) -> Template:
    """The header and the options up to those that a request may lack.

    is_choice: option 43 is the 43.71 of the request.
    """
    is_offer = kind is MessageType.OFFER
    siaddr = reply.offer_siaddr if is_offer else reply.ack_siaddr
    names_file = not (is_offer and reply.items)  # with a menu the file is still to be chosen
    options = bytearray()
    _put(options, Option.MESSAGE_TYPE, bytes([kind]))
    server_id_at = _put(options, Option.SERVER_ID, bytes(4))
    _put(options, Option.VENDOR_CLASS, CLASSES[reply.family])
    vendor_at = _put(options, Option.VENDOR_SPECIFIC, vendor) if vendor else 0
    if reply.bootfile and names_file:
        _put(options, Option.BOOTFILE_NAME, reply.bootfile)
    return Template(
        siaddr=siaddr,
        names_own_siaddr=siaddr == 0,
        file=reply.file if names_file else b"",
        options=bytes(options),
        ciaddr_at=0 if is_offer else CIADDR_AT,
        server_id_at=server_id_at,
        boot_item_at=vendor_at + 2 if is_choice else 0,
        tail=tail,
    )


def _put(options: bytearray, code: int, value: bytes) -> int:
    """Append an option; where its value is in the datagram."""
    options += bytes([code, len(value)]) + value
    return OPTIONS_AT + len(options) - len(value)
