"""What a client boots in the end, after everything that it and a proxy say to each other.

Firmware follows an offer to port 4011 and through a menu, whichever server it came from; so the
answers of two servers can be compared.

Sources: EDK2 and iPXE (when each goes to port 4011); PXE 2.1 section 2.2 (menus).
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Literal

import msgspec

from fastpxe.decode import Decoded, decode, tlvs
from fastpxe.dnsmasq.choose import BOOT_MENU, BOOT_SERVERS, DISCOVERY_CONTROL, USE_FILE
from fastpxe.dnsmasq.message import PXE_BOOT_ITEM
from fastpxe.firmware.requests import Client
from fastpxe.wire import DHCP_CLIENT_PORT, DHCP_SERVER_PORT, PXE_PORT, Option

NOBODY = IPv4Address(0)

Kind = Literal["file", "silent", "nothing", "local", "elsewhere"]

Ask = Callable[[bytes, int, IPv4Address, int], bytes | None]
"""Ask a server: a datagram, its port, and the sender's address and port. None is silence."""


class Booted(msgspec.Struct, frozen=True):
    """What a client boots. `server` None is the proxy itself.

    Kinds are those of native_cases.Gets. `others`: what further entries of a menu would boot.
    """

    kind: Kind
    file: str = ""
    server: IPv4Address | None = None
    others: tuple["Booted", ...] = ()

    def __str__(self) -> str:
        told = _WORDS.get(self.kind) or f"{self.file} from {self.server or 'this machine'}"
        return " or ".join((told, *map(str, self.others)))


_WORDS = {
    "silent": "no answer",
    "nothing": "an answer without a file",
    "local": "the local disk",
    "elsewhere": "a boot server elsewhere",
}


def boot(client: Client, own: IPv4Address, ask: Ask, *, is_steered: bool) -> Booted:
    """Follow a client at a server with the address `own`.

    `is_steered`: its DHCP server sends it to port 4011 at once; else it broadcasts to port 67.
    """
    reply = None
    if not is_steered:
        reply = ask(client.discover(), DHCP_SERVER_PORT, NOBODY, DHCP_CLIENT_PORT)
        if reply is None:
            return Booted("silent")
    if reply is None or _asks_again(client, decode(reply)):
        reply = _ask_4011(client, client.request(own), ask) or reply
    if reply is None:
        return Booted("silent")
    told = decode(reply)
    menu = list(_menu(told)) if not client.class_text.startswith("HTTPClient") else []
    if not menu:
        return _file(told, own)
    first, *others = (_entry(client, kind, told, own, ask) for kind in menu)
    return msgspec.structs.replace(first, others=tuple(others))


def _asks_again(client: Client, reply: Decoded) -> bool:
    """EDK2 goes to 4011 unless it is told to use the file; a ROM and iPXE if something lacks."""
    if client.class_text.startswith("HTTPClient") or _menu_lists(reply):
        return False
    if client.arch == 0 or client.ipxe:
        return not reply.has_server or not reply.file
    return not _uses_file(reply)


def _ask_4011(client: Client, datagram: bytes, ask: Ask) -> bytes | None:
    port = DHCP_CLIENT_PORT if client.ipxe else PXE_PORT
    return ask(datagram, PXE_PORT, client.ciaddr, port)


def _file(reply: Decoded, own: IPv4Address) -> Booted:
    """Option 67 is for names that don't fit the header."""
    long = next(
        (bytes.fromhex(o.hex) for o in reply.options if o.code == Option.BOOTFILE_NAME), b""
    )
    file = reply.file or long.rstrip(b"\0").decode("latin-1")
    if not file:
        return Booted("nothing")
    server = IPv4Address(reply.siaddr)
    is_own = not int(server) or server == own or file.startswith(("http://", "https://"))
    return Booted("file", file, None if is_own else server)


# --- menus --------------------------------------------------------------------------------------


def _vendor(reply: Decoded) -> dict[int, bytes]:
    """The sub-options of 43, the first of each code."""
    joined = b"".join(
        bytes.fromhex(o.hex).removesuffix(b"\xff")
        for o in reply.options
        if o.code == Option.VENDOR_SPECIFIC
    )
    return dict(reversed(list(tlvs(joined))))


def _uses_file(reply: Decoded) -> bool:
    control = _vendor(reply).get(DISCOVERY_CONTROL, b"")
    return bool(control) and bool(control[0] & USE_FILE)


def _menu_lists(reply: Decoded) -> bool:
    return not _uses_file(reply) and BOOT_MENU in _vendor(reply)


def _menu(reply: Decoded) -> Iterator[int]:
    """The types of the entries, where a menu counts."""
    area = _vendor(reply).get(BOOT_MENU, b"") if _menu_lists(reply) else b""
    at = 0
    while at + 3 <= len(area):
        yield int.from_bytes(area[at : at + 2])
        at += 3 + area[at + 2]


def _entry(client: Client, kind: int, reply: Decoded, own: IPv4Address, ask: Ask) -> Booted:
    """What a menu's entry boots, once its boot server is asked."""
    if kind == 0:
        return Booted("local")
    if own not in _servers(reply, kind):
        return Booted("elsewhere")
    item = bytes([PXE_BOOT_ITEM, 4]) + kind.to_bytes(2) + b"\0\0\xff"
    asks = msgspec.structs.replace(client, extra={**client.extra, Option.VENDOR_SPECIFIC: item})
    answer = _ask_4011(client, asks.request(own), ask)
    return Booted("nothing") if answer is None else _file(decode(answer), own)


def _servers(reply: Decoded, kind: int) -> list[IPv4Address]:
    area = _vendor(reply).get(BOOT_SERVERS, b"")
    at = 0
    while at + 3 <= len(area):
        size = 4 * area[at + 2]
        if int.from_bytes(area[at : at + 2]) == kind:
            each = area[at + 3 : at + 3 + size]
            return [IPv4Address(each[i : i + 4]) for i in range(0, len(each) - 3, 4)]
        at += 3 + size
    return []
