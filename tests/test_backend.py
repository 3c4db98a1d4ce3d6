"""What the native front end tells of its decisions."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from msgspec.structs import replace

from fastpxe._codec import REASONS
from fastpxe.backend import Description, NativeAnswers
from fastpxe.dhcp.constants import MessageType
from fastpxe.events import Decision
from fastpxe.firmware.requests import Client
from fastpxe.policy import compiler, config

TEXT = '[[boot]]\nname = "short"\narch = "bios"\nfile = "a"\n[[boot]]\nfile = "{long}"\n'


ADDRESSES = {"eth0": IPv4Address("10.0.0.1"), "eth1": IPv4Address("10.0.1.1")}


def answers() -> NativeAnswers:
    text = TEXT.format(long="b" * 200)
    return NativeAnswers(compiler.build(config.parse(text, "test"), []), ADDRESSES)


def decision(*, rule: int, reply: int, reason: int = 0) -> Decision:
    return Decision(
        reason=reason, message_type=1, ipxe=False, arch=0, rule=rule, reply=reply, to=0, to_port=68,
        siaddr=0, xid=0, interface=1, port=67, htype=1, chaddr=bytes(6), identity=b"", at_ns=0,
    )  # fmt: skip


def described(made: NativeAnswers, told: Decision) -> Description:
    return made.describe(told, "eth0", wants_details=True)


def test_a_decision_is_named_by_rule_and_file() -> None:
    made = answers()
    reply = made.compiled.kinds[0][0]
    assert described(made, decision(rule=0, reply=reply))[:2] == ("short", "a")


def test_a_file_too_long_for_the_header_is_named_from_option_67() -> None:
    made = answers()
    assert described(made, decision(rule=1, reply=made.compiled.kinds[1][0])).file == "b" * 200


@pytest.mark.parametrize(
    ("rule", "who", "step"),
    [
        ("", {"arch": 7}, "4011"),
        ('style = "direct"\n', {"arch": 7}, "fetch"),
        ("", {"arch": 0}, "fetch"),
        ("ipxe_too = true\n", {"arch": 7, "ipxe": True}, "fetch"),
        ("item = [{text = 'A', file = 'a'}]\n", {"arch": 0}, "4011"),
        ("item = [{text = 'A', file = 'a'}, {text = 'D', local = true}]\n", {"arch": 0}, "menu"),
    ],
)
def test_what_firmware_does_next_depends_on_the_offer_it_got(
    rule: str, who: dict[str, Any], step: str
) -> None:
    file = "" if "item" in rule else 'file = "a"\n'
    parsed = config.parse(f"[[boot]]\n{file}{rule}", "test")
    made = NativeAnswers(compiler.build(parsed, []), ADDRESSES)
    client = Client(**who)
    found = made.responder("eth0").decide(client.discover(), source=0, source_port=68)
    assert found[0] == 0
    told = decision(rule=found.rule, reply=found.reply_index)
    told = replace(told, arch=client.arch, ipxe=client.ipxe, siaddr=1)
    assert described(made, told).next_step == step
    told = replace(told, message_type=MessageType.REQUEST)
    assert described(made, told).next_step == "fetch"


def test_every_reason_has_its_word_and_no_detail() -> None:
    made = answers()
    for number, word in enumerate(REASONS):
        rule = -1 if number else 0
        told = described(made, decision(rule=rule, reply=rule, reason=number))
        assert (told.reason, told.details) == (word, ())


def test_all_interfaces_are_answered_alike() -> None:
    made = answers()
    assert made.responder("eth0") is made.responder("eth1")


def test_urls_that_name_our_address_differ_by_interface() -> None:
    text = '[[boot]]\nurl = "http://{server}/a.efi"'
    made = NativeAnswers(compiler.build(config.parse(text, "test"), []), ADDRESSES)
    assert made.responder("eth0") is not made.responder("eth1")
    asked = replace(decision(rule=0, reply=0), siaddr=int(ADDRESSES["eth1"]))
    assert described(made, asked).file == "http://10.0.1.1/a.efi"
