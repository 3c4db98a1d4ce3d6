"""`fastpxe explain`."""

import argparse
import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import msgspec

from fastpxe import explanation as explain
from fastpxe.cli.config_args import Commands, add_json, add_source, load
from fastpxe.dhcp import pcap
from fastpxe.dhcp.constants import ARCH_NAMES, FEATURE_NAMES, Option
from fastpxe.dhcp.decode import decode
from fastpxe.dhcp.identity import Pattern, microsoft_order, parse_mac, parse_uuid
from fastpxe.dnsmasq.engine import explain as dnsmasq_explain
from fastpxe.dnsmasq.engine.engine import Arrival, Engine
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.errors import FastpxeError, MalformedPacket
from fastpxe.explanation import Explanation, Step
from fastpxe.firmware.requests import Client
from fastpxe.json_text import indented
from fastpxe.net.interfaces import all_interfaces
from fastpxe.policy import compiler
from fastpxe.policy import explain as explain_native
from fastpxe.policy.config import Config
from fastpxe.policy.explain import Place
from fastpxe.serve.recorder.host_store import HostStore

OPTION_MAX = 255  # bytes; what is longer takes several, and no firmware does that to its class


class BadClient(FastpxeError):  # noqa: N818 - what it is
    """A client that was described wrongly."""


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "explain",
        help="say what a client would get, from which rule, and why not from the others",
        description=(
            "Say what a client would get: the rule that wins, why the others don't, and the\n"
            "exact answer, decoded and as hex. The client is described by flags, and then its\n"
            "whole boot is followed; or it is a packet (--hex), or every request of a capture."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  fastpxe explain -c fastpxe.toml --arch uefi-x64 --mac 18:66:da:01:02:03\n"
            "  fastpxe explain --arch bios --ipxe\n"
            "  fastpxe explain -c fastpxe.toml --uuid 4c4c4544-0038-3610-804e-c4c04f4a5831\n"
            "  fastpxe explain -c fastpxe.toml --pcap boot.pcap --json\n"
            "  fastpxe explain --dnsmasq-conf /etc/dnsmasq.d/ltsp.conf --arch uefi-x64"
        ),
    )
    add_source(command, takes_path=True)
    add_client(command)
    command.add_argument("--hex", metavar="HEX", help="a DHCP message as hex digits")
    command.add_argument(
        "--port",
        type=int,
        choices=(67, 4011),
        default=67,
        help="where the --hex message was heard; default %(default)s",
    )
    command.add_argument("--pcap", metavar="FILE", help="explain every request of this capture")
    command.add_argument(
        "--address",
        type=IPv4Interface,
        metavar="ADDRESS/BITS",
        help="our address on the client's network; default: one that fits the configuration",
    )
    add_json(command)
    command.set_defaults(run=run)


def add_client(command: argparse.ArgumentParser) -> None:
    """Add the flags that describe a client."""
    command.add_argument(
        "--arch",
        default="uefi-x64",
        metavar="NAME",
        help="name or number of its architecture; default %(default)s",
    )
    command.add_argument("--mac", default="52:54:00:12:34:56", help="its MAC address")
    command.add_argument("--uuid", help="its UUID as its label says it, or as 17 bytes of wire")
    command.add_argument("--vendor-class", default="", help="option 60, else its firmware's own")
    command.add_argument("--user-class", default="", help="option 77; iPXE implies --ipxe")
    command.add_argument("--ipxe", action="store_true", help="it is iPXE")
    command.add_argument(
        "--ipxe-features",
        default="",
        metavar="NAME,NAME",
        help="it is an iPXE with these features only, such as http,bzimage",
    )
    command.add_argument(
        "--relay",
        type=IPv4Address,
        default=IPv4Address(0),
        help="it is behind this relay (giaddr)",
    )


def client_of(parsed: argparse.Namespace) -> Client:
    """The client that the flags describe. Raises BadClient."""
    try:
        is_ipxe = parsed.ipxe or parsed.user_class == "iPXE" or bool(parsed.ipxe_features)
        return Client(
            arch=_arch(parsed.arch),
            mac=_whole(parse_mac(parsed.mac), "--mac", parsed.mac),
            uuid=bytes(range(16)) if parsed.uuid is None else _uuid(parsed.uuid),
            vendor_class=_vendor_class(parsed.vendor_class),
            user_class=b"" if parsed.user_class == "iPXE" else _user_class(parsed.user_class),
            ipxe=is_ipxe,
            giaddr=parsed.relay,
            extra=_features(parsed.ipxe_features),
        )
    except ValueError as error:
        raise BadClient(str(error)) from None


def _whole(pattern: Pattern, flag: str, text: str) -> bytes:
    """The bytes of a pattern that leaves none of them open, as one client has them."""
    if pattern.mask.strip(b"\xff"):
        raise ValueError(f"{flag}: {text!r} leaves some of it open; write that of one machine")
    return pattern.value


def _vendor_class(text: str) -> str:
    try:
        _fits(text.encode("latin-1"), "--vendor-class")
    except UnicodeEncodeError:
        raise ValueError("--vendor-class: Latin-1 alone, a byte for each character") from None
    return text


def _user_class(text: str) -> bytes:
    value = os.fsencode(text)  # as it was typed, whatever the terminal writes
    _fits(value, "--user-class")
    return value


def _fits(value: bytes, flag: str) -> None:
    if len(value) > OPTION_MAX:
        raise ValueError(f"{flag}: an option has {OPTION_MAX} bytes at most, not {len(value)}")


def _arch(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    if text not in ARCH_NAMES:
        raise ValueError(f"no architecture {text!r}; known: {', '.join(ARCH_NAMES)}")
    return ARCH_NAMES[text][0]


def _features(text: str) -> dict[int, bytes | None]:
    """Option 175 with the features that are named; nothing where none is."""
    names = list(dict.fromkeys(text.split(","))) if text else []
    for name in names:
        if name not in FEATURE_NAMES:
            raise ValueError(f"no feature {name!r} of iPXE; known: {', '.join(FEATURE_NAMES)}")
    listed = b"".join(bytes([FEATURE_NAMES[name], 1, 1]) for name in names)
    return {Option.IPXE: listed} if listed else {}


def _uuid(text: str) -> bytes:
    """The wire's bytes: a label's text has its first fields the other way round."""
    straight = _whole(parse_uuid(text)[0], "--uuid", text)
    is_wire = len(text.replace(":", "").replace("-", "")) == 34
    return straight if is_wire else microsoft_order(straight)


def run(parsed: argparse.Namespace) -> int:
    """Print the explanation, or several."""
    found = list(explanations(parsed))
    if parsed.json:
        print(indented(found))
        return 0
    for number, explanation in enumerate(found):
        if number:
            print()
        for line in explain.text(explanation):
            print(line)
    return 0


def explanations(parsed: argparse.Namespace) -> Iterator[Explanation]:
    """One for a client or a message, one for each request of a capture."""
    config = load(parsed)
    asked = (
        _Native(config, parsed.address)
        if isinstance(config, Config)
        else _Dnsmasq(config, parsed.address)
    )
    if parsed.pcap is not None:
        requests = list(pcap.requests(_read(parsed.pcap)))
        if not requests:
            raise BadClient(f"{parsed.pcap}: no request in this capture")
        for request in requests:
            yield _explained(asked, request)
    elif parsed.hex is not None:
        source_port = 68 if parsed.port == 67 else 4011
        yield asked.packet(_bytes(parsed.hex), parsed.port, IPv4Address(0), source_port)
    else:
        yield asked.boot(client_of(parsed))


def _explained(asked: "_Native | _Dnsmasq", request: pcap.Captured) -> Explanation:
    """One of a capture; one that can't be read gets no answer, and is in nobody's way."""
    try:
        return asked.packet(request.payload, request.port, request.source, request.source_port)
    except MalformedPacket as error:
        step = Step(
            title=f"request on port {request.port}",
            request=decode(request.payload),
            silence=str(error),
        )
        client = explain.describe_client(request.payload)
        return Explanation(client=client, identity=None, steps=(step,))


class _Native:
    """A fastpxe.toml to be explained."""

    def __init__(self, config: Config, address: IPv4Interface | None) -> None:
        hosts = [*HostStore(config.state).all(), *config.hosts]
        self._compiled = compiler.build(msgspec.structs.replace(config, hosts=tuple(hosts)), [])
        self._place = Place()
        if address is not None:
            self._place = Place(address=address.ip, network=address.network)

    def boot(self, client: Client) -> Explanation:
        return explain_native.explain_boot(self._compiled, client, self._place)

    def packet(
        self, payload: bytes, port: int, source: IPv4Address, source_port: int
    ) -> Explanation:
        return explain_native.explain_packet(
            self._compiled, payload, self._place, port=port, source=source, source_port=source_port
        )


class _Dnsmasq:
    """A dnsmasq configuration to be explained."""

    def __init__(self, config: DnsmasqConfig, address: IPv4Interface | None) -> None:
        present = [InterfaceAddresses(name=i.name, networks=i.networks) for i in all_interfaces()]
        interfaces, self._interface = dnsmasq_explain.place(config, present, address)
        self._engine = Engine(config, interfaces)

    def boot(self, client: Client) -> Explanation:
        return dnsmasq_explain.explain_boot(self._engine, client, self._interface)

    def packet(
        self, payload: bytes, port: int, source: IPv4Address, source_port: int
    ) -> Explanation:
        arrival = Arrival(
            interface=self._interface, port=port, source=source, source_port=source_port
        )
        return dnsmasq_explain.explain_packet(self._engine, payload, arrival)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadClient(f"--pcap {path}: {error.strerror}") from None


def _bytes(digits: str) -> bytes:
    try:
        found = bytes.fromhex(digits.replace(":", ""))
    except ValueError:
        found = b""
    if not found:
        raise BadClient("--hex takes hex digits, such as 0101060012345678…")
    return found
