"""Findings about tags: each in a configuration with it, and in one without."""

from ipaddress import IPv4Interface

import pytest
from dnsmasq_text import read

from fastpxe.dnsmasq.lint.tags import check_tags
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.findings import Finding

ETH0 = (InterfaceAddresses(name="eth0", networks=(IPv4Interface("10.88.0.7/24"),)),)


def findings(text: str) -> list[Finding]:
    return list(check_tags(read(text), None))


def names(text: str) -> list[str]:
    return [finding.name for finding in findings(text)]


# --- prefixes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "dhcp-vendorclass=net:x,PXEClient",
        "dhcp-userclass=tag:x,iPXE",
        "dhcp-mac=net:x,52:54:00:*:*:*",
        "dhcp-circuitid=net:x,eth0",
        "dhcp-name-match=tag:x,lab",
    ],
)
def test_a_prefix_that_is_kept_makes_another_tag(line: str) -> None:
    (finding,) = findings(f"{line}\ndhcp-boot=tag:x,a\n")
    assert finding.name == "prefix-in-tag"
    assert finding.where == "f.conf:1"
    assert finding.advice == "write set:x"


@pytest.mark.parametrize(
    "line",
    ["dhcp-vendorclass=x,PXEClient", "dhcp-vendorclass=set:x,PXEClient", "dhcp-match=net:x,175",
     "dhcp-match=tag:x,175", "dhcp-host=52:54:00:00:00:01,net:x", "dhcp-range=x,10.0.0.1,proxy",
     "tag-if=set:x"],
)  # fmt: skip
def test_a_tag_that_is_set_and_tested_is_no_trap(line: str) -> None:
    assert findings(f"{line}\ndhcp-boot=tag:x,a\n") == []


# --- never tested -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["dhcp-match=set:x,175", "dhcp-vendorclass=x,PXEClient", "dhcp-mac=set:x,52:54:00:*:*:*",
     "dhcp-host=52:54:00:00:00:01,set:x", "tag-if=set:x", "dhcp-range=set:x,10.0.0.1,proxy",
     "dhcp-name-match=set:x,lab", "dhcp-remoteid=set:x,r"],
)  # fmt: skip
def test_a_tag_that_nobody_tests_is_reported_once(line: str) -> None:
    (finding,) = findings(f"{line}\ndhcp-match=set:x,93,7\n")
    assert finding.name == "tag-never-tested"
    assert finding.where in ("f.conf:1", "f.conf:2")
    assert finding.effect.startswith("tag x is set")


@pytest.mark.parametrize(
    "line",
    ["dhcp-boot=tag:!x,a", "pxe-service=tag:x,x86PC,a,b", "pxe-prompt=tag:x,p", "dhcp-ignore=tag:x",
     "dhcp-reply-delay=tag:x,1", "dhcp-range=tag:x,10.0.0.1,proxy", "dhcp-option-pxe=tag:x,175,1",
     "dhcp-option=tag:x,vendor:PXEClient,1,2", "dhcp-host=52:54:00:00:00:01,tag:x",
     "tag-if=set:known,tag:x*"],
)  # fmt: skip
def test_whatever_tests_a_tag_counts(line: str) -> None:
    assert "tag-never-tested" not in [
        f.name for f in findings(f"dhcp-match=set:x,175\n{line}\n") if f.where == "f.conf:1"
    ]


def test_an_option_that_no_proxy_sends_tests_nothing() -> None:
    assert names("dhcp-match=set:x,175\ndhcp-option=tag:x,66,a\n") == ["tag-never-tested"]


# --- never set ----------------------------------------------------------------------------------


def test_a_tag_that_nobody_sets_is_reported_once() -> None:
    (finding,) = findings("dhcp-boot=tag:x,a\ndhcp-boot=tag:x,b\n")
    assert finding.name == "tag-never-set"
    assert finding.where == "f.conf:1"
    assert finding.effect.endswith("this line never applies")
    assert "dhcp-match=set:x,OPTION,VALUE" in finding.advice


def test_a_not_of_a_tag_that_nobody_sets_applies_to_every_client() -> None:
    (finding,) = findings("dhcp-boot=tag:!x,a\n")
    assert finding.effect.endswith("this line applies to every client")


@pytest.mark.parametrize("tag", ["UEFI", "uefi64", " efi64"])
def test_the_tag_that_is_meant_is_named(tag: str) -> None:
    finding = findings(f"dhcp-match=set:efi64,93,7\ndhcp-boot=tag:efi64,b\ndhcp-boot=tag:{tag},a\n")
    advice = finding[0].advice
    assert ("did you mean tag:efi64?" in advice) == (tag != "UEFI")


@pytest.mark.parametrize(
    "text",
    [
        "dhcp-boot=tag:known,a\n",
        "dhcp-ignore=tag:!known\n",
        "interface=br0\ndhcp-boot=tag:br0,a\n",
        "interface=br*\ndhcp-boot=tag:br7,a\n",
        "bridge-interface=eth5,tap*\ndhcp-boot=tag:eth5,a\n",
        "tag-if=set:y,tag:kno*\ndhcp-boot=tag:y,a\n",
    ],
)
def test_a_tag_that_dnsmasq_itself_sets_is_no_trap(text: str) -> None:
    assert findings(text) == []


def test_the_name_of_an_interface_of_this_machine_is_a_tag() -> None:
    parsed = read("dhcp-boot=tag:eth0,a\n")
    assert list(check_tags(parsed, ETH0)) == []
    assert [f.name for f in check_tags(parsed, None)] == ["tag-never-set"]
