"""A decision of the engine, as the cache of answers takes it."""

import msgspec

from fastpxe.dhcp.template import Template
from fastpxe.dnsmasq.engine._answer_cache import Target


class CachedReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine decided on a request.

    reason: an index into _codec.REASONS, 0 = answered. reply, template: the datagram, and which of
    its bytes come from the request; empty and None for silence. to (an integer), to_port: the
    destination; target: which address of the request it is. label: the number under which the
    backend keeps what is logged of it. siaddr: an integer.
    """

    reason: int
    reply: bytes = b""
    template: Template | None = None
    to: int = 0
    to_port: int = 0
    target: Target = Target.TO_FIXED
    label: int = 0
    siaddr: int = 0
    arch: int = -1
    message_type: int = 0
    is_ipxe: bool = False
    delay_ms: int = 0
