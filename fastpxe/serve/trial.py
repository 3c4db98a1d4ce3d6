"""Try the boot that an offer leads to, as far as the file; nothing is run.

Packets to an address of this machine stay within it, but reach the sockets of the interface, so
that one's own server is asked by the same code as another's.
"""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

import msgspec

from fastpxe.doctor_wire import Step, Trial, Wire
from fastpxe.firmware.offers import (
    FIRMWARE,
    NOWHERE,
    Heard,
    MenuItem,
    Offer,
    asks_4011,
    first_item,
    offer_of,
    proxy_offers,
)
from fastpxe.firmware.requests import Client
from fastpxe.serve.download import download
from fastpxe.serve.interfaces import Interface
from fastpxe.wire import PXE_PORT, Option

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


def with_trials(wire: Wire, interface: Interface, clients: Mapping[str, Client]) -> Wire:
    """The same with a trial for each firmware that a proxy has answered, and for each proxy."""
    trials = [
        _try(heard, interface, clients[kind], wire)
        for kind in FIRMWARE
        for heard in proxy_offers(wire.heard, kind)[:MOST_SERVERS]
    ]
    return msgspec.structs.replace(wire, trials=tuple(trials))


def _try(heard: Heard, interface: Interface, client: Client, wire: Wire) -> Trial:
    steps: list[Step] = []
    failure = advice = ""
    is_local = heard.server in wire.own
    try:
        for step in _boot(heard, interface, client, is_local=is_local):
            steps.append(step)  # noqa: PERF402 - those before one that fails are kept
    except _Failed as failed:
        failure, advice = failed.failure, failed.advice
    return Trial(
        kind=heard.kind,
        server=heard.server,
        is_local=is_local,
        steps=tuple(steps),
        failure=failure,
        advice=advice,
    )


def _boot(heard: Heard, interface: Interface, client: Client, *, is_local: bool) -> Iterator[Step]:
    """Each step that went well. Raises _Failed at the first that doesn't."""
    yield Step(text=f"offer from {heard.server}", took_s=heard.after_s)
    payload = heard.payload
    item = first_item(payload)
    if item is not None or asks_4011(heard):
        server = heard.next_server if heard.next_server != NOWHERE else heard.server
        if item is not None:
            yield Step(text=f"{item.text!r} of its menu")
            server = item.server or heard.server
        began = time.monotonic()
        payload = _acknowledgement(
            _asking(client, interface, item), server, interface, is_local=is_local
        )
        yield Step(text=f"answer on 4011 from {server}", took_s=time.monotonic() - began)
    offer = offer_of(payload)
    if offer is None:
        raise _Failed(
            "no file is named",
            "no rule has one for this client: fastpxe explain --arch says why (PXE-E53, PXE-E21)",
        )
    if "://" in offer.file:
        yield Step(text=f"{offer.file}, which isn't fetched by TFTP")
        return
    yield _fetched(offer, interface)


def _asking(client: Client, interface: Interface, item: MenuItem | None) -> Client:
    """The client once it has an address, ours, and has chosen from a menu."""
    chosen = {}
    if item is not None:
        chosen[Option.VENDOR_SPECIFIC] = bytes([71, 4]) + item.number.to_bytes(2) + b"\0\0\xff"
    return msgspec.structs.replace(client, ciaddr=interface.address, extra=chosen)


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


def _fetched(offer: Offer, interface: Interface) -> Step:
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
