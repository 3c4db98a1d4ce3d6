"""The exchanges recorded with dnsmasq 2.90, the configurations, and the machine they ran on."""

from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import msgspec
from project import TESTS

from fastpxe.dnsmasq.engine.engine import Arrival, Engine
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, InterfaceAddresses
from fastpxe.dnsmasq.syntax.reader import read_config

FOLDER = TESTS / "dnsmasq" / "golden"


class Ends(msgspec.Struct, frozen=True):
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request and what came back. `log` is without syslog's prefix."""

    name: str
    config: str
    extra_args: tuple[str, ...] = ()
    request_hex: str = ""
    request: Ends | None = None
    reply_hex: str = ""
    reply: Ends | None = None
    env: str = ""
    note: str = ""
    log: tuple[str, ...] = ()
    server_died: bool = False
    startup_failed: bool = False

    @property
    def id(self) -> str:
        return f"{Path(self.config).stem}/{self.name}"

    @property
    def datagram(self) -> bytes:
        return bytes.fromhex(self.request_hex)

    @property
    def arrival(self) -> Arrival:
        assert self.request is not None
        return Arrival(
            interface="dqs0",
            port=self.request.dst_port,
            source=IPv4Address(self.request.src_ip),
            source_port=self.request.src_port,
            destination=IPv4Address(self.request.dst_ip),
        )


def recorded() -> Iterator[Exchange]:
    for file in sorted(FOLDER.glob("*.json")):
        yield from msgspec.json.decode(file.read_bytes(), type=list[Exchange])


def interfaces(env: str = "") -> tuple[InterfaceAddresses, ...]:
    """The server of the recordings; `env` names the addresses that it had besides."""
    more = [word for word in env.partition("(added")[0].split() if "/24" in word]
    # the kernel keeps a second address of the same subnet as a secondary, behind the others
    more.sort(key=lambda word: word.startswith("10.88.0."))
    addresses = ["10.88.0.1/24", *more]
    return (
        InterfaceAddresses(name="lo", networks=(IPv4Interface("127.0.0.1/8"),)),
        InterfaceAddresses(name="dqs0", networks=tuple(map(IPv4Interface, addresses))),
        InterfaceAddresses(name="dqs1", networks=(IPv4Interface("10.88.9.1/24"),)),
    )


def listed(folder: str) -> list[str] | None:
    path = FOLDER / folder
    return [entry.name for entry in path.iterdir()] if path.is_dir() else None


DISK = Disk(lambda name: (FOLDER / name).read_bytes(), listed)


@cache
def config(path: str) -> DnsmasqConfig:
    return read_config([path], arguments=["--no-hosts", "--no-resolv"], disk=DISK)


@cache
def engine(path: str, env: str = "") -> Engine:
    return Engine(config(path), interfaces(env))
