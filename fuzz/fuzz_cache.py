"""Requests in dnsmasq's way: the cache in front of its engine says what the engine says.

example: fuzz/asan .venv/bin/python fuzz/fuzz_cache.py --seconds 60
"""

from ipaddress import IPv4Address, IPv4Interface

from fuzz_dhcp import PLACES, TOKENS
from fuzzing import packets, run

from fastpxe.dnsmasq.engine.backend import DnsmasqAnswers
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.dnsmasq.syntax.reader import read_config

TEXT = b"""
log-dhcp
dhcp-range=10.0.0.0,proxy
dhcp-match=set:efi,option:client-arch,7
dhcp-match=set:bios,93,0
dhcp-match=set:dell,97,00:44:45:4c
dhcp-userclass=set:ipxe,iPXE
dhcp-vendorclass=set:pxe,PXEClient
dhcp-mac=set:lab,52:54:00:*:*:*
dhcp-host=52:54:00:12:34:56,set:one
dhcp-circuitid=set:port,aa:bb
tag-if=set:new,tag:efi,tag:!ipxe
dhcp-ignore=tag:port
dhcp-boot=tag:ipxe,boot.ipxe,,10.0.0.9
dhcp-boot=tag:new,snponly.efi
pxe-prompt=tag:bios,Menu,3
pxe-service=tag:bios,x86PC,Boot,undionly
pxe-service=tag:bios,x86PC,Disk,0
pxe-service=tag:efi,x86-64_EFI,Boot,grub.efi
dhcp-option=tag:lab,vendor:PXEClient,6,2b
dhcp-option-force=tag:dell,209,x.cfg
"""
FILE = "f.conf"
ADDRESS = IPv4Address("10.0.0.1")
INTERFACES = (InterfaceAddresses(name="eth0", networks=(IPv4Interface(f"{ADDRESS}/24"),)),)
CONFIG = read_config([FILE], arguments=("--no-hosts",), disk=Disk({FILE: TEXT}.get, lambda _: None))
ENGINE = Engine(CONFIG, INTERFACES)
CACHE = DnsmasqAnswers(CONFIG, INTERFACES, seed=1).responder("eth0")


def seeds() -> list[bytes]:
    return packets()


def check(data: bytes) -> None:
    for port, source, source_port in PLACES[:: len(PLACES) // 3]:
        arrival = Arrival(
            interface="eth0", port=port, source=IPv4Address(source), source_port=source_port,
            destination=ADDRESS,
        )  # fmt: skip
        expected = ENGINE.answer(data, arrival)
        for _ in range(2):  # asked for, then remembered
            reason, reply, to, to_port, *_ = CACHE.decide(
                data, port=port, source=source, source_port=source_port, address=int(ADDRESS)
            )
            if isinstance(expected, Answer):
                assert (reason, reply) == (0, expected.data)
                assert (IPv4Address(to), to_port) == (expected.to, expected.to_port)
            else:
                assert reason
                assert not reply


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__, header=240)
