"""The lines that dnsmasq would log for an exchange with log-dhcp, for those who know them.

One thing is better: a UUID (option 97) is never cut.

Sources: dnsmasq 2.90's log.
"""

from collections.abc import Iterator

from fastpxe.dhcp.constants import Option
from fastpxe.dhcp.options import walk
from fastpxe.dnsmasq.engine.decision import Decision
from fastpxe.dnsmasq.engine.message import FILE, OPTIONS_AT, SNAME, Message
from fastpxe.dnsmasq.engine.render import fill, lay_out
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.dnsmasq.syntax.option_names import IPV4, by_code

CLIENT_ID_MIN = 3  # bytes; no longer one stands for a hardware address
HEX_MAX = 14  # bytes of a value; more are cut

WARNED = frozenset({"no-range", "no-address", "bridge"})  # the warning is all there is


def lines(config: DnsmasqConfig, message: Message, decision: Decision) -> Iterator[str]:
    """All lines, without syslog's prefix."""
    if decision.reason in WARNED:
        yield decision.why
        return
    if not decision.candidates:  # dropped before anything was looked at
        return
    xid = message.xid
    yield from (f"{xid} {line}" for line in request_lines(config, message, decision))
    if decision.reason == "bis":
        yield decision.why
    if decision.reply is None:
        return
    layout = lay_out(decision.reply)
    reply = fill(layout.template, message)
    yield from (*decision.warnings, *layout.warnings)
    yield f"{xid} PXE({decision.interface}) {client(message, decision, reply)}"
    yield f"{xid} tags: {', '.join(newest_first(decision))}"
    if decision.reason == "ignored":
        return
    if decision.delay is not None and decision.delay.winner is not None:
        yield f"{xid} reply delay: {decision.delay_s}"
    yield from (f"{xid} {line}" for line in reply_lines(reply))


def request_lines(config: DnsmasqConfig, message: Message, decision: Decision) -> Iterator[str]:
    """What is known before anything is decided."""
    for candidate in decision.candidates:
        line = config.ranges[candidate.index]
        if line.end is None:
            yield f"available DHCP subnet: {candidate.start}/{candidate.netmask}"
        else:
            yield f"available DHCP range: {candidate.start} -- {line.end}"
    for what, code in ("vendor class", Option.VENDOR_CLASS), ("user class", Option.USER_CLASS):
        value = message.option(code)
        if value is not None:
            yield f"{what}: {printable(value)}"
    if message.client_name and decision.reason != "bootp":
        yield f"client provides name: {message.client_name.decode('utf-8', 'replace')}"


def client(message: Message, decision: Decision, reply: bytes) -> str:
    """Who gets what, as PXE(…) says it."""
    mac = mac_text(shown_hardware(message))
    if decision.item is not None:
        return f"{message.ciaddr} {mac} {text(reply[FILE])}"
    return f"{mac} {'proxy-ignored' if decision.reason == 'ignored' else 'proxy'}"


def shown_hardware(message: Message) -> bytes:
    """The hardware address; without one the client id, less a type in front of it.

    (dnsmasq may show other bytes there: it looks once the reply stands in the same buffer.)
    """
    client_id = message.client_id or b""
    if message.hlen == 0 and len(client_id) > CLIENT_ID_MIN:
        return client_id[1:] if client_id[0] == message.htype else client_id
    return message.hardware


def newest_first(decision: Decision) -> list[str]:
    """Each tag at the place where it was set first."""
    return list(reversed(dict.fromkeys(tag.name for tag in decision.tags)))


def reply_lines(reply: bytes) -> Iterator[str]:
    """The fields that are not empty, and a line for each option."""
    main = reply[OPTIONS_AT:]
    overload = next((value[0] for code, value, _ in walk(main) if code == Option.OVERLOAD), 0)
    for bit, area, name in (1, FILE, "bootfile name"), (2, SNAME, "server name"):
        if overload & bit:
            yield from option_lines(reply[area])
        elif text(reply[area]):
            yield f"{name}: {text(reply[area])}"
    if any(reply[20:24]):
        yield f"next server: {dotted(reply[20:24])}"
    if reply[10] & 0x80 and not any(reply[12:16]):
        yield "broadcast response"
    yield from option_lines(main)


def option_lines(area: bytes) -> Iterator[str]:
    for code, value, _ in walk(area):
        if code == Option.END:
            return
        known = by_code(IPV4, code)
        name = next((name for name, option in IPV4.items() if option is known), "")
        yield f"sent size:{len(value):3} option:{code:3} {name}  {value_text(code, value)}"


def value_text(code: int, value: bytes) -> str:
    """A value as dnsmasq shows that option."""
    known = by_code(IPV4, code)
    if known.kind == "addresses":
        return ", ".join(dotted(value[at : at + 4]) for at in range(0, len(value) - 3, 4))
    if known.kind == "name":
        return printable(value)
    if known.size or code == Option.MESSAGE_TYPE:
        return str(int.from_bytes(value))
    if len(value) > HEX_MAX and code != Option.CLIENT_UUID:
        return value[:HEX_MAX].hex(":") + "..."
    return mac_text(value)


def mac_text(value: bytes) -> str:
    return value.hex(":") or "<null>"


def dotted(address: bytes) -> str:
    return ".".join(map(str, address))


def text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace")


def printable(value: bytes) -> str:
    """Its printable ASCII characters, the others left out."""
    return "".join(chr(c) for c in value if 0x20 <= c < 0x7F)
