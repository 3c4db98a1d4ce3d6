"""Options that hold options (43, 77, 82, 124, 125, 175), whole and split in parts by RFC 3396.

The first byte of an input chooses the option, the second where it is split; the rest is its value.

example: fuzz/asan .venv/bin/python fuzz/fuzz_nested.py --seconds 60
"""

from fuzz_dhcp import check as check_request
from fuzzing import packets, run

from fastpxe.dhcp._request import Request
from fastpxe.dhcp.decode import decode
from fastpxe.dnsmasq.engine.message import walk

CODES = (43, 77, 82, 124, 125, 175)
START = packets()[0][:240] + b"\x35\1\1\x3c\x09PXEClient\x5d\2\0\7"
TOKENS = (
    b"\0", b"\1", b"\2", b"\4", b"\5", b"\x0b", b"\x10", b"\x2f", b"\x47", b"\x7f", b"\xff",
    b"\x47\4\0\0\0\0", b"\5\4\x0a\0\0\1", b"\x0b\4\x0a\0\0\1", b"\4iPXE", b"\0\0\1\x37",
)  # fmt: skip


def seeds() -> list[bytes]:
    """The values of what real machines sent, and one of each kind."""
    values = [b"\5\4\x0a\0\0\1", b"\4iPXE\5GRUB2", b"\0\0\1\x37\3abc", b"\x10\1\1\x13\1\1"]
    values += [value for datagram in packets() for code, value, _ in walk(datagram[240:])
               if code in CODES]  # fmt: skip
    return [bytes([number, 255]) + value for number in range(len(CODES)) for value in values]


def check(data: bytes) -> None:
    if len(data) < 3:
        return
    code, size, value = CODES[data[0] % len(CODES)], max(data[1], 1), data[2:]
    parts = [value[at : at + size] for at in range(0, len(value), size)]
    options = b"".join(bytes([code, len(part)]) + part for part in parts)
    datagram = START + options + b"\xff"
    if len(value) <= 4096 and len(datagram) <= 8192:
        request = Request(datagram)
        assert request.option(code) == value
        assert sum(map(len, request.user_classes)) <= len(value)
        assert all(len(part) <= 255 for _, part in request.enterprise(125))
        assert all(16 <= feature <= 47 for feature in request.ipxe_features)
        repr((request.boot_item, request.link_selection, request.server_id_override))
    assert list(decode(datagram).lines())
    check_request(datagram)


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__)
