"""Every recorded exchange is replayed: the same bytes, to the same address, or the same silence."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_golden import Exchange, config, engine, recorded

from fastpxe.dnsmasq.engine.engine import Answer, Silence
from fastpxe.errors import ConfigError

EXCHANGES = list(recorded())
PACKETS = [exchange for exchange in EXCHANGES if not exchange.startup_failed]
REFUSED = sorted({exchange.config for exchange in EXCHANGES if exchange.startup_failed})

# What fastpxe does otherwise, on purpose, and why. Nothing else may differ.
DEVIATIONS = {
    "range-multi/req4011-foreign-ciaddr": "ciaddr is neither the source nor of the range's subnet: "
    "the answer goes to the source",
    "parse-ok-empty-menu/arch0": "dnsmasq crashes on an empty menu text; it is sent empty",
}
NO_LEASES = "a dhcp-range that is no proxy: fastpxe leases no addresses"
NEVER_ARRIVED = "unicast from 0.0.0.0: the kernel kept it from dnsmasq"
WOULD_NOT_LEAVE = "Error sending DHCP packet to "


def expected_destination(exchange: Exchange) -> tuple[IPv4Address, int] | None:
    if exchange.reply is not None:
        return IPv4Address(exchange.reply.dst_ip), exchange.reply.dst_port
    for line in exchange.log:
        if line.startswith(WOULD_NOT_LEAVE):
            address = IPv4Address(line.removeprefix(WOULD_NOT_LEAVE).split(":")[0])
            return address, 67
    return None


def deviation(exchange: Exchange) -> str:
    if exchange.id in DEVIATIONS:
        return DEVIATIONS[exchange.id]
    if exchange.id.startswith("full-dhcp-contrast/"):
        return NO_LEASES
    return NEVER_ARRIVED if exchange.note.startswith("ENV:") else ""


def replay(exchange: Exchange) -> Answer | Silence:
    return engine(exchange.config, exchange.env).answer(exchange.datagram, exchange.arrival)


def found(name: str) -> Exchange:
    return next(exchange for exchange in PACKETS if exchange.id == name)


SAME = [exchange for exchange in PACKETS if not deviation(exchange)]


@pytest.mark.parametrize("exchange", SAME, ids=[exchange.id for exchange in SAME])
def test_the_answer_is_dnsmasqs(exchange: Exchange) -> None:
    answer = replay(exchange)
    to = expected_destination(exchange)
    if to is None:
        assert isinstance(answer, Silence), answer
        return
    assert isinstance(answer, Answer), answer
    assert (answer.to, answer.to_port) == to
    if exchange.reply is not None:
        assert answer.data.hex() == exchange.reply_hex


def test_a_ciaddr_that_nobody_vouches_for_is_not_written_to() -> None:
    exchange = found("range-multi/req4011-foreign-ciaddr")
    answer = replay(exchange)
    assert isinstance(answer, Answer)
    assert expected_destination(exchange) == (IPv4Address("10.77.0.5"), 67)
    assert (str(answer.to), answer.to_port) == ("10.88.0.50", 68)


def test_an_empty_menu_text_is_sent_empty() -> None:
    answer = replay(found("parse-ok-empty-menu/arch0"))
    assert isinstance(answer, Answer)
    assert bytes.fromhex("0903800000") in answer.data  # 43.9: type 0x8000, no text


def test_a_pool_gives_nothing() -> None:
    for exchange in PACKETS:
        if deviation(exchange) == NO_LEASES:
            answer = replay(exchange)
            assert isinstance(answer, Silence)
            assert answer.reason == "pool"


@pytest.mark.parametrize("path", REFUSED)
def test_what_dnsmasq_refuses_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        config(path)
