"""What is answered, and to whom: threats S18 and S19, and the part of S12 that is DHCP's."""
# ruff: noqa: N802 - S18 and the like are the numbers of the threats

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packets import CLIENT, NOWHERE, Reply, discover, request_4011, u16
from project import CORPUS
from responder import EVERY_KIND, Answer, Responder
from strategies import Heard, answerable, datagrams, requests

from fastpxe.dhcp._request import Request
from fastpxe.policy.config import Profile

RECORDED = {path.stem: path.read_bytes() for path in sorted(CORPUS.glob("*.bin"))}
MENU = """
[[boot]]
name = "menu"
prompt = "F8 for the menu"
timeout_s = 5
[[boot.item]]
text = "Install"
file = "install.efi"
[[boot.item]]
text = "Disk"
local = true
"""
CONFIGURATIONS = {
    "every kind": EVERY_KIND,
    "menu": MENU,
    **{name: f'profile = "{name}"\n' for name in get_args(Profile)},
}
EVERY = Responder(EVERY_KIND)
MTU_MIN, IP_AND_UDP = 576, 28
REPLY_MIN = 300  # RFC 1542 section 2.1: a relay may drop less


def answers(responder: Responder, datagram: bytes) -> Iterator[Answer]:
    for port, source_port in ((67, 68), (4011, 4011), (4011, 68)):
        answer = responder.hear(datagram, port=port, source=CLIENT, source_port=source_port)
        if answer.payload:
            yield answer


def assert_golden(request: bytes, answer: Answer) -> None:
    """What EDK2 and BIOS ROMs have stumbled over; Reply asserts that 43 ends and options fit."""
    reply, asked = answer.reply, Request(request).option(57)
    limit = max(MTU_MIN, int.from_bytes(asked) if asked and len(asked) == 2 else MTU_MIN)
    assert REPLY_MIN <= len(answer.payload) <= limit - IP_AND_UDP
    assert reply.address("yiaddr") == NOWHERE
    assert not reply.padding.strip(b"\0")
    assert len(reply.options.get(43, b"")) <= 255
    assert all(0 < code < 255 for code, _ in reply.vendor)
    assert 52 not in reply.options
    for code in (66, 67):
        text = reply.options.get(code)
        assert text is None or text.find(b"\0") == len(text) - 1
    assert b"\0" in reply.raw("file")


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("name", RECORDED)
def test_S18_what_real_clients_get_is_well_formed(name: str, configuration: str) -> None:
    responder = Responder(CONFIGURATIONS[configuration])
    for answer in answers(responder, RECORDED[name]):
        assert_golden(RECORDED[name], answer)


def test_S18_some_client_is_answered_by_each_configuration() -> None:
    for text in CONFIGURATIONS.values():
        responder = Responder(text)
        assert any(list(answers(responder, datagram)) for datagram in RECORDED.values())


@given(answerable(), st.none() | st.integers(0, 65535))
def test_S18_whatever_a_client_takes_is_not_exceeded(heard: Heard, limit: int | None) -> None:
    datagram = heard.datagram
    if limit is not None and b"\x39\2" not in datagram:
        datagram = datagram[:240] + b"\x39\2" + u16(limit) + datagram[240:]
    for answer in answers(EVERY, datagram):
        assert_golden(datagram, answer)


@given(datagrams() | requests())
def test_S19_no_address_is_given_and_nobody_but_a_network_boot_is_answered(
    datagram: bytes,
) -> None:
    for answer in answers(EVERY, datagram):
        assert Reply(answer.payload).address("yiaddr") == NOWHERE
        family = Request(datagram).option(60)
        assert family is not None
        assert family.startswith((b"PXEClient", b"HTTPClient"))


@pytest.mark.parametrize("make", [discover, request_4011])
@given(family=st.binary(max_size=64))
def test_S19_another_class_is_never_answered(make: Callable[..., bytes], family: bytes) -> None:
    if family.startswith((b"PXEClient", b"HTTPClient")):
        return
    assert not list(answers(EVERY, make(options={60: family})))


@given(datagrams() | requests())
def test_S12_a_datagram_gets_one_of_about_its_size_at_most(datagram: bytes) -> None:
    """A request that is answered names its class and its type: it is not much smaller."""
    for answer in answers(EVERY, datagram):
        assert len(answer.payload) < 2.5 * len(datagram)
        assert len(answer.payload) <= 1472


@pytest.mark.parametrize("name", RECORDED)
def test_S12_a_forged_request_of_firmware_gains_nothing(name: str) -> None:
    for answer in answers(Responder(), RECORDED[name]):
        assert len(answer.payload) < 1.5 * len(RECORDED[name])


@given(datagrams() | requests())
def test_S12_no_answer_goes_to_a_group_or_to_this_machine(datagram: bytes) -> None:
    for answer in answers(EVERY, datagram):
        assert not answer.to.is_multicast
        assert not answer.to.is_loopback
        assert answer.to not in (NOWHERE, IPv4Address("10.77.0.2"))
