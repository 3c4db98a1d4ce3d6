"""A reply laid out as dnsmasq does it: a template from the decision, for dhcp._template to fill in.

Sources: RFC 2131 section 2 (fields), RFC 2132 section 9.3 (overload), RFC 3046 section 2.1 (82
comes last), PXE 2.1 section 2.2 (43). Order of options, limits and padding are dnsmasq 2.90's.
"""

from collections.abc import Iterator
from typing import NamedTuple

from fastpxe.dhcp._template import filled
from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.pxe_options import SubOption
from fastpxe.dhcp.template import Template
from fastpxe.dnsmasq.engine.choose import SUB_OPTION_MAX, Pairs
from fastpxe.dnsmasq.engine.decision import Reply
from fastpxe.dnsmasq.engine.message import FILE, OPTIONS_AT, SNAME, Message

SIZE_MIN = 300  # BOOTP's: shorter replies are padded
FILE_SIZE = 128
SNAME_SIZE = 64
END = b"\xff"
UUID_SIZE = 17
OVERLOAD_SIZE = 3
CIADDR_AT, YIADDR_AT = 12, 16


class Layout(NamedTuple):
    """A template, and what dnsmasq logs when it lays that out."""

    template: Template
    warnings: tuple[str, ...]


class Areas:
    """The three places where options fit, filled in dnsmasq's order: main, then file, then sname.

    Three bytes of each stay free. In main they don't always hold what they are for, option 52 and
    END: dnsmasq then writes beyond, and sends what lies there from earlier packets. Here there is
    no overload then.
    """

    def __init__(self, file: bytes, sname: bytes, room: int) -> None:
        self.main = bytearray()
        self.file = bytearray(file)
        self.sname = bytearray(sname)
        self.room = room
        self.overload = 0
        self.overload_at: int | None = None
        self.warnings: list[str] = []

    def put(self, code: int, value: bytes) -> int:
        """Add an option. Returns where its value stands in the datagram, 0 if it found no room."""
        option = bytes([code, len(value)]) + value
        for area, at, room in self.places():
            if len(area) + len(value) + 3 < room:
                area.extend(option)
                return at + len(area) - len(value)
        self.warnings.append(f"cannot send DHCP/BOOTP option {code}: no space left in packet")
        return 0

    def places(self) -> Iterator[tuple[bytearray, int, int]]:
        """Where an option may go: (area, its offset, its room), in order.

        Each further place is claimed when it is reached, and stays claimed if it is too small.
        """
        yield self.main, OPTIONS_AT, self.room
        if self.overload_at is None:
            if (self.file and self.sname) or len(self.main) + OVERLOAD_SIZE >= self.room:
                return
            self.overload_at = len(self.main) + 2
            self.main += bytes([Option.OVERLOAD, 1, 0])
        if not self.file:
            self.overload |= 1
        if self.overload & 1:
            yield self.file, FILE.start, FILE_SIZE
        if not self.sname:
            self.overload |= 2
        if self.overload & 2:
            yield self.sname, SNAME.start, SNAME_SIZE

    def finish(self) -> None:
        """Close what was overloaded, and say so in option 52."""
        if self.overload_at is not None:
            self.main[self.overload_at] = self.overload
        if self.overload & 1:
            self.file += END
        if self.overload & 2:
            self.sname += END


def segments(sub_options: Pairs) -> Iterator[tuple[tuple[int, bytes], ...]]:
    """Spread sub-options over as many options 43 as they need; none is cut in two."""
    segment: list[tuple[int, bytes]] = []
    size = 0
    for code, value in sub_options:
        fitting = value[:SUB_OPTION_MAX]  # pxe-prompt takes any length, and dnsmasq sends garbage
        if size + len(fitting) + 2 > 255:
            yield tuple(segment)
            segment, size = [], 0
        segment.append((code, fitting))
        size += len(fitting) + 2
    if segment:
        yield tuple(segment)


def encapsulate(segment: Pairs, *, is_last: bool) -> bytes:
    """The value of an option 43. Only the last of several has an END inside, when it fits.

    dnsmasq lets the length of 256 bytes wrap to 0; here 255 bytes do without the END.
    """
    value = b"".join(bytes([code, len(value)]) + value for code, value in segment)
    return value + END if is_last and len(value) < 255 else value


def put_vendor(areas: Areas, sub_options: Pairs) -> int:
    """Write option 43; where the value of its sub-option 71 stands, 0 for nowhere."""
    item_at = 0
    spread = list(segments(sub_options))
    for number, segment in enumerate(spread):
        at = areas.put(
            Option.VENDOR_SPECIFIC, encapsulate(segment, is_last=number == len(spread) - 1)
        )
        if number == 0 and at and segment[0][0] == SubOption.BOOT_ITEM:
            item_at = at + 2
    return item_at


def fill_field(text: bytes, size: int) -> bytes:
    """A text field: cut so that a NUL ends it, and never past the first NUL of its own."""
    return text.split(b"\0")[0][: size - 1]


def lay_out(reply: Reply) -> Layout:
    """Lay the reply out."""
    relay_size = reply.relay_size + 2 if reply.relay_size else 0
    areas = Areas(
        fill_field(reply.file, FILE_SIZE),
        fill_field(reply.sname, SNAME_SIZE),
        reply.limit - OPTIONS_AT - relay_size,
    )
    areas.put(Option.MESSAGE_TYPE, bytes([reply.message_type]))
    areas.put(Option.SERVER_ID, reply.own.packed)
    areas.put(Option.VENDOR_CLASS, reply.vendor)
    uuid_at = areas.put(Option.CLIENT_UUID, bytes(UUID_SIZE)) if reply.has_uuid else 0
    item_at = put_vendor(areas, reply.sub_options)
    for code, value in reply.extra:
        areas.put(code, value)
    areas.finish()
    options = bytes(areas.main) + bytes(relay_size) + END
    template = Template(
        siaddr=int(reply.siaddr),
        sname=bytes(areas.sname),
        file=bytes(areas.file),
        options=options.ljust(SIZE_MIN - OPTIONS_AT, b"\0"),
        copies_header=True,
        forces_broadcast=reply.forces_broadcast,
        ciaddr_at=YIADDR_AT if reply.is_item else CIADDR_AT,
        uuid_at=uuid_at,
        boot_item_at=item_at if reply.is_item else 0,
        relay_at=OPTIONS_AT + len(areas.main) if relay_size else 0,
    )
    return Layout(template, tuple(areas.warnings))


def fill(template: Template, message: Message) -> bytes:
    """The reply to a request."""
    return filled(
        template,
        header=message.data,
        ciaddr=int(message.ciaddr),
        uuid=message.uuid,
        boot_item=message.boot_item,
        relay=message.echoed_relay,
    )
