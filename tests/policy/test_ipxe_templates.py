"""iPXE scripts made from templates: who asks, what is put in, and what can't be smuggled in."""

import re
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp._request import Request
from fastpxe.errors import ScriptFailed
from fastpxe.policy.ipxe_templates import (
    TEXT_MAX,
    Machine,
    Scripts,
    Unescaped,
    escape,
    question,
    split_name,
)

LABEL = "4c4c4544-0038-3610-804e-c4c04f4a5831"


def render(text: str, **values: object) -> str:
    return Scripts(lambda _: (text, "x.ipxe", lambda: True)).render("x.ipxe", values)


# --- who asks ------------------------------------------------------------------------------------


def test_a_name_alone_says_nothing_of_the_machine() -> None:
    assert split_name("boot.ipxe") == ("boot.ipxe", None)


def test_a_machine_says_what_it_is_behind_the_name() -> None:
    name = (
        "menus/boot.ipxe;mac=52-54-00-12-34-56;uuid=4C4C4544-0038-3610-804E-C4C04F4A5831"
        ";arch=x86_64-efi;serial=7CX2;manufacturer=Dell Inc.;product=;asset=A=B;hostname=lab-7"
    )
    assert split_name(name) == (
        "menus/boot.ipxe",
        Machine(
            mac="52:54:00:12:34:56", uuid=LABEL, arch="uefi-x64", serial="7CX2",
            manufacturer="Dell Inc.", asset="A=B", hostname="lab-7",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "said",
    ["", "mac", "mac=", "mac=52:54:*", f"mac={LABEL}", "uuid=52-54-00-12-34-56", "arch=sparc",
     "color=red", "serial"],
)  # fmt: skip
def test_what_makes_no_sense_is_as_good_as_not_said(said: str) -> None:
    assert split_name(f"boot.ipxe;{said}") == ("boot.ipxe", Machine())


@pytest.mark.parametrize(
    ("said", "arch"),
    [("i386-pcbios", "bios"), ("x86_64-pcbios", "bios"), ("i386-efi", "uefi-ia32"),
     ("arm64-efi", "uefi-arm64"), ("x86_64-linux", "")],
)  # fmt: skip
def test_ipxe_says_what_it_was_built_for(said: str, arch: str) -> None:
    assert split_name(f"b;arch={said}")[1] == Machine(arch=arch)


def test_no_text_is_longer_than_it_may_be() -> None:
    _, machine = split_name("b;serial=" + "x" * 1000)
    assert machine == Machine(serial="x" * TEXT_MAX)


def test_a_question_asks_for_the_same_name_again() -> None:
    text = question("tftp://10.0.0.2/my menus/boot.ipxe")
    first, second = text.splitlines()
    assert first == "#!ipxe"
    command, url = second.rsplit(" ", 1)
    assert command == "chain --replace --autofree"
    assert url.startswith(
        "tftp://10.0.0.2/my%20menus/boot.ipxe;mac=${netX/mac:hexhyp};uuid=${uuid}"
    )
    settings = set(re.findall(r";(\w+)=", url))
    assert settings == set(Machine.__struct_fields__)


def test_the_machine_as_a_dhcp_client_is_ipxe_with_its_names() -> None:
    machine = Machine(mac="52:54:00:12:34:56", uuid=LABEL, arch="uefi-arm64")
    request = Request(machine.as_client(IPv4Address("10.1.0.9")).discover())
    assert request.is_ipxe
    assert request.chaddr[:6].hex() == "525400123456"
    assert request.uuid == bytes.fromhex("44454c4c38001036804ec4c04f4a5831")
    assert (request.arches, request.subnet_selection) == ((11,), 0x0A010009)


def test_a_machine_that_said_nothing_is_a_client_too() -> None:
    request = Request(Machine().as_client(IPv4Address("10.1.0.9")).discover())
    assert (request.chaddr[:6], request.uuid, request.arches) == (bytes(6), None, (0,))


# --- what is put in ------------------------------------------------------------------------------


def test_values_are_put_in_and_compared_as_they_are() -> None:
    text = "#!ipxe\n{% if serial == 'A B' %}echo {{ serial }} {{ mac }}{% endif %}\n"
    assert render(text, serial="A B", mac="52:54:00:12:34:56") == (
        "#!ipxe\necho A%20B 52:54:00:12:34:56\n"
    )


def test_an_address_of_ours_goes_in_as_it_is() -> None:
    assert render("{{ files }}/a b", files=Unescaped("http://10.0.0.2:8080")) == (
        "http://10.0.0.2:8080/a b"
    )


def test_a_macro_may_be_declared_safe() -> None:
    text = "{% macro m(x) %}chain {{ x }}{% endmacro %}{{ m(serial)|safe }}"
    assert render(text, serial="a b") == "chain a%20b"


@given(st.text(max_size=60))
def test_whatever_a_machine_says_is_one_word_to_ipxe(text: str) -> None:
    """No white space, quote, setting, comment or separator, whatever stands around it."""
    assert re.fullmatch(r"[A-Za-z0-9_.~:%-]*", escape(text))
    for template in ("{{ x }}", "{{ x|upper }}", "{{ 'a' ~ x }}", "{{ [x]|join }}"):
        assert re.fullmatch(r"[A-Za-z0-9_.~:%-]*", render(template, x=text))


@pytest.mark.parametrize("text", ["\nshell", "${netX/mac}", "a||shell", "x;shell", "# no", "../x"])
def test_what_would_be_a_command_is_none(text: str) -> None:
    assert not set("\n ${}|;#/") & set(render("{{ serial }}", serial=text))


# --- what is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#!ipxe\n{% if %}", "x.ipxe:2: Expected an expression"),
        ("#!ipxe\n\n{{ nobody }}", "x.ipxe:3: 'nobody' is undefined"),
        ("{{ serial.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "x.ipxe:1: division by zero"),
        ("{% for i in range(1000000) %}{% endfor %}", "Range too big"),
    ],
)
def test_a_template_that_fails_says_where(text: str, why: str) -> None:
    with pytest.raises(ScriptFailed) as caught:
        render(text, serial="s")
    assert why in str(caught.value)


def test_a_template_that_is_not_there_is_named() -> None:
    with pytest.raises(ScriptFailed, match="no template 'gone'"):
        Scripts(lambda name: ("{% include 'gone' %}", name, lambda: True) if name == "x" else None
                ).render("x", {})  # fmt: skip


def test_a_check_finds_what_can_be_found_without_a_machine() -> None:
    scripts = Scripts(lambda name: ("{{ nobody }}" if name == "fine" else "{% end %}", name, bool))
    scripts.check("fine")
    with pytest.raises(ScriptFailed, match="bad:1: "):
        scripts.check("bad")
