"""Findings about compared values: each in a line with it, and in lines without."""

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.lint.matches import check_matches
from fastpxe.findings import Finding


def findings(line: str) -> list[Finding]:
    return list(check_matches(read(f"{line}\n")))


@pytest.mark.parametrize(
    ("value", "effect", "advice"),
    [
        ("97,00-44-45", "00-44-45 with dashes is one decimal number", "colons: 00:44:45"),
        ("97,4c-4c-45", "4c-4c-45 with dashes is text", "4c:4c:45"),
        (
            "97,4c4c4544-0038-3610-804e-c4c04f4a5831",
            "with dashes is text",
            "as they are on the wire: 00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31",
        ),
        ("97,0044", "0044, digits without a colon, is one decimal number", "colons: 00:44"),
        ("97," + "11" * 16, "is one decimal number", "as they are on the wire: 00:11:11:11:11:11"),
        ("60,00007", "00007, digits without a colon, is one decimal number", 'write "00007"'),
        ("77,52540012", "is one decimal number", 'write "52540012"'),
        (
            "93,0010",
            "0010 is the decimal number 10",
            "write 10, or the bytes in hexadecimal: 00:10",
        ),
        ("93,0x07", "0x07 is read as text, which option 93 never has", "decimal number: 7"),
        (
            "97,4c4c45440038361080" + "4ec4c04f4a5831",
            "is read as text, which option 97 doesn't have",
            "00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31",
        ),
        ('97,"00:44"', "00:44 is read as text", "00:44:45:4c:4c:…"),
        (
            "60,PXEClient*",
            "a literal star, not a wildcard: no client sends PXEClient*",
            "remove it",
        ),
        ('60,"00:*"', "no client sends 00:*", "remove it"),
        ("97,00:4*:45", "4* and the octets after it are compared with 00", "write 00:*:45"),
        (
            "97,0044:454c",
            "only 00:44 of 0044:454c is compared",
            "write two digits per group: 00:44:45",
        ),
        ("97,44:45:4c", "it never matches", "write 00:44:45:4c"),
        ("97,00" + ":11" * 17, "has 18 bytes, and option 97 has 17", "write 00:11"),
    ],
)
def test_a_value_is_compared_otherwise_than_it_looks(value: str, effect: str, advice: str) -> None:
    (finding,) = findings(f"dhcp-match=set:x,{value}")
    assert finding.name == "match-value"
    assert finding.where == "f.conf:1"
    assert effect in finding.effect
    assert advice in finding.advice


@pytest.mark.parametrize(
    "value",
    ["97,00:44:45:4c:4c", "97,00:44:*:4c", "97,*:44", "97", "93,7", "option:client-arch,7", "93,7b",
     "93,00:07", "93,0007", "60,PXEClient:Arch:00007", '60,"PXEClient:Arch:00007"', "60,ab-cd",
     "175", "175,19", "77,iPXE", "50,10.88.0.77", "vi-encap:4491,a*", "61,01:52:54:00:12:34:56",
     '60,"00007"', "12,lab-1"],
)  # fmt: skip
def test_a_value_that_is_compared_as_it_looks_is_no_trap(value: str) -> None:
    assert findings(f"dhcp-match=set:x,{value}") == []


def test_a_value_is_found_behind_any_spelling_of_its_line() -> None:
    for line in (
        "dhcp-match = tag:x , 97 , 44:45  # why",
        "dhcp-match=x,option:client-machine-id,44:45",
    ):
        assert len(findings(line)) == 1


@pytest.mark.parametrize(
    "arguments", [("--dhcp-match=set:x,97,44:45",), ("--dhcp-match", "set:x,97,44:45")]
)
def test_a_value_is_found_in_arguments(arguments: tuple[str, ...]) -> None:
    (finding,) = check_matches(read("", *arguments))
    assert finding.where == "command line:1"
    assert finding.advice == "write 00:44:45"


def test_a_star_in_a_class_is_a_star() -> None:
    (finding,) = findings("dhcp-vendorclass=set:x,PXEClient:Arch:0000*")
    assert finding.effect.endswith("no client sends PXEClient:Arch:0000*")
    assert findings("dhcp-vendorclass=set:x,PXEClient:Arch:0000") == []


def test_a_mac_with_dashes_begins_with_a_type() -> None:
    (finding,) = findings("dhcp-mac=set:x,52-54-00-12-34-56")
    assert finding.effect.startswith("the leading 52- is a hardware type")
    for mac in ("52:54:00:12:34:56", "01-52:54:00:12:34:56"):
        assert findings(f"dhcp-mac=set:x,{mac}") == []
