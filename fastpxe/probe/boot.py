"""Try the boot that an offer leads to, as far as the file; nothing is run.

Packets to an address of this machine stay within it, but reach the sockets of the interface, so
that one's own server is asked by the same code as another's.
"""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import PXE_PORT
from fastpxe.dhcp.pxe_options import MenuEntry
from fastpxe.doctor.network import TRIED, Step, Trial, Wire
from fastpxe.firmware.boot import Ending, Question, follow
from fastpxe.firmware.offers import BootFile, Firmware, HeardOffer, proxy_offers, read_offer
from fastpxe.firmware.requests import Client
from fastpxe.net.interfaces import Interface
from fastpxe.probe.download import download

MOST_SERVERS = 4
ANSWER_S, TRIES = 1.0, 3
FETCH_LIMIT_S = 15.0
MOST_BYTES = 4 << 20
"""Loaders are smaller; of what is larger, so much is fetched."""


class _Failed(Exception):  # noqa: N818 - private: what the next step lacked, and the advice
    def __init__(self, failure: str, advice: str) -> None:
        self.failure = failure
        self.advice = advice
        super().__init__(failure)


def with_trials(wire: Wire, interface: Interface, clients: Mapping[Firmware, Client]) -> Wire:
    """The same with a trial for each firmware that a proxy has answered, and for each proxy."""
    trials = [
        _try(heard, interface, clients[firmware], wire)
        for firmware in TRIED
        for heard in proxy_offers(wire.heard, firmware)[:MOST_SERVERS]
    ]
    return msgspec.structs.replace(wire, trials=tuple(trials))


def _try(heard: HeardOffer, interface: Interface, client: Client, wire: Wire) -> Trial:
    steps: list[Step] = []
    failure = advice = ""
    is_local = heard.offer.server in wire.own
    try:
        for step in _boot(heard, interface, client, is_local=is_local):
            steps.append(step)  # noqa: PERF402 - those before one that fails are kept
    except _Failed as failed:
        failure, advice = failed.failure, failed.advice
    return Trial(
        firmware=heard.firmware,
        server=heard.offer.server,
        is_local=is_local,
        steps=tuple(steps),
        failure=failure,
        advice=advice,
    )


def _boot(
    heard: HeardOffer, interface: Interface, client: Client, *, is_local: bool
) -> Iterator[Step]:
    """Each step that went well. Raises _Failed at the first that doesn't."""
    yield Step(text=f"offer from {heard.offer.server}", took_s=heard.after_s)
    boot = follow(heard.firmware, heard.offer, _first_file)
    answer = None
    while not isinstance(answer, Ending):
        try:
            question = next(boot) if answer is None else boot.send(answer)
        except StopIteration as end:
            answer = end.value
            continue
        if question.entry is not None:
            yield Step(text=f"{question.entry.text!r} of its menu")
        began = time.monotonic()
        asking = _asking(client, interface, question)
        payload = _acknowledgement(asking, question.server, interface, is_local=is_local)
        text = f"answer on 4011 from {question.server}"
        yield Step(text=text, took_s=time.monotonic() - began)
        answer = read_offer(payload, question.server)
    yield _end(answer, heard, interface)


def _first_file(entries: Sequence[MenuEntry]) -> MenuEntry:
    """The first entry that isn't the local disk, where there is one."""
    return next((entry for entry in entries if not entry.is_local), entries[0])


def _asking(client: Client, interface: Interface, question: Question) -> Client:
    """The client once it has an address, ours, and has chosen from a menu."""
    with_address = msgspec.structs.replace(client, ciaddr=interface.address)
    return with_address if question.entry is None else with_address.choosing(question.entry.type)


def _end(ending: Ending, heard: HeardOffer, interface: Interface) -> Step:
    """The last step: the file is fetched, if there is one. Raises _Failed."""
    if ending.kind == "local":
        return Step(text="the local disk, by its menu")
    if ending.kind == "elsewhere":
        return Step(text="a boot server that its menu doesn't list, which isn't tried")
    if ending.file is None or ending.kind == "no-server":
        if heard.file is not None:
            raise _Failed(
                "the firmware stops at its option 43 (PXE-E21)",
                "send a menu (43.9) with its boot servers, or set bit 3 of 43.6 beside the file",
            )
        raise _Failed(
            "no file is named",
            "no rule has one for this client: fastpxe explain --arch says why (PXE-E53, PXE-E21)",
        )
    if ending.file.is_url:
        return Step(text=f"{ending.file.file}, which isn't fetched by TFTP")
    return _fetched(ending.file, interface)


def _acknowledgement(
    client: Client, server: IPv4Address, interface: Interface, *, is_local: bool
) -> bytes:
    """Ask port 4011, as EDK2 from port 4011 where it is free. Raises _Failed."""
    request = client.request(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        if not is_local:
            with contextlib.suppress(OSError):  # a fastpxe here has it
                sock.bind(("0.0.0.0", PXE_PORT))
        sock.settimeout(ANSWER_S)
        for _ in range(TRIES):
            try:
                sock.sendto(request, (str(server), PXE_PORT))
                answer, (sender, _) = sock.recvfrom(65536)
            except TimeoutError:
                continue
            except OSError as error:
                raise _Failed(f"port 4011 of {server}: {error.strerror}", _OPEN_4011) from None
            if sender == str(server) and answer[4:8] == request[4:8]:
                return answer
    raise _Failed(f"port 4011 of {server} doesn't answer (PXE-E55, PXE-E16)", _OPEN_4011)


_PUT_FILE = "put the file there, readable for the user that serves"
_OPEN_69 = (
    "see that TFTP is on there, and let UDP 69 and the transfer's port through the firewalls "
    '([tftp] ports = "single" needs 69 alone)'
)
_OPEN_4011 = "let UDP 4011 through the firewalls, and see that the server is bound to it"


def _fetched(offer: BootFile, interface: Interface) -> Step:
    """Download a file, or the most of it that is wanted. Raises _Failed."""
    came = download(
        [offer],
        interface,
        1,
        lambda _done: None,
        limit_s=FETCH_LIMIT_S,
        most_bytes=MOST_BYTES,
    )
    if came.failures:
        (failure,) = came.failures
        text = f"TFTP from {offer.server}: {failure}"
        if "ERROR" in failure:
            raise _Failed(f"{text} (PXE-E23, PXE-E36, PXE-E3B)", _PUT_FILE)
        raise _Failed(f"{text} (PXE-E18, PXE-E32, PXE-E35)", _OPEN_69)
    part = "the first " if came.size_bytes >= MOST_BYTES else ""
    return Step(
        text=f"{offer.file} from {offer.server}, {part}{came.size_bytes:,} bytes",
        took_s=came.seconds,
    )
