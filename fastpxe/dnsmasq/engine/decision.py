"""What is decided about a request: the reply but for its bytes, and how that came."""

from enum import Enum
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import MessageType
from fastpxe.dnsmasq.engine.choose import Choice, Pairs, Services
from fastpxe.dnsmasq.engine.ranges import Candidate
from fastpxe.dnsmasq.engine.tags import TagList
from fastpxe.dnsmasq.syntax.model import DhcpBoot, PxeService, ReplyDelay


class To(Enum):
    """Where a reply goes."""

    RELAY = "giaddr, port 67"
    BROADCAST = "255.255.255.255, port 68"
    HARDWARE = "yiaddr, port 68, by the hardware address"
    CIADDR = "ciaddr, the source port"
    SOURCE = "the source address and port"
    NOWHERE = "nowhere: the request has no address"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply but for what the request fills in.

    `sub_options` make option 43, `extra` stands behind it. `is_item`: the reply to a choice from
    the menu, whose 43.71 comes from the request, and where yiaddr takes the place of ciaddr.
    `limit` is in bytes; `relay_size` is that of option 82, 0 for none.
    """

    message_type: MessageType
    own: IPv4Address
    siaddr: IPv4Address
    file: bytes = b""
    sname: bytes = b""
    vendor: bytes
    sub_options: Pairs = ()
    extra: Pairs = ()
    is_item: bool = False
    forces_broadcast: bool = False
    limit: int
    has_uuid: bool
    relay_size: int
    to: To


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request, and how that came.

    reason: a word why there is no answer, or empty; `why` says it in a sentence.
    reply: what to send; also there for a client that is ignored, which dnsmasq logs.
    warnings: what dnsmasq logs when it looks up names and builds the menu.
    steps: for people, in the order in which things were decided.
    """

    interface: str
    reason: str = ""
    why: str = ""
    candidates: tuple[Candidate, ...] = ()
    tags: TagList = ()
    chosen: Candidate | None = None
    boot: Choice[DhcpBoot] | None = None
    services: Services | None = None
    delay: Choice[ReplyDelay] | None = None
    item: PxeService | None = None
    reply: Reply | None = None
    warnings: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def delay_s(self) -> int:
        winner = None if self.delay is None else self.delay.winner
        return 0 if winner is None else winner.seconds
