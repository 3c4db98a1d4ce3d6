"""Why a machine is silent, whichever syntax the configuration has: one word, one problem."""

from ipaddress import IPv4Address

import dnsmasq_asked
import dnsmasq_text
import pytest
from packets import OUR_ADDRESS, class_of, discover, message, request_4011

from fastpxe._codec import REASONS
from fastpxe.backend import Answers, NativeAnswers
from fastpxe.dnsmasq.engine.backend import DnsmasqAnswers
from fastpxe.events import Decision, Ignored, Sender
from fastpxe.monitor.journal import Journal
from fastpxe.policy import compiler, config

OTHER = IPv4Address("10.77.0.9")
NO_ARCH = discover(0, options={93: None, 60: b"PXEClient"})
CHOSE_US = message((53, b"\3"), (54, OUR_ADDRESS.packed), (60, class_of(7)), (93, b"\0\7"))
ON_4011 = request_4011(7, options={54: OTHER.packed})


def native(text: str) -> Answers:
    compiled = compiler.build(config.parse(text, "test"), [OUR_ADDRESS])
    return NativeAnswers(compiled, {"eth0": OUR_ADDRESS})


def dnsmasq(text: str) -> Answers:
    return DnsmasqAnswers(dnsmasq_text.read(text, "--no-hosts"), dnsmasq_asked.INTERFACES, seed=1)


X64 = native('[[boot]]\narch = "uefi-x64"\nfile = "a"\n')
ONE = native('[[boot]]\nmac = "02:00:00:00:00:99"\nfile = "a"\n')
PROXY = dnsmasq("dhcp-range=10.77.0.0,proxy\npxe-prompt=P,0\n")
BARE = dnsmasq("dhcp-range=10.77.0.0,proxy\n")
ELSEWHERE = dnsmasq("dhcp-range=10.9.0.0,proxy,255.255.255.0\npxe-prompt=P,0\n")


@pytest.mark.parametrize(
    ("answers", "datagram", "port", "name"),
    [
        (X64, discover(0), 67, "unknown-arch"),
        (X64, NO_ARCH, 67, "no-arch"),
        (PROXY, NO_ARCH, 67, "no-arch"),
        (ONE, discover(0), 67, "no-rule"),
        (BARE, discover(0), 67, "no-rule"),
        (ELSEWHERE, discover(0), 67, "no-range"),
        (X64, CHOSE_US, 67, "chose-us"),
        (PROXY, CHOSE_US, 67, "chose-us"),
        (X64, ON_4011, 4011, "two-proxies"),
    ],
)
def test_silence_is_a_problem_of_the_same_name_in_both(
    answers: Answers, datagram: bytes, port: int, name: str
) -> None:
    verdict = answers.responder("eth0").decide(
        datagram, port=port, source=int(OTHER) if port == 4011 else 0, source_port=68,
        address=int(OUR_ADDRESS),
    )  # fmt: skip
    assert verdict.reply == b""
    decision = Decision(
        reason=verdict.reason, message_type=1, ipxe=False, arch=-1, rule=-1, reply=-1, to=0,
        to_port=0, siaddr=0, interface=1, port=port, at_ns=0, request=datagram,
        source=int(OTHER) if port == 4011 else 0, source_port=68, address=int(OUR_ADDRESS), xid=0,
        htype=1, chaddr=bytes(6), identity=b"",
    )  # fmt: skip
    described = answers.describe(decision, "eth0", wants_details=False)
    assert described.reason == REASONS[verdict.reason]
    sender = Sender(
        mac="02:00:00:00:00:01", xid=0, port=port, message_type=1, arch=7, ipxe=False, uuid=b""
    )
    journal = Journal((OUR_ADDRESS,))
    journal.on_event(Ignored(interface="eth0", at=1.0, sender=sender, reason=described.reason), "")
    (boot,) = journal.boots()
    assert boot.problem is not None
    assert boot.problem.name == name
