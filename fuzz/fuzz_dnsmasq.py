"""Texts of dnsmasq.conf: each is read, or refused with a ConfigError; one that is read answers.

example: .venv/bin/python fuzz/fuzz_dnsmasq.py --seconds 60
"""

from ipaddress import IPv4Address, IPv4Interface

from fuzzing import TESTS, packets, run

from fastpxe.dnsmasq.convert.translate import translate
from fastpxe.dnsmasq.engine.engine import Arrival, Engine
from fastpxe.dnsmasq.lint.lint import check as findings
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.keywords import KEYS
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.errors import ConfigError

FILE = "f.conf"
REQUESTS = packets()
INTERFACES = (InterfaceAddresses(name="eth0", networks=(IPv4Interface("10.77.0.2/24"),)),)
PLACE = Arrival(interface="eth0", port=67, source=IPv4Address("0.0.0.0"), source_port=68)
WORDS = (
    *KEYS, "=", ",", ":", "\n", '"', "\\", "#", "tag:", "tag:!x", "set:x", "option:", "encap:",
    "vendor:", "proxy", "10.77.0.0", "255.255.255.0", "52:54:00:12:34:56", "*", "ff:ff", "0x",
    "infinite", "X86PC", "x86-64_EFI", "99999999999", "-1", "ignore", "id:", "net:", "lo", "eth0",
    "fe80::1", "[", "]",
)  # fmt: skip
TOKENS = tuple(word.encode() for word in WORDS)
BASE = b"dhcp-range=10.77.0.0,proxy\npxe-prompt=P,0\n"


def seeds() -> list[bytes]:
    """Configurations that were translated, and a line of each kind."""
    recorded = sorted((TESTS / "dnsmasq" / "golden-import").glob("*.conf"))
    lines = (
        b'pxe-service=x86PC,"Boot",pxelinux,10.77.0.2',
        b"dhcp-boot=tag:x,undionly.kpxe,,10.77.0.2", b"dhcp-match=set:x,option:client-arch,7",
        b"dhcp-vendorclass=set:x,PXEClient:Arch:00007", b"dhcp-userclass=set:x,iPXE",
        b"dhcp-mac=set:x,52:54:*:*:*:*", b"tag-if=set:y,tag:!x",
        b"dhcp-host=52:54:00:12:34:56,set:x", b"dhcp-option=vendor:PXEClient,6,2b",
        b"dhcp-option-force=209,boot/x.cfg", b"dhcp-ignore=tag:!x",
        b"enable-tftp\ntftp-root=/srv",
    )  # fmt: skip
    return [*(path.read_bytes() for path in recorded), *(BASE + line + b"\n" for line in lines)]


def check(data: bytes) -> None:
    try:
        read = read_config(
            [FILE], arguments=("--no-hosts",), disk=Disk({FILE: data}.get, lambda _: None)
        )
    except ConfigError:
        return
    engine = Engine(read, INTERFACES)
    for datagram in REQUESTS[:6]:
        engine.answer(datagram, PLACE)
    findings(read, INTERFACES, lambda _: False)
    translate(read)


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__)
