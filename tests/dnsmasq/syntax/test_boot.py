"""The directives that say what a client gets."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read, refused

from fastpxe.dnsmasq.syntax.model import (
    BootServer,
    DhcpBoot,
    Location,
    PxeOption,
    PxeService,
    ReplyDelay,
    Tag,
    Tags,
    VendorOption,
)

HERE = Location("f.conf", 2)
FOG = BootServer(IPv4Address("10.88.0.9"))


def boot(line: str) -> DhcpBoot:
    (found,) = read(f"dhcp-boot={line}").boots
    return found


def service(line: str) -> PxeService:
    (found,) = read(f"pxe-service={line}").services
    return found


# --- dhcp-boot -----------------------------------------------------------------------------------


def test_a_boot_line_has_tags_file_names_and_server() -> None:
    assert read("\ndhcp-boot=tag:a,net:!b,f,sn,10.88.0.9").boots == (
        DhcpBoot(
            where=HERE,
            text="dhcp-boot=tag:a,net:!b,f,sn,10.88.0.9",
            tags=(Tag("a"), Tag("b", negated=True)),
            file="f",
            sname="sn",
            server=FOG,
        ),
    )


@pytest.mark.parametrize(
    ("line", "file", "sname", "server"),
    [
        ("", "", "", BootServer()),
        ('"",x,10.88.0.9', "", "x", FOG),
        ("tag:x,", "", "", BootServer()),
        ("f,,tftp.lab", "f", "", BootServer(None, "tftp.lab")),
        ('f,,"10.88.0.9"', "f", "", FOG),
        ("f,,10.88.0.9,10.88.0.8", "f", "", BootServer(None, "10.88.0.9,10.88.0.8")),
        ("intel.efi,10.88.0.9 10.88.0.9", "intel.efi", "10.88.0.9 10.88.0.9", BootServer()),
        ("f,tag:x,10.88.0.9", "f", "tag:x", FOG),
        ("set:x,f", "set:x", "f", BootServer()),
        ("http://10.88.0.9/a.php?b=c", "http://10.88.0.9/a.php?b=c", "", BootServer()),
    ],
)
def test_the_fields_of_a_boot_line(line: str, file: str, sname: str, server: BootServer) -> None:
    found = boot(line)
    assert (found.file, found.sname, found.server) == (file, sname, server)


def test_a_boot_line_of_tags_alone_is_refused() -> None:
    assert "value after the tags is missing" in refused("dhcp-boot=tag:x").message


# --- pxe-service ---------------------------------------------------------------------------------


def test_a_service_has_tags_type_text_file_and_server() -> None:
    config = read("\npxe-service=tag:x,X86PC, Boot it ,undionly.kpxe,10.88.0.9")
    assert config.services == (
        PxeService(
            where=HERE,
            text="pxe-service=tag:x,X86PC, Boot it ,undionly.kpxe,10.88.0.9",
            tags=(Tag("x"),),
            csa=0,
            menu="Boot it",
            basename="undionly.kpxe",
            type=32768,
            server=FOG,
        ),
    )
    assert config.is_pxe_enabled


def test_files_are_numbered_in_order_and_the_others_not() -> None:
    config = read("pxe-service=0,a,x\npxe-service=0,b,7\npxe-service=0,c\npxe-service=7,d,y")
    assert [s.type for s in config.services] == [32768, 7, 0, 32769]
    assert [s.basename for s in config.services] == ["x", None, None, "y"]


@pytest.mark.parametrize(
    ("name", "csa"),
    [
        ("x86PC", 0),
        ("PC98", 1),
        ("IA64_EFI", 2),
        ("Alpha", 3),
        ("Arc_x86", 4),
        ("Intel_Lean_Client", 5),
        ("IA32_EFI", 6),
        ("x86-64_EFI", 7),
        ("Xscale_EFI", 8),
        ("BC_EFI", 9),
        ("ARM32_EFI", 10),
        ("arm64_efi", 11),
        ("16", 16),
        ('"16"', 16),
        ("", 0),
    ],
)
def test_a_client_type_is_a_name_in_any_case_or_a_number(name: str, csa: int) -> None:
    assert service(f"{name},t").csa == csa


@pytest.mark.parametrize("name", ["foo", "-1", '"x86PC"', "set:x"])
def test_another_client_type_is_refused(name: str) -> None:
    assert "is not a client type; write x86PC" in refused(f"pxe-service={name},t").message


@pytest.mark.parametrize("line", ["", "x86PC", "tag:x", "tag:x,x86PC"])
def test_a_service_needs_a_text(line: str) -> None:
    assert "write x86PC,TEXT,FILE" in refused(f"pxe-service={line}").message


@pytest.mark.parametrize(
    ("line", "basename", "number", "server"),
    [
        ("0,t,", None, 0, BootServer()),
        ("0,t,,10.88.0.9", None, 0, FOG),
        ("0,t,00012", None, 12, BootServer()),
        ('0,t,"7"', None, 7, BootServer()),
        ("0,t,70000", None, 4464, BootServer()),
        ("0,t,0x", "0x", 32768, BootServer()),
        ('0,t,"ba,se"', "ba,se", 32768, BootServer()),
        ("0,t,b,10.88.0.9,x", "b", 32768, BootServer(None, "10.88.0.9,x")),
        ('0,t,b,"10.88.0.9"', "b", 32768, BootServer(None, "10.88.0.9")),
    ],
)
def test_digits_are_a_type_and_anything_else_a_file(
    line: str, basename: str | None, number: int, server: BootServer
) -> None:
    found = service(line)
    assert (found.basename, found.type, found.server) == (basename, number, server)


def test_an_empty_text_is_taken() -> None:
    assert service("x86PC,,base").menu == ""


# --- prompts and options -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "tags", "value"),
    [
        ('"Press F8", 1', (), b"\x01Press F8"),
        ('"a, b",5', (), b"\x05a, b"),
        ("tag:!x,P", (Tag("x", negated=True),), b"\xffP"),
        ("P,", (), b"\x00P"),
        ('P,"3"', (), b"\x03P"),
        ("P,300", (), b"\x2cP"),
        ("P,-1", (), b"\xffP"),
        ("P,1,2", (), b"\xffP"),
        ('"",1', (), b"\x01"),
        ("", (), b"\xff"),
    ],
)
def test_a_prompt_is_a_time_and_a_text(line: str, tags: Tags, value: bytes) -> None:
    config = read(f"\npxe-prompt={line}")
    assert config.vendor_options == (
        VendorOption(
            where=HERE,
            text=f"pxe-prompt={line}",
            tags=tags,
            vendor_class=None,
            code=10,
            value=value,
        ),
    )
    assert config.is_pxe_enabled


def test_a_prompt_of_tags_alone_is_refused() -> None:
    assert "tag:TAG,TEXT,SECONDS" in refused("pxe-prompt=tag:x").message


@pytest.mark.parametrize("key", ["dhcp-option", "dhcp-option-force"])
def test_a_vendor_option_goes_into_option_43(key: str) -> None:
    config = read(f"\n{key}=tag:a,net:b,set:c,!d,vendor:PXEClient,6,2b")
    assert config.vendor_options == (
        VendorOption(
            where=HERE,
            text=f"{key}=tag:a,net:b,set:c,!d,vendor:PXEClient,6,2b",
            tags=(Tag("a"), Tag("b"), Tag("c"), Tag("d", negated=True)),
            vendor_class=b"PXEClient",
            code=6,
            value=b"\x02",
        ),
    )
    assert not config.is_pxe_enabled


@pytest.mark.parametrize(
    "line", ["3,10.0.0.1", "66,x", "encap:43,6,2b", "vi-encap:1,5,x", "option6:23,[::1]", "3"]
)
def test_other_options_are_noted(line: str) -> None:
    config = read(f"dhcp-option={line}")
    assert config.vendor_options == ()
    assert [note.key for note in config.notes] == ["dhcp-option"]


@pytest.mark.parametrize(
    ("line", "value", "is_address_list"),
    [
        ("66,10.88.0.9", b"10.88.0.9", False),
        ("150,0.0.0.0", b"\0\0\0\0", True),
        ("tag:x,175,7", b"\7", False),
        ("60", b"", False),
    ],
)
def test_an_option_for_pxe(line: str, value: bytes, *, is_address_list: bool) -> None:
    (found,) = read(f"\ndhcp-option-pxe={line}").pxe_options
    assert found == PxeOption(
        where=HERE,
        text=f"dhcp-option-pxe={line}",
        tags=(Tag("x"),) if "tag:" in line else (),
        code=found.code,
        value=value,
        is_address_list=is_address_list,
    )
    assert str(found.code) in line


@pytest.mark.parametrize("line", ["vendor:x,6,1", "encap:1,2,3", "option6:23,[::1]"])
def test_an_option_for_pxe_is_inside_no_other(line: str) -> None:
    assert "use dhcp-option for them" in refused(f"dhcp-option-pxe={line}").message


def test_the_pxe_vendors_replace_the_usual_one() -> None:
    assert read("").pxe_vendors == ("PXEClient",)
    config = read('dhcp-pxe-vendor=HTTPClient,"a b"\ndhcp-pxe-vendor=HW')
    assert config.pxe_vendors == ("HTTPClient", "a b", "HW")


def test_a_reply_delay_is_a_number_of_seconds() -> None:
    assert read("\ndhcp-reply-delay=tag:x,2").reply_delays == (
        ReplyDelay(where=HERE, text="dhcp-reply-delay=tag:x,2", tags=(Tag("x"),), seconds=2),
    )


@pytest.mark.parametrize("line", ["x", "1,2", "set:x,2", "tag:x"])
def test_another_reply_delay_is_refused(line: str) -> None:
    assert "tag:TAG,2" in refused(f"dhcp-reply-delay={line}").message
