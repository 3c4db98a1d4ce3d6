"""The names of options, and what dnsmasq takes as their values."""

import re
import subprocess
from functools import partial

import pytest
from dnsmasq_text import dnsmasq, read, refusal

from fastpxe.dnsmasq.syntax.option_names import IPV4, IPV6, UNKNOWN, KnownOption, by_code, by_name


def listed(topic: str) -> dict[str, int]:
    text = subprocess.run(
        ["dnsmasq", "--help", topic], capture_output=True, text=True, check=True
    ).stdout
    return {name: int(code) for code, name in re.findall(r"^ *(\d+) (\S+)$", text, re.MULTILINE)}


@pytest.mark.gate
@pytest.mark.parametrize(("topic", "table"), [("dhcp", IPV4), ("dhcp6", IPV6)])
def test_the_names_are_those_that_dnsmasq_lists(topic: str, table: dict[str, KnownOption]) -> None:
    assert listed(topic) == {
        n: option.code for n, option in table.items() if not option.is_internal
    }


def test_a_name_is_found_in_any_case() -> None:
    assert by_name(IPV4, "CLIENT-arch") == KnownOption(93, size=2)
    assert by_name(IPV4, "t1").code == by_name(IPV4, "T1").code == 58
    assert by_name(IPV4, "nosuch") is UNKNOWN


def test_an_option_is_found_by_its_number() -> None:
    assert by_code(IPV4, 97) == IPV4["client-machine-id"]
    assert by_code(IPV4, 175) is UNKNOWN


@pytest.mark.gate
@pytest.mark.parametrize("name", sorted(IPV4))
def test_an_internal_option_can_be_matched_and_not_set_by_name(name: str) -> None:
    value = "1.2.3.4" if IPV4[name].kind == "addresses" else "text"
    assert dnsmasq(f"dhcp-match=set:x,option:{name},{value}".encode()).is_accepted
    is_set = dnsmasq(f"dhcp-option=option:{name},{value}".encode()).is_accepted
    assert is_set == (not IPV4[name].is_internal)


@pytest.mark.gate
@pytest.mark.parametrize("value", ["7", "7b", "text", "1.2.3.4", "00:11", '"7"', "1.2.3.4/8"])
def test_each_number_takes_the_values_that_dnsmasq_takes(value: str) -> None:
    """All of one value in a file would stop at the first: each is asked for alone."""
    for code in range(1, 256):
        line = f"dhcp-match=set:x,{code},{value}"
        assert dnsmasq(line.encode()).is_accepted == (refusal(partial(read, line)) is None), code
