"""A client's whole boot: from an offer, over port 4011 and a menu, to what it loads in the end.

`follow` does no input and no output: it yields what the firmware asks and takes the answers, so
that the proof of an import and the doctor's trial boot go by the same rules.

Sources: as for fastpxe.firmware.next_step; PXE 2.1 section 2.2 (boot servers).
"""

from collections.abc import Callable, Generator, Sequence
from ipaddress import IPv4Address
from typing import Literal

import msgspec

from fastpxe.dhcp.constants import DHCP_CLIENT_PORT, DHCP_SERVER_PORT, PXE_PORT
from fastpxe.dhcp.pxe_options import Control, MenuEntry
from fastpxe.firmware.next_step import has_menu, menu_of, next_step, step_after_ack
from fastpxe.firmware.offers import (
    NOWHERE,
    BootFile,
    Firmware,
    Offer,
    boot_file,
    proxy_server,
    pxe_options,
    read_offer,
)
from fastpxe.firmware.requests import Client

Kind = Literal["file", "silent", "nothing", "no-server", "local", "elsewhere"]

Ask = Callable[[bytes, int, IPv4Address, int], bytes | None]
"""Ask a server: a datagram, its port, and the sender's address and port. None is silence."""

Choose = Callable[[Sequence[MenuEntry]], MenuEntry]


class Question(msgspec.Struct, frozen=True):
    """A request to port 4011. entry: the entry of the menu that it asks for, None for no menu."""

    server: IPv4Address
    entry: MenuEntry | None = None


class Ending(msgspec.Struct, frozen=True):
    """How a boot continues. nothing: without a file. elsewhere: a boot server is searched for.

    no-server: with a file that iPXE doesn't take, because siaddr is zero.
    """

    kind: Literal["file", "nothing", "no-server", "local", "elsewhere"]
    file: BootFile | None = None


_NOTHING = Ending("nothing")

Boot = Generator[Question, Offer | None, Ending]


class Outcome(msgspec.Struct, frozen=True):
    """What a client boots. `server` None is the proxy itself.

    silent: no answer. nothing: an answer without a file that it takes. local: its own disk.
    no-server: a file without a server, which iPXE doesn't take. elsewhere: it looks for a boot
    server of a type. others: what further entries of a menu boot.
    """

    kind: Kind
    file: str = ""
    server: IPv4Address | None = None
    others: tuple["Outcome", ...] = ()

    def __str__(self) -> str:
        text = _WORDS.get(self.kind) or f"{self.file} from {self.server or 'this machine'}"
        if self.kind == "no-server":
            text = f"{self.file} {text}"
        return " or ".join((text, *map(str, self.others)))


_WORDS = {
    "silent": "no answer",
    "nothing": "an answer without a file",
    "no-server": "from no server, which iPXE doesn't take",
    "local": "the local disk",
    "elsewhere": "a boot server elsewhere",
}


def follow(firmware: Firmware, offer: Offer, choose: Choose) -> Boot:
    """Follow firmware that takes this offer; send the answer to each Question, None for silence."""
    step = next_step(firmware, offer)
    if step == "none":
        return _NOTHING
    if step != "4011" or menu_of(firmware, offer):
        return (yield from _take(firmware, offer, choose))
    ack = yield Question(proxy_server(firmware, offer))
    if ack is None:
        # iPXE boots with what it has, and a URL needs no server; others stop.
        return _ending(firmware, offer) if firmware == "ipxe" else _NOTHING
    return (yield from follow_ack(firmware, ack, choose))


def follow_ack(firmware: Firmware, ack: Offer, choose: Choose) -> Boot:
    """The same from an answer on port 4011, where a DHCP server sends some firmware at once."""
    if step_after_ack(firmware, ack) == "none":
        is_without_server = firmware == "ipxe" and not has_menu(firmware, ack)
        return _ending(firmware, ack) if is_without_server else _NOTHING
    return (yield from _take(firmware, ack, choose))


def _take(firmware: Firmware, offer: Offer, choose: Choose) -> Boot:
    """What an answer leads to that isn't asked for again: its file, or an entry of its menu."""
    entries = menu_of(firmware, offer)
    if not entries:
        return _ending(firmware, offer)
    entry = choose(entries)
    if entry.is_local:
        return Ending("local")
    pxe = pxe_options(firmware, offer)
    servers = pxe.servers_of(entry.type)
    if not servers:
        forbidden = Control.NO_BROADCAST | Control.NO_MULTICAST
        return _NOTHING if pxe.control & forbidden == forbidden else Ending("elsewhere")
    answer = yield Question(servers[0], entry)
    return _NOTHING if answer is None else _ending(firmware, answer)


def _ending(firmware: Firmware, offer: Offer) -> Ending:
    file = boot_file(firmware, offer)
    if file is not None:
        return Ending("file", file)
    name = offer.file or offer.bootfile
    return Ending("no-server", BootFile(file=name, server=str(NOWHERE))) if name else _NOTHING


# --- the boot of a client at one server ---------------------------------------------------------


def boot(client: Client, own: IPv4Address, ask: Ask, *, is_steered: bool) -> Outcome:
    """Follow a client at a server with the address `own`, through every entry of a menu.

    `is_steered`: its DHCP server sends it to port 4011 at once; else it broadcasts to port 67.
    """
    if is_steered:
        answer = _ask_4011(client, client.request(own), ask)
    else:
        answer = ask(client.discover(), DHCP_SERVER_PORT, NOWHERE, DHCP_CLIENT_PORT)
    if answer is None:
        return Outcome("silent")
    offer = read_offer(answer, own)
    start = follow_ack if is_steered else follow
    menu: list[MenuEntry] = []

    def outcome(number: int) -> Outcome:
        def choose(entries: Sequence[MenuEntry]) -> MenuEntry:
            menu[:] = entries
            return entries[number]

        return _outcome(client, start(client.firmware, offer, choose), own, ask)

    first = outcome(0)
    others = tuple(outcome(number) for number in range(1, len(menu)))
    return msgspec.structs.replace(first, others=others)


def _outcome(client: Client, steps: Boot, own: IPv4Address, ask: Ask) -> Outcome:
    """Send every request to this server; an entry of the menu may have another, elsewhere."""
    try:
        question = next(steps)
        while True:
            if question.entry is not None and question.server != own:
                return Outcome("elsewhere")
            asks = client if question.entry is None else client.choosing(question.entry.type)
            data = _ask_4011(client, asks.request(own), ask)
            question = steps.send(None if data is None else read_offer(data, own))
    except StopIteration as end:
        ending: Ending = end.value
    if ending.file is None:
        return Outcome(ending.kind)
    server = IPv4Address(ending.file.server)
    is_own = ending.file.is_url or server in (own, NOWHERE)
    return Outcome(ending.kind, ending.file.file, None if is_own else server)


def _ask_4011(client: Client, datagram: bytes, ask: Ask) -> bytes | None:
    port = DHCP_CLIENT_PORT if client.ipxe else PXE_PORT
    return ask(datagram, PXE_PORT, client.ciaddr, port)
