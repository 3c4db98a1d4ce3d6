"""A DHCP request as dnsmasq reads it, which is not always as the RFCs say.

Options are looked for in the main area, then in `file` and `sname` when option 52 says so; the
first instance that is long enough counts, and the pieces of a split option are not joined.

Sources: dnsmasq 2.90, seen on the wire; RFC 2131 section 2 for the layout.
"""

import re
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import MAGIC_COOKIE, MessageType, Option
from fastpxe.dhcp.options import tlvs, walk
from fastpxe.dhcp.pxe_options import SubOption
from fastpxe.errors import MalformedPacket

HEADER_SIZE = 236  # without cookie and options
OPTIONS_AT = 240
FILE = slice(108, 236)
SNAME = slice(44, 108)

LIMIT_MIN = 548  # a reply buffer is never smaller, whatever option 57 says
LIMIT_MAX = 16384
IP_AND_UDP_SIZE = 28
HLEN_MAX = 16

RELAY_LINK_SELECTION = 5  # RFC 3527

LABEL_MAX = 63
FIRST_LABEL = re.compile(rb"(?:[0-9A-Za-z][0-9A-Za-z_-]*)?")

NO_ADDRESS = IPv4Address(0)


def find(area: bytes, code: int, at_least: int) -> bytes | None:
    """The first option, or sub-option, of that code with at least so many bytes."""
    for found, value in tlvs(area):
        if found == code and len(value) >= at_least:
            return value
    return None


def without_counts(user_class: bytes) -> bytes:
    """Zero the counts of RFC 3004 if they add up, so that no text is found across two items."""
    counts = []
    at = 0
    while at < len(user_class):
        counts.append(at)
        at += user_class[at] + 1
    if at != len(user_class):
        return user_class
    zeroed = bytearray(user_class)
    for count in counts:
        zeroed[count] = 0
    return bytes(zeroed)


class Message(msgspec.Struct, frozen=True):
    """A request that passed the first filters. `options` are those of all its areas, in order.

    `message_type` is 0 for BOOTP. `ciaddr` is zero where dnsmasq doesn't believe it: in a
    DISCOVER, and beside option 50. `limit` is how many bytes a reply may have. `end_at` is where
    the main area's END stands, None if it has none.
    """

    data: bytes
    options: tuple[tuple[int, bytes], ...]
    end_at: int | None
    message_type: int
    ciaddr: IPv4Address
    limit: int

    def option(self, code: int, at_least: int = 1) -> bytes | None:
        for found, value in self.options:
            if found == code and len(value) >= at_least:
                return value
        return None

    @property
    def htype(self) -> int:
        return self.data[1]

    @property
    def hlen(self) -> int:
        return self.data[2]

    @property
    def xid(self) -> int:
        return int.from_bytes(self.data[4:8])

    @property
    def wants_broadcast(self) -> bool:
        return self.data[10] >= 0x80

    @property
    def giaddr(self) -> IPv4Address:
        return IPv4Address(self.data[24:28])

    @property
    def hardware(self) -> bytes:
        """The hardware address, `hlen` bytes."""
        return self.data[28 : 28 + self.hlen]

    @property
    def is_dhcp(self) -> bool:
        return self.option(Option.MESSAGE_TYPE) is not None

    @property
    def relay(self) -> bytes | None:
        """Option 82. BOOTP relays don't have it: dnsmasq looks for it in DHCP only."""
        return self.option(Option.RELAY_AGENT) if self.is_dhcp else None

    @property
    def echoed_relay(self) -> bytes | None:
        """Option 82 if it will be sent back.

        dnsmasq keeps it at the far end of its one buffer, so the request must have an END, and
        that must stand before the copy.
        """
        relay = self.relay
        if relay is None or self.end_at is None:
            return None
        return relay if self.end_at < self.limit - len(relay) - 2 else None

    @property
    def subnet(self) -> IPv4Address:
        """The subnet that a relay (82.5) or the client (118) asks for; zero for none."""
        relay = self.relay
        link = find(relay, RELAY_LINK_SELECTION, 4) if relay is not None else None
        if link is not None and any(link[:4]):
            return IPv4Address(link[:4])
        selected = self.option(Option.SUBNET_SELECTION, 4) if self.is_dhcp else None
        return IPv4Address(selected[:4]) if selected is not None else NO_ADDRESS

    @property
    def client_id(self) -> bytes | None:
        return self.option(Option.CLIENT_ID) if self.is_dhcp else None

    @property
    def arch(self) -> int | None:
        value = self.option(Option.CLIENT_ARCH, 2)
        return None if value is None else int.from_bytes(value[:2])

    @property
    def uuid(self) -> bytes | None:
        """The 17 bytes of option 97 that are sent back."""
        value = self.option(Option.CLIENT_UUID, 17)
        return None if value is None else value[:17]

    @property
    def boot_item(self) -> bytes | None:
        """43.71, 4 bytes, of a REQUEST or INFORM: the client asks for an entry of the menu."""
        if self.message_type not in (MessageType.REQUEST, MessageType.INFORM):
            return None
        vendor = self.option(Option.VENDOR_SPECIFIC, 4)
        item = find(vendor, SubOption.BOOT_ITEM, 4) if vendor is not None else None
        return None if item is None else item[:4]

    @property
    def user_class(self) -> bytes | None:
        """Option 77 after dhcp-match has seen it."""
        value = self.option(Option.USER_CLASS)
        return None if value is None else without_counts(value)

    @property
    def is_ipxe(self) -> bool:
        """Whether it says so; what dnsmasq makes of it is the configuration's business."""
        return b"iPXE" in (self.user_class or b"")

    @property
    def client_name(self) -> bytes:
        """The name of option 81 or 12 if it is a legal one, else empty."""
        fqdn = self.option(81, 3)
        if fqdn is not None:
            return legal_name(fqdn_text(fqdn))
        return legal_name(self.option(12) or b"")


def fqdn_text(option: bytes) -> bytes:
    """The name in option 81: labels with counts if flag 4 is set, else text."""
    flags, name = option[0], option[3:]
    if not flags & 4:
        return name
    labels = []
    at = 0
    while at < len(name) and name[at] and at + name[at] < len(name):
        labels.append(name[at + 1 : at + 1 + name[at]])
        at += 1 + name[at]
    return b".".join(labels)


def legal_name(name: bytes) -> bytes:
    """The name without its final dot, or nothing if dnsmasq would not take it for a host name.

    Beyond the first label almost anything goes.
    """
    text = name.split(b"\0")[0].removesuffix(b".")
    labels = text.split(b".")
    if not text or any(len(label) > LABEL_MAX for label in labels):
        return b""
    if any(c < 0x20 or c == 0x7F for c in text):
        return b""
    return text if FIRST_LABEL.fullmatch(labels[0]) else b""


def octets(text: str) -> bytes:
    """The bytes that a text of the configuration stands for, even those that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def read_areas(data: bytes) -> tuple[tuple[tuple[int, bytes], ...], int | None]:
    """All options in the order in which they are looked for, and where the main area ends."""
    options: list[tuple[int, bytes]] = []
    end_at = None
    for code, value, at in walk(data[OPTIONS_AT:]):
        if code == Option.END:
            end_at = OPTIONS_AT + at
        else:
            options.append((code, value))
    overload = next((v[0] for code, v in options if code == Option.OVERLOAD and v), 0)
    for bit, area in (1, FILE), (2, SNAME):
        if overload & bit:
            options += [(code, v) for code, v in tlvs(data[area])]
    return tuple(options), end_at


def reply_limit(asked: bytes | None) -> int:
    """How many bytes of UDP payload a reply may have, by option 57 (the size of an IP packet)."""
    if asked is None:
        return LIMIT_MIN
    size = int.from_bytes(asked[:2]) - IP_AND_UDP_SIZE
    if size < 0:  # dnsmasq's counter has no sign: too small becomes huge
        return LIMIT_MAX
    return min(max(size, LIMIT_MIN), LIMIT_MAX)


def read(data: bytes) -> Message:
    """Read a datagram. Raises MalformedPacket for what dnsmasq drops without a word."""
    if len(data) < HEADER_SIZE:
        raise MalformedPacket("short", f"{len(data)} bytes; a message has at least {HEADER_SIZE}")
    if data[0] != 1:
        raise MalformedPacket("op", f"op {data[0]} is not a request")
    if data[2] > HLEN_MAX:
        raise MalformedPacket("hlen", f"a hardware address of {data[2]} bytes")
    if data[1] == 0 and data[2] != 0:
        raise MalformedPacket("htype", "a hardware address of no type")
    options, end_at = read_areas(data)
    bare = Message(data, options, end_at, 0, IPv4Address(data[12:16]), LIMIT_MIN)
    kind = bare.option(Option.MESSAGE_TYPE)
    if kind is None:
        return bare
    if data[HEADER_SIZE:OPTIONS_AT] != MAGIC_COOKIE:
        raise MalformedPacket("cookie", "a message type without the magic cookie")
    believed = kind[0] != MessageType.DISCOVER and bare.option(Option.REQUESTED_ADDRESS, 4) is None
    return msgspec.structs.replace(
        bare,
        message_type=kind[0],
        ciaddr=bare.ciaddr if believed else NO_ADDRESS,
        limit=reply_limit(bare.option(Option.MAX_MESSAGE_SIZE, 2)),
    )
