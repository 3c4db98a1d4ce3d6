"""What reaches port 69 of a running server: threats S7 to S11."""
# ruff: noqa: N802 - S07 and the like are the numbers of the threats

import pytest
from security_rig import FILE, SECRET, Victim

from fastpxe.dhcp.constants import TftpError
from fastpxe.tftp.packets import Data, Error, Oack

ILLEGAL, NOT_FOUND, FORBIDDEN = (
    TftpError.ILLEGAL_OPERATION, TftpError.NOT_FOUND, TftpError.ACCESS_VIOLATION,
)  # fmt: skip


def rrq(name: bytes, *words: bytes, mode: bytes = b"octet") -> bytes:
    return b"\0\1" + b"\0".join((name, mode, *words)) + b"\0"


def assert_error(victim: Victim, datagram: bytes, *codes: TftpError) -> None:
    answer = victim.to_port_69(datagram)
    assert isinstance(answer, Error), answer
    assert answer.code in codes
    assert len(bytes(answer)) < 100


@pytest.mark.parametrize("size", [1, 127, 128, 255, 256, 500, 501, 502, 512, 1000, 1400])
def test_S07_a_name_of_any_length_gets_one_short_error(victim: Victim, size: int) -> None:
    assert_error(victim, rrq(b"n" * size), NOT_FOUND, ILLEGAL)


@pytest.mark.parametrize("size", [2000, 9000, 65000])
def test_S07_a_name_beyond_any_frame_does_no_harm(victim: Victim, size: int) -> None:
    victim.send(69, [rrq(b"n" * size), b"\0\1" + b"n" * size, rrq(b"boot.efi", b"x" * size)])
    victim.assert_well()


@pytest.mark.parametrize("mode", [b"", b"o", b"octet" * 50, b"mail", b"\xff", b"m" * 1000])
def test_S07_a_mode_of_any_length_gets_one_short_error(victim: Victim, mode: bytes) -> None:
    assert_error(victim, rrq(b"boot.efi", mode=mode), ILLEGAL)


@pytest.mark.parametrize(
    "datagram",
    [
        b"\0\1boot.efi",
        b"\0\1boot.efi\0",
        b"\0\1boot.efi\0octet",
        b"\0\1" + b"boot.efi" * 60,
        b"\0\1\0\0",
        b"\0\1" + b"\0" * 500,
        b"\0\1\0octet\0",
    ],
)
def test_S08_a_request_without_its_ends_gets_error_4(victim: Victim, datagram: bytes) -> None:
    assert_error(victim, datagram, ILLEGAL)


@pytest.mark.parametrize(
    ("words", "granted"),
    [
        ((b"blksize", b"-1"), {}),
        ((b"blksize", b"0"), {}),
        ((b"blksize", b"7"), {}),
        ((b"blksize", b"8"), {"blksize": "8"}),
        ((b"blksize", b"65464"), {"blksize": "1468"}),
        ((b"blksize", b"65465"), {"blksize": "1468"}),
        ((b"blksize", b"18446744073709551616"), {"blksize": "1468"}),
        ((b"blksize", b"9" * 400), {}),
        ((b"blksize", b"0x200"), {}),
        ((b"blksize", b" 512"), {}),
        ((b"blksize", b"512 "), {}),
        ((b"blksize", b"5\xb2"), {}),
        ((b"blksize", b""), {}),
        ((b"foo_blksize_bar", b"8"), {}),
        ((b"blksiz", b"8"), {}),
        ((b"BLKSIZE", b"1024"), {"blksize": "1024"}),
        ((b"blksize", b"1024", b"blksize"), {"blksize": "1024"}),
        ((b"windowsize", b"0"), {}),
        ((b"windowsize", b"-1"), {}),
        ((b"windowsize", b"4294967297"), {"windowsize": "16"}),
        ((b"timeout", b"0"), {}),
        ((b"timeout", b"256"), {}),
        ((b"tsize", b"18446744073709551615"), {"tsize": str(len(FILE))}),
        ((b"tsize", b"-1"), {}),
        ((b"x", b"y", b"tsize", b"0"), {"tsize": str(len(FILE))}),
        ((b"x",) * 501, {}),
        ((b"",) * 1000, {}),
    ],
)
def test_S09_options_are_read_to_the_letter(
    victim: Victim, words: tuple[bytes, ...], granted: dict[str, str]
) -> None:
    answer = victim.to_port_69(rrq(b"boot.efi", *words))
    if granted:
        assert isinstance(answer, Oack), answer
        assert {name.lower(): value for name, value in answer.options.items()} == granted
    else:
        assert answer == Data(block=1, payload=FILE[:512])


def test_S09_a_server_survives_every_prefix_of_a_request(victim: Victim) -> None:
    whole = rrq(b"boot.efi", b"blksize", b"1468", b"windowsize", b"16", b"tsize", b"0")
    victim.send(69, (whole[:size] for size in range(len(whole))))
    victim.assert_well()


@pytest.mark.parametrize(
    "name",
    [
        b"../secret",
        b"..\\secret",
        b"/../secret",
        b"//../secret",
        b"\\\\..\\secret",
        b"folder/../../secret",
        b"folder\\..\\..\\secret",
        b"C:\\..\\secret",
        b"C:../secret",
        b"....//secret",
        b"..;/secret",
        b"%2e%2e/secret",
        b"..%2fsecret",
        b"..%5csecret",
        b"..%c0%afsecret",
        b"\xc0\xae\xc0\xae/secret",
        b"\xef\xbc\x8e\xef\xbc\x8e/secret",  # full-width dots
        b"..\xe2\x88\x95secret",  # division slash
        b"out",
        b"away/secret",
        b"folder/../out",
        b"/proc/self/environ",
        b"/etc/passwd",
        b"./.././secret",
        b"\r../secret",
        b"folder",
        b".",
        b"/",
    ],
)
def test_S10_no_name_leads_out_of_the_root(victim: Victim, name: bytes) -> None:
    """A NUL ends the name, so that what follows it can't extend one."""
    assert_error(victim, rrq(name), NOT_FOUND, FORBIDDEN, ILLEGAL)
    assert_error(victim, rrq(name, mode=b"netascii"), NOT_FOUND, FORBIDDEN, ILLEGAL)


@pytest.mark.parametrize("name", [b"boot.efi", b"new", b"../new", b"folder/new", b"out"])
def test_S11_nothing_is_written(victim: Victim, name: bytes) -> None:
    before = sorted(victim.root.parent.rglob("*"))
    assert_error(victim, b"\0\2" + rrq(name)[2:], FORBIDDEN)
    assert sorted(victim.root.parent.rglob("*")) == before
    assert (victim.root / "boot.efi").read_bytes() == FILE
    assert (victim.root.parent / "secret").read_bytes() == SECRET
