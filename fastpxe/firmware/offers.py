"""What an offer says to firmware: a server's part in a boot, and the step that follows.

Sources: EDK2 and iPXE, for what they take of two servers' offers and when they ask port 4011; PXE
2.1 sections 2.2 (proxyDHCP) and 2.4 (options 43.6, 43.8, 43.9).
"""

from collections.abc import Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe.decode import decode, tlvs
from fastpxe.wire import Option

BIOS, UEFI, IPXE = "BIOS", "UEFI x64", "iPXE"
FIRMWARE = (BIOS, UEFI)
NOWHERE = IPv4Address(0)

_FILE_IN_OFFER = 0x08  # option 43.6: the client takes the file at once, without port 4011
_CONTROL, _SERVERS, _MENU = 6, 8, 9
_ITEM_HEAD = 3  # type and length of an entry in 43.9, type and count in 43.8


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer sends its client: a file and the address to fetch it from."""

    file: str
    server: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An offer. kind: the client it was made to. sender: where it came from."""

    kind: str
    sender: IPv4Address
    after_s: float
    payload: bytes

    @property
    def gives_address(self) -> bool:
        return self.payload[16:20] != bytes(4)

    @property
    def next_server(self) -> IPv4Address:
        return IPv4Address(self.payload[20:24])

    @property
    def options(self) -> dict[int, bytes]:
        return dict(tlvs(self.payload[240:]))

    @property
    def server(self) -> IPv4Address:
        """By its own word, option 54; a relay may stand between it and us."""
        identifier = self.options.get(Option.SERVER_ID, b"")
        return IPv4Address(identifier) if len(identifier) == 4 else self.sender

    @property
    def says_pxe(self) -> bool:
        return self.options.get(Option.VENDOR_CLASS, b"").startswith(b"PXEClient")

    @property
    def offer(self) -> Offer | None:
        return offer_of(self.payload)


class MenuItem(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a boot menu; `server` is where to ask for it, if the menu says."""

    number: int
    text: str
    server: IPv4Address | None


def proxy_offers(heard: Sequence[Heard], kind: str) -> list[Heard]:
    """What firmware of this kind takes for a boot server's offer, in the order of arrival."""
    return [one for one in heard if one.kind == kind and one.says_pxe and not one.gives_address]


def asks_4011(one: Heard) -> bool:
    """Whether firmware asks port 4011 after this offer.

    EDK2 does unless option 43.6 says that the file is in the offer; others if there is no file.
    """
    if one.offer is None or one.next_server == NOWHERE:
        return True
    control = dict(tlvs(one.options.get(Option.VENDOR_SPECIFIC, b""))).get(_CONTROL, b"")
    return one.kind == UEFI and not int.from_bytes(control[:1]) & _FILE_IN_OFFER


def first_item(payload: bytes) -> MenuItem | None:
    """The first entry of a message's boot menu that isn't the local disk."""
    options = dict(tlvs(payload[240:]))
    inside = dict(tlvs(options.get(Option.VENDOR_SPECIFIC, b"")))
    menu, servers = inside.get(_MENU, b""), inside.get(_SERVERS, b"")
    while len(menu) > _ITEM_HEAD:
        number, end = int.from_bytes(menu[:2]), _ITEM_HEAD + menu[2]
        if number:
            text = menu[_ITEM_HEAD:end].decode("latin-1")
            return MenuItem(number=number, text=text, server=_server_of(number, servers))
        menu = menu[end:]
    return None


def _server_of(number: int, servers: bytes) -> IPv4Address | None:
    """The first address of a type in option 43.8."""
    while len(servers) > _ITEM_HEAD:
        end = _ITEM_HEAD + 4 * servers[2]
        if int.from_bytes(servers[:2]) == number and _ITEM_HEAD + 4 <= end <= len(servers):
            return IPv4Address(servers[_ITEM_HEAD : _ITEM_HEAD + 4])
        servers = servers[end:]
    return None


def offer_of(answer: bytes) -> Offer | None:
    """Where an answer sends its client; None when it names no file, or there is no answer."""
    message = decode(answer)
    options = dict(tlvs(answer[240:]))
    overload = options.get(Option.OVERLOAD, b"\0")[-1:]  # then `file`, `sname` or both hold options
    file = "" if overload in {b"\1", b"\3"} else message.file
    file = file or options.get(Option.BOOTFILE_NAME, b"").rstrip(b"\0").decode("latin-1")
    server = message.siaddr if message.has_server else _server_name(options)
    return Offer(file=file, server=server) if file else None


def _server_name(options: dict[int, bytes]) -> str:
    """Option 66 where it is an address; else who answered, by option 54."""
    named = options.get(Option.TFTP_SERVER_NAME, b"").rstrip(b"\0").decode("latin-1")
    try:
        return str(IPv4Address(named))
    except ValueError:
        identifier = options.get(Option.SERVER_ID, b"")
        return str(IPv4Address(identifier)) if len(identifier) == 4 else "0.0.0.0"
