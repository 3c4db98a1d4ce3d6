"""The way from a datagram to an answer: who is answered, where to, and what decides."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_asked import (
    INTERFACES,
    PROXY,
    RANGE,
    answered,
    arrival,
    ask,
    engine,
    file_of,
    options,
    silent,
)
from dnsmasq_text import read as read_text
from hypothesis import given
from hypothesis import strategies as st
from packets import CLIENT, discover, message, request_4011, tlv

from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine, Silence
from fastpxe.dnsmasq.engine.message import read

SOURCE = str(CLIENT)  # 10.77.0.100


def to(answer: Answer) -> tuple[str, int]:
    return str(answer.to), answer.to_port


def asked_4011(source: str = SOURCE, ciaddr: str = SOURCE) -> Answer:
    datagram = request_4011(ciaddr=IPv4Address(ciaddr))
    return answered(PROXY, datagram, port=4011, source=source)


# --- who is answered ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("datagram", "port", "reason"),
    [
        (discover()[:100], 67, "short"),
        (message((60, b"PXEClient"), (93, b"\0\0")), 67, "bootp"),
        (discover(family="HTTPClient"), 67, "not-pxe"),
        (discover(family="xPXEClient"), 67, "not-pxe"),
        (discover(family="pxeclient"), 67, "not-pxe"),
        (discover(options={60: None}), 67, "not-pxe"),
        (discover(options={93: None}), 67, "no-arch"),
        (discover(options={93: b"\0"}), 67, "no-arch"),
        (request_4011(), 67, "for-other-server"),
        (request_4011(options={53: b"\x08"}), 67, "message-type"),
        (request_4011(options={53: b"\x08"}), 4011, "message-type"),
        (discover(), 68, "port"),
    ],
)
def test_some_requests_are_not_ours(datagram: bytes, port: int, reason: str) -> None:
    silence = silent(PROXY, datagram, port=port, source=SOURCE)
    assert (silence.reason, silence.is_logged) == (reason, False)


def test_a_discover_is_answered_on_4011_too() -> None:
    offer = answered(PROXY, discover(), port=4011, source=SOURCE)
    assert (dict(options(offer.data[240:]))[53], to(offer)) == (b"\2", (SOURCE, 68))


def test_without_prompt_and_service_there_is_no_answer() -> None:
    text = RANGE + "dhcp-boot=f\n"
    silence = silent(text, discover())
    assert silence.reason == "not-enabled"
    assert silence.decision is not None
    assert silence.decision.tags
    assert silent(text, request_4011(), port=4011).reason == "not-enabled"


def test_a_range_whose_tags_do_not_hold_is_named() -> None:
    text = "dhcp-range=tag:lab,10.77.0.0,proxy\npxe-prompt=P\n"
    silence = silent(text, discover())
    assert (silence.reason, silence.why) == ("range-filter", "f.conf:1: tag lab is not set")


def test_a_pool_gives_nothing() -> None:
    text = "dhcp-range=10.77.0.100,10.77.0.110\npxe-prompt=P\n"
    assert silent(text, discover()).reason == "pool"


def test_an_ignored_client_is_logged() -> None:
    silence = silent(PROXY + "dhcp-ignore=tag:other\ndhcp-ignore=tag:eth0\n", discover())
    assert (silence.reason, silence.is_logged) == ("ignored", True)
    assert silence.why == "f.conf:4: dhcp-ignore=tag:eth0"


def test_dhcp_ignore_does_not_see_the_tag_of_the_range() -> None:
    text = "dhcp-range=set:lan,10.77.0.0,proxy\npxe-prompt=P\ndhcp-ignore=tag:lan\n"
    assert isinstance(ask(text, discover()), Answer)


def test_dhcp_pxe_vendor_replaces_the_default() -> None:
    text = PROXY + "dhcp-pxe-vendor=HTTPClient,HTTP\n"
    assert dict(options(answered(text, discover(family="HTTPClient")).data[240:]))[60] == b"HTTP"
    assert silent(text, discover()).reason == "not-pxe"


def test_a_reply_may_be_delayed() -> None:
    assert answered(PROXY + "dhcp-reply-delay=tag:eth0,3\n", discover()).delay_s == 3
    assert answered(PROXY + "dhcp-reply-delay=tag:eth1,3\n", discover()).delay_s == 0
    assert answered(PROXY, discover()).delay_s == 0


# --- where to -----------------------------------------------------------------------------------


def test_an_offer_is_broadcast() -> None:
    assert to(answered(PROXY, discover(flags=0))) == ("255.255.255.255", 68)


def test_a_relay_has_its_answer_on_port_67() -> None:
    relay = IPv4Address("10.77.0.250")
    assert to(answered(PROXY, discover(giaddr=relay), source=str(relay))) == (str(relay), 67)


def test_alternate_ports_move_both_ends_but_not_4011() -> None:
    text = PROXY + "dhcp-alternate-port=1067,1068\n"
    assert to(answered(text, discover(), port=1067)) == ("255.255.255.255", 1068)
    assert silent(text, discover()).reason == "port"
    assert to(answered(text, request_4011(), port=4011, source=SOURCE)) == (SOURCE, 68)


def test_4011_answers_the_source() -> None:
    assert to(asked_4011(ciaddr="0.0.0.0")) == (SOURCE, 68)


@pytest.mark.parametrize("ciaddr", ["10.77.0.7", SOURCE])
def test_a_ciaddr_of_the_ranges_subnet_is_believed(ciaddr: str) -> None:
    assert to(asked_4011(ciaddr=ciaddr)) == (ciaddr, 68)


def test_a_ciaddr_elsewhere_is_believed_if_it_is_the_source() -> None:
    assert to(asked_4011("10.9.9.9", "10.9.9.9")) == ("10.9.9.9", 68)


@pytest.mark.parametrize("ciaddr", ["10.9.9.9", "10.77.0.255", "10.77.0.0", "224.0.0.1"])
def test_any_other_ciaddr_is_not_written_to(ciaddr: str) -> None:
    answer = asked_4011(ciaddr=ciaddr)
    assert to(answer) == (SOURCE, 68)
    assert answer.data[12:16] == IPv4Address(ciaddr).packed  # the bytes are dnsmasq's


def test_a_request_without_source_is_lost() -> None:
    datagram = request_4011(ciaddr=IPv4Address(0))
    silence = silent(PROXY, datagram, port=4011)
    assert (silence.reason, silence.is_logged) == ("no-destination", True)


def test_the_address_to_send_from_is_the_one_in_option_54() -> None:
    answer = answered(PROXY, discover())
    assert answer.own.packed == dict(options(answer.data[240:]))[54]


# --- the seam -----------------------------------------------------------------------------------


def test_requests_that_differ_in_names_only_have_one_decision() -> None:
    ours = engine(PROXY + "dhcp-boot=f\n")
    first = discover(xid=1, chaddr=b"\1" * 6, options={97: bytes(17), 82: tlv(1, b"a")})
    second = discover(xid=2, chaddr=b"\2" * 6, secs=9, options={97: b"\1" * 17, 82: tlv(1, b"b")})
    signatures = [ours.signature(read(datagram), arrival()) for datagram in (first, second)]
    assert hash(signatures[0]) == hash(signatures[1])
    assert ours.decide(signatures[0]) is ours.decide(signatures[1])


@pytest.mark.parametrize(
    "other",
    [
        discover(0), request_4011(), discover(options={97: None}), discover(options={57: None}),
        discover(chaddr=b"\2" * 6), discover(options={82: tlv(1, b"a")}), discover(family="Other"),
    ],
)  # fmt: skip
def test_what_a_test_asks_for_makes_another_decision(other: bytes) -> None:
    ours = engine(PROXY + "dhcp-mac=set:mine,52:54:00:*:*:*\n")
    assert ours.signature(read(discover()), arrival()) != ours.signature(read(other), arrival())


def test_a_decision_renders_one_request_after_another() -> None:
    ours = engine(PROXY + "dhcp-boot=f\n")
    for number in range(2):
        request = read(discover(xid=number))
        decision = ours.decide(ours.signature(request, arrival()))
        assert ours.render(decision, request)[4:8] == number.to_bytes(4)


def test_silence_renders_nothing() -> None:
    ours = engine(PROXY)
    request = read(discover(family="Other"))
    assert ours.render(ours.decide(ours.signature(request, arrival())), request) == b""


def test_steps_say_what_was_decided() -> None:
    text = PROXY + "dhcp-match=set:efi,93,7\ndhcp-boot=tag:efi,f.efi,,10.9.9.9\n"
    assert answered(text, discover(7)).steps == (
        "dhcp-range=10.77.0.0,proxy: we are 10.77.0.2",
        "tags: eth0 (the interface), efi (f.conf:3)",
        "boot file: f.conf:4: dhcp-boot=tag:efi,f.efi,,10.9.9.9: the last line whose tags all hold",
        "to 255.255.255.255, port 68",
    )
    assert silent(text, discover(family="Other")).steps[-1] == (
        "no answer: option 60 does not start with PXEClient"
    )
    assert silent(text, b"").steps == ("no answer: 0 bytes; a message has at least 236",)


MENUS = "pxe-service=x86PC,A,a\npxe-service=x86-64_EFI,B,b\ndhcp-match=set:x,97,00:44\n"
ANYTHING = Engine(read_text(PROXY + MENUS + "dhcp-boot=tag:x,f\n", "--no-hosts"), INTERFACES)


@given(
    tail=st.binary(max_size=300),
    port=st.sampled_from((67, 4011)),
    source=st.integers(0, 0xFFFFFFFF),
    is_pxe=st.booleans(),
)
def test_any_datagram_has_an_answer_or_a_reason(
    tail: bytes, port: int, source: int, *, is_pxe: bool
) -> None:
    datagram = discover()[:240] + (tlv(53, b"\1") + tlv(60, b"PXEClient")) * is_pxe + tail
    came = Arrival(interface="eth0", port=port, source=IPv4Address(source), source_port=68)
    match ANYTHING.answer(datagram, came):
        case Answer(data=data):
            assert len(data) >= 300
        case Silence(reason=reason, why=why):
            assert reason
            assert why


def test_the_file_is_that_of_dhcp_boot() -> None:
    assert file_of(answered(PROXY + "dhcp-boot=f\n", discover())) == "f"
