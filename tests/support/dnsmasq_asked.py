"""One request put to one configuration, on a machine with two interfaces."""

from ipaddress import IPv4Address, IPv4Interface

from dnsmasq_text import read

from fastpxe.dhcp.options import walk
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine, Silence
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses

RANGE = "dhcp-range=10.77.0.0,proxy\n"
PROXY = RANGE + "pxe-prompt=P,0\n"
INTERFACES = (
    InterfaceAddresses(name="lo", networks=(IPv4Interface("127.0.0.1/8"),)),
    InterfaceAddresses(
        name="eth0", networks=(IPv4Interface("10.77.0.2/24"), IPv4Interface("10.78.0.2/24"))
    ),
    InterfaceAddresses(name="eth1", networks=(IPv4Interface("10.79.0.2/24"),)),
    InterfaceAddresses(name="eth2", networks=()),
)


def engine(text: str) -> Engine:
    return Engine(read(text, "--no-hosts"), INTERFACES)


def arrival(interface: str = "eth0", port: int = 67, source: str = "0.0.0.0") -> Arrival:
    return Arrival(interface=interface, port=port, source=IPv4Address(source), source_port=68)


def ask(
    text: str, datagram: bytes, *, interface: str = "eth0", port: int = 67, source: str = "0.0.0.0"
) -> Answer | Silence:
    return engine(text).answer(datagram, arrival(interface, port, source))


def answered(
    text: str, datagram: bytes, *, interface: str = "eth0", port: int = 67, source: str = "0.0.0.0"
) -> Answer:
    answer = ask(text, datagram, interface=interface, port=port, source=source)
    assert isinstance(answer, Answer), answer
    return answer


def silent(
    text: str, datagram: bytes, *, interface: str = "eth0", port: int = 67, source: str = "0.0.0.0"
) -> Silence:
    answer = ask(text, datagram, interface=interface, port=port, source=source)
    assert isinstance(answer, Silence), answer
    return answer


def options(area: bytes) -> list[tuple[int, bytes]]:
    """Up to END."""
    return [(code, value) for code, value, _ in walk(area) if code != 255]


def file_of(answer: Answer) -> str:
    return answer.data[108:236].split(b"\0")[0].decode()


def siaddr_of(answer: Answer) -> str:
    return str(IPv4Address(answer.data[20:24]))


def tags_of(answer: Answer | Silence) -> list[str]:
    """Without the interface's."""
    assert answer.decision is not None
    return [tag.name for tag in answer.decision.tags][1:]
