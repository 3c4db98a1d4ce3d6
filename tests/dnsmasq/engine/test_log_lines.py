"""The lines are those that dnsmasq logged, but that a UUID is whole."""

import pytest
from dnsmasq_golden import Exchange, config, engine, recorded

from fastpxe.dnsmasq.engine.log_lines import lines
from fastpxe.dnsmasq.engine.message import read
from fastpxe.errors import MalformedPacket

NOT_OURS = ("full-dhcp-contrast/", "parse-ok-empty-menu/")  # leases, a crash
EXCHANGES = [
    exchange
    for exchange in recorded()
    if not exchange.startup_failed
    and not exchange.id.startswith(NOT_OURS)
    and not exchange.note.startswith("ENV:")
]


def shown(exchange: Exchange) -> list[str]:
    try:
        message = read(exchange.datagram)
    except MalformedPacket:
        return []
    ours = engine(exchange.config, exchange.env)
    decision = ours.decide(ours.signature(message, exchange.arrival))
    return list(lines(config(exchange.config), message, decision))


def cut_uuid(line: str) -> str:
    head, found, value = line.partition(" option: 97 client-machine-id  ")
    return f"{head}{found}{value[:41]}..." if found else line


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[exchange.id for exchange in EXCHANGES])
def test_lines_are_dnsmasqs(exchange: Exchange) -> None:
    recorded_lines = [line for line in exchange.log if not line.startswith("Error sending")]
    assert [cut_uuid(line) for line in shown(exchange)] == recorded_lines


def test_a_uuid_is_never_cut() -> None:
    exchange = next(e for e in EXCHANGES if e.id == "seed1/disc-arch0-seeduuid")
    (line,) = (line for line in shown(exchange) if "option: 97" in line)
    assert line.endswith("  00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31")
