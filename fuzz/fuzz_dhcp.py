"""Mutate recorded DHCP requests and look at every answer; meant to run under fuzz/asan.

example: fuzz/asan .venv/bin/python fuzz/fuzz_dhcp.py --seconds 60
"""

import zlib

from fuzzing import packets, run

from fastpxe import _codec
from fastpxe.dhcp._request import Request
from fastpxe.errors import MalformedPacket
from fastpxe.policy import _respond, compiler, config

ADDRESS = 0x0A000001
TEXTS = (
    "",
    '[[boot]]\nfile = "x"\nmac = "52:54:*"\n[[boot]]\nfile = "y"\nuuid = "4c4c*"\n',
    f"""
    [dhcp]
    echo_client_id = true
    server_id_override = true
    accept_foreign_server_id = true
    [[boot]]
    file = "{"n" * 200}"
    user_class = "*PXE*"
    [[boot]]
    subnet = "10.0.0.0/8"
    file = "a"
    url = "http://10.0.0.1/a.efi"
    [[boot]]
    arch = "rpi"
    file = "bootcode.bin"
    [[boot]]
    file = "rest"
    """,
)
POLICIES: list[_respond.Policy] = [
    compiler.build(config.parse(text, "fuzz") if text else config.default_config(), []).native
    for text in TEXTS
]
PLACES = [
    (port, source, source_port)
    for port in (67, 4011)
    for source in (0, ADDRESS + 1, ADDRESS)
    for source_port in (68, 4011)
]
CODES = (0, 1, 43, 52, 53, 60, 71, 77, 82, 93, 97, 118, 175, 255)
TOKENS = (
    *(bytes([code]) for code in CODES), *(bytes([code,
    size]) + bytes(size) for code in CODES for size in (0, 1, 4, 17, 255)),
    b"PXEClient:Arch:00007:UNDI:003016", b"HTTPClient:Arch:00016", b"iPXE",
)  # fmt: skip


def seeds() -> list[bytes]:
    return packets()


def check(data: bytes) -> None:
    try:
        request = Request(data)
        for code in range(256):
            request.option(code)
        request.enterprise(124), request.enterprise(125)
        repr((request.user_classes, request.arches, request.uuid, request.boot_item))
    except MalformedPacket:
        pass
    port, source, source_port = PLACES[zlib.crc32(data) % len(PLACES)]
    for compiled in POLICIES:
        reason, reply, to, *_ = compiled.decide(
            data, port=port, source=source, source_port=source_port, address=ADDRESS
        )
        if reason:
            assert not reply, _codec.REASONS[reason]
            continue
        assert 300 <= len(reply) <= 1472
        assert reply[0] == 2
        assert reply[16:20] == bytes(4), "yiaddr"
        assert reply[240:243] in (b"\x35\x01\x02", b"\x35\x01\x05")
        assert to
        assert Request(b"\x01" + reply[1:]).option(54)


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__, header=240)
