"""A policy made from the text of a configuration, and what it says to a datagram."""

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import NamedTuple

from packets import CLIENT, EVERYONE, NETMASK, NOWHERE, OTHER_OWN_ADDRESS, OUR_ADDRESS, Reply

from fastpxe._codec import REASONS
from fastpxe.policy import compiler, config

OWN = (OUR_ADDRESS, OTHER_OWN_ADDRESS, IPv4Address("127.0.0.1"))

# Every kind of client has a rule, and every second one a server of its own.
EVERY_KIND = """
[[boot]]
name = "ipxe"
ipxe = true
file = "boot.ipxe"

[[boot]]
name = "bios"
arch = "bios"
file = "undionly.kpxe"

[[boot]]
name = "x64"
arch = "uefi-x64"
file = "x64.efi"

[[boot]]
name = "ia32 elsewhere"
arch = "uefi-ia32"
server = "192.0.2.10"
file = "ia32.efi"

[[boot]]
name = "arm64 direct"
arch = "uefi-arm64"
server = "192.0.2.10"
style = "direct"
file = "arm64.efi"

[[boot]]
name = "http"
arch = "uefi-x64-http"
url = "http://192.0.2.10/x64.efi"

[[boot]]
name = "pi"
arch = "rpi"
file = "bootcode.bin"

[[boot]]
name = "long"
arch = "uefi-arm32"
file = "{long_name}"
""".format(long_name="d/" * 70 + "arm32.efi")


class Answer(NamedTuple):
    """What became of a datagram. `rule` is the name of the rule that held, or ""."""

    reason: str
    payload: bytes
    to: IPv4Address
    to_port: int
    rule: str

    @property
    def reply(self) -> Reply:
        assert self.reason == "answered", self.reason
        return Reply(self.payload)

    @property
    def destination(self) -> tuple[IPv4Address, int]:
        assert self.reason == "answered", self.reason
        return self.to, self.to_port


class Responder:
    def __init__(self, text: str | None = None, own: Iterable[IPv4Address] = OWN) -> None:
        self.config = config.default_config() if text is None else config.parse(text, "test.toml")
        self.compiled = compiler.build(self.config, own)

    def hear(
        self,
        datagram: bytes,
        *,
        port: int = 67,
        source: IPv4Address = NOWHERE,
        source_port: int = 68,
        address: IPv4Address = OUR_ADDRESS,
        netmask: int = NETMASK,
    ) -> Answer:
        reason, payload, to, to_port, rule, _ = self.compiled.native_for(address).decide(
            datagram,
            port=port,
            source=int(source),
            source_port=source_port,
            address=int(address),
            netmask=netmask,
        )
        name = self.compiled.rules[rule].name if rule >= 0 else ""
        return Answer(REASONS[reason], payload, IPv4Address(to), to_port, name)

    def hear_on_4011(
        self,
        datagram: bytes,
        *,
        source: IPv4Address = CLIENT,
        source_port: int = 4011,
        address: IPv4Address = OUR_ADDRESS,
    ) -> Answer:
        return self.hear(
            datagram, port=4011, source=source, source_port=source_port, address=address
        )


BROADCAST = (EVERYONE, 68)
