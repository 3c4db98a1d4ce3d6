"""The names of architectures."""

import pytest

from fastpxe.dhcp.constants import Arch
from fastpxe.policy.rules import ARCH_NAMES


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
    assert ARCH_NAMES[name] == numbers


def test_every_arch_has_a_name() -> None:
    assert {number for numbers in ARCH_NAMES.values() for number in numbers} == set(Arch)
