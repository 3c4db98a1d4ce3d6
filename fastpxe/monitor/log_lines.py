"""An event becomes one line of text: a word for the stage, then key=value.

Option 97 is written whole and twice: as the text that a label or `dmidecode` shows, and as the
bytes on the wire, ready for a `uuid =` line or for dnsmasq's `dhcp-match`.
"""

import logging
import re
from collections import OrderedDict
from typing import Any

from fastpxe.dhcp.constants import PXE_PORT, MessageType
from fastpxe.dhcp.decode import arch_name
from fastpxe.dhcp.identity import format_uuid, microsoft_order
from fastpxe.events import (
    Answered,
    Event,
    Fault,
    HttpServed,
    Ignored,
    Notice,
    Reply,
    Sender,
    TransferDone,
    TransferRefused,
    Unsent,
    is_routine,
)

# What to do about a client that gets no answer.
_ADVICE = {
    "no_range": "no dhcp-range serves where it asks; `fastpxe explain` says which there are",
    "no_arch": "it names no architecture (option 93): a rule without `arch` answers it",
    "engine_error": "an error of fastpxe itself: see the line that begins with fault",
    "unknown_arch": "no rule names this architecture; add a [[boot]] with arch = {arch}",
    "no_rule": "no rule matches this client; `fastpxe explain` says why each doesn't",
    "chose_us": "the firmware took our offer for an address offer: look for a second DHCP server, "
    "or one whose option 67 is the last of its offer and has no NUL",
    "other_server_id": "it asks another server on our port 4011",
}


def describe(event: Event) -> tuple[int, str]:
    """The level (of logging) and the line for an event."""
    match event:
        case Answered():
            return logging.INFO, _answered(event)
        case Unsent():
            return logging.WARNING, f"unsent {_answered(event)} " + _pairs(why=event.why)
        case Ignored():
            return _level_of_silence(event.reason), _ignored(event)
        case TransferDone():
            return _transfer_done(event)
        case TransferRefused():
            client = f"{event.client[0]}:{event.client[1]}"
            return logging.DEBUG if is_routine(
                event
            ) else logging.WARNING, "tftp-refused " + _pairs(
                client=client, file=event.file, error=event.code, why=event.why
            )
        case HttpServed():
            return _http_served(event)
        case Fault():
            return logging.ERROR, _fault(event)
        case Notice():
            where = f"interface={event.interface} " if event.interface else ""
            return logging.WARNING, f"{where}{event.text}"
    raise TypeError(event)


def _level_of_silence(reason: str) -> int:
    if reason == "for_other_server":  # every boot has such a request: that for an address
        return logging.DEBUG
    is_asked_for = reason == "denied"  # the operator's own wish
    return logging.INFO if is_asked_for else logging.WARNING


class Repeats:
    """Tells whether something was said before, for the last `limit` things."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._said: OrderedDict[tuple[str, str], None] = OrderedDict()

    def is_new(self, event: Event) -> bool:
        """False when an ignored client was told of already with the same reason."""
        if not isinstance(event, Ignored):
            return True
        key = (event.sender.mac, event.reason)
        if key in self._said:
            self._said.move_to_end(key)
            return False
        self._said[key] = None
        if len(self._said) > self._limit:
            self._said.popitem(last=False)
        return True


def _answered(event: Reply) -> str:
    if event.sender.message_type == MessageType.DISCOVER:
        stage = "offer"
    else:
        stage = "ack" if event.sender.port == PXE_PORT else "boot-server-ack"
    return f"{stage} " + _pairs(
        **_sender(event.sender),
        rule=event.rule,
        file=event.file,
        server=event.server,
        to=f"{event.to[0]}:{event.to[1]}",
        interface=event.interface,
    )


def _fault(event: Fault) -> str:
    times = f" ({event.count} times since the last such line)" if event.count > 1 else ""
    return f"fault in {event.place}{times}: {event.text}; please report it, with the lines below"


def _ignored(event: Ignored) -> str:
    sender = _sender(event.sender)
    advice = _ADVICE.get(event.reason, "").format(arch=event.sender.arch)
    return f"ignored {event.reason} " + _pairs(
        **sender, port=event.sender.port, interface=event.interface, advice=advice or None
    )


def _transfer_done(event: TransferDone) -> tuple[int, str]:
    level = logging.INFO if event.outcome in ("done", "probe", "replaced") else logging.WARNING
    return level, f"tftp-{event.outcome} " + _pairs(
        client=f"{event.client[0]}:{event.client[1]}",
        file=event.file,
        bytes=event.size_bytes,
        seconds=f"{event.duration_s:.3f}",
        retransmits=event.retransmits,
        **event.options,
        interface=event.interface,
        error=event.error or None,
    )


def _http_served(event: HttpServed) -> tuple[int, str]:
    stage = "refused" if event.status >= 400 else "aborted" if event.error else "done"
    level = logging.INFO if stage == "done" else logging.WARNING
    return logging.DEBUG if is_routine(event) else level, f"http-{stage} " + _pairs(
        client=f"{event.client[0]}:{event.client[1]}",
        method=event.method,
        file=event.file,
        status=event.status,
        bytes=event.size_bytes,
        seconds=f"{event.duration_s:.3f}",
        interface=event.interface,
        why=event.error or None,
    )


def _sender(sender: Sender) -> dict[str, object]:
    pairs: dict[str, object] = {"mac": sender.mac, "arch": _arch(sender.arch)}
    if sender.ipxe:
        pairs["ipxe"] = "yes"
    if len(sender.uuid) == 17 and sender.uuid[0] == 0:
        pairs["uuid"] = format_uuid(microsoft_order(sender.uuid[1:]))
    if sender.uuid:
        pairs["option97"] = sender.uuid.hex(":")
    pairs["xid"] = f"{sender.xid:08x}"
    return pairs


def _arch(number: int | None) -> str:
    return "none" if number is None else f"{arch_name(number)}({number})"


def _pairs(**values: Any) -> str:
    return " ".join(f"{key}={_quoted(value)}" for key, value in values.items() if value is not None)


def _quoted(value: object) -> str:
    """Quote what has spaces; write control characters as escapes, for a name comes off the wire."""
    text = str(value)
    if re.fullmatch(r"[!#-~]+", text):
        return text
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
