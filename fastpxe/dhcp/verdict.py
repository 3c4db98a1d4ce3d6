"""What a backend decided on one datagram, as Python sees it."""

from typing import NamedTuple


class Verdict(NamedTuple):
    """What becomes of a datagram.

    reason: an index into _codec.REASONS, 0 = answered. reply: the datagram to send, empty for
    silence; `to` (an integer) and `to_port` are where it goes. rule, reply_index: -1 for none.
    """

    reason: int
    reply: bytes
    to: int
    to_port: int
    rule: int
    reply_index: int
