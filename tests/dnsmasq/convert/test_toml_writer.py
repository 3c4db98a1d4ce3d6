"""What is written is read as the same by fastpxe.policy.config."""

import tomllib
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.identity import Pattern, parse_mac
from fastpxe.dnsmasq.convert.toml_writer import BootRule, Trap, document, is_writable, value
from fastpxe.policy import config
from fastpxe.policy.conditions import Condition
from fastpxe.policy.rules import Text

PREFIX, PART = Text(b"PXE", "prefix"), Text(b"Arch", "contains")
octets = st.one_of(st.none(), st.integers(0, 255))
patterns = st.lists(octets, min_size=16, max_size=16).map(
    lambda some: Pattern(bytes(o or 0 for o in some), bytes(0 if o is None else 255 for o in some))
)


def written(rule: BootRule) -> config.Config:
    return config.parse(document("title", (), {}, [rule]), "f.toml")


def test_a_rule_is_read_as_it_was_meant() -> None:
    condition = Condition(
        arches=(7, 0, 9, 700), ipxe=(True,), macs=(parse_mac("52:54:*:??:*:*"),),
        subnets=(IPv4Network("10.0.0.0/8"),), vendor_classes=((PREFIX,), (PART,)),
        user_classes=((PART,),),
    )  # fmt: skip
    rule = BootRule(
        name='a "name"', condition=condition, file="f\\g", server=IPv4Address("192.0.2.9"),
        ipxe_too=True, comments=("one", ""), traps=(Trap("f.conf:1", "x=y\x07", "why " * 60),),
    )  # fmt: skip
    (read,) = written(rule).rules
    assert sorted(read.match.arches) == [0, 7, 9, 700]
    assert read.match.ipxe
    assert read.match.macs == condition.macs
    assert read.match.subnets == condition.subnets
    assert set(read.match.vendor_classes) == {PREFIX, PART}
    assert read.match.user_classes == (PART,)
    assert read.name == 'a "name"'
    assert (read.boot.file, read.boot.server, read.boot.ipxe_too) == ("f\\g", rule.server, True)


@given(patterns)
def test_a_uuid_is_of_one_byte_order(pattern: Pattern) -> None:
    rule = BootRule(name="r", condition=Condition(uuids=(pattern,)), file="f")
    assert written(rule).rules[0].match.uuids == (pattern,)


def test_a_rule_with_neither_file_nor_url_ignores() -> None:
    assert written(BootRule(name="r", condition=Condition())).rules[0].boot.ignore


def test_two_texts_of_one_class_are_not_writable() -> None:
    assert is_writable(Condition(vendor_classes=((PREFIX,), (PART,))))
    assert not is_writable(Condition(vendor_classes=((PREFIX, PART),)))


def test_remarks_come_in_front_and_tables_at_the_top() -> None:
    tables = {"": {"interfaces": ["eth0"]}, "tftp": {"enabled": False}, "dhcp": {}}
    text = document("title", [Trap("f.conf:3", "a=b", "because")], tables, [])
    assert text == (
        '# title\n# TRAP f.conf:3: a=b\n#   because\n\ninterfaces = ["eth0"]\n\n'
        "[tftp]\nenabled = false\n"
    )


@pytest.mark.parametrize(
    "data", ["", 'é\x7f\n"\\', 5, True, [], ["a", 1], ["x" * 50] * 3, {"eth0": "/srv"}]
)
def test_every_value_is_read_as_the_same(data: object) -> None:
    assert tomllib.loads(f"x = {value(data)}") == {"x": data}
