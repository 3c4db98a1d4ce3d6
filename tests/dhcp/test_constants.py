"""The numbers, against the standards' own lists; a typo here would be wrong everywhere."""

import pytest

from fastpxe.dhcp import constants as wire


@pytest.mark.parametrize(
    ("name", "code"),
    [("VENDOR_SPECIFIC", 43), ("OVERLOAD", 52), ("MESSAGE_TYPE", 53), ("SERVER_ID", 54),
     ("MAX_MESSAGE_SIZE", 57), ("VENDOR_CLASS", 60), ("CLIENT_ID", 61), ("TFTP_SERVER_NAME", 66),
     ("BOOTFILE_NAME", 67), ("USER_CLASS", 77), ("RELAY_AGENT", 82), ("CLIENT_ARCH", 93),
     ("CLIENT_UUID", 97), ("SUBNET_SELECTION", 118), ("IPXE", 175)],
)  # fmt: skip
def test_option_codes_are_ianas(name: str, code: int) -> None:
    assert wire.Option[name] == code


def test_message_types_are_those_of_rfc_2132() -> None:
    assert [kind.name for kind in wire.MessageType] == [
        "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM",
    ]  # fmt: skip


def test_arch_numbers_have_no_gap() -> None:
    assert list(wire.Arch) == list(range(42))


def test_tftp_numbers_have_no_gap() -> None:
    assert (list(wire.TftpOp), list(wire.TftpError)) == (list(range(1, 7)), list(range(9)))


def test_the_http_arches_are_those_of_the_iana_table() -> None:
    assert {15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40} == wire.HTTP_ARCHES


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("bios", (0,)),
        ("uefi-ia32", (6,)),
        ("uefi-x64", (7, 9)),
        ("uefi-ebc", (9,)),
        ("uefi-arm64", (11,)),
        ("uefi-x64-http", (16, 17)),
        ("rpi", (41,)),
    ],
)
def test_an_arch_has_its_numbers(name: str, numbers: tuple[int, ...]) -> None:
    assert wire.ARCH_NAMES[name] == numbers


def test_every_arch_has_a_name() -> None:
    assert {number for numbers in wire.ARCH_NAMES.values() for number in numbers} == set(wire.Arch)
