"""Mutate recorded DHCP requests and look at every answer; meant to run under fuzz/asan.

example: fuzz/asan .venv/bin/python fuzz/fuzz_dhcp.py --seconds 60
"""

import argparse
import random
import time
from pathlib import Path

from fastpxe import _codec, _reply, config, policy
from fastpxe._request import Request
from fastpxe.errors import MalformedPacket

CORPUS = Path(__file__).parent.parent / "tests" / "corpus"
ADDRESS = 0x0A000001
POLICIES = (
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
INTERESTING = (0, 1, 2, 3, 4, 5, 8, 11, 43, 52, 53, 60, 71, 77, 82, 93, 97, 118, 175, 254, 255)


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    packet = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(packet)) if packet else 0
        match rng.randrange(6):
            case 0 if packet:
                packet[at] = rng.choice(INTERESTING)
            case 1 if packet:
                packet[at] ^= 1 << rng.randrange(8)
            case 2:
                packet[at:at] = rng.randbytes(rng.randint(1, 16))
            case 3:
                del packet[at : at + rng.randint(1, 64)]
            case 4 if len(packet) > 240:
                other = rng.choice(seeds)
                packet[240:] = other[240:] + packet[240:]
            case 5 if len(packet) > 240:  # many copies of one option: RFC 3396
                code, size = rng.choice(INTERESTING), rng.randrange(256)
                packet[240:240] = (bytes([code, size]) + rng.randbytes(size)) * rng.randint(1, 40)
    return bytes(packet)


def check(datagram: bytes, policies: list[_reply.Policy], rng: random.Random) -> None:
    try:
        request = Request(datagram)
        for code in range(256):
            request.option(code)
        request.enterprise(124), request.enterprise(125)
        repr((request.user_classes, request.arches, request.uuid, request.boot_item))
    except MalformedPacket:
        pass
    port, source = rng.choice((67, 4011)), rng.choice((0, ADDRESS + 1, ADDRESS))
    for compiled in policies:
        reason, reply, to, *_ = compiled.decide(
            datagram, port=port, source=source, source_port=rng.choice((68, 4011)), address=ADDRESS
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else time.time_ns()
    rng = random.Random(seed)
    seeds = [path.read_bytes() for path in sorted(CORPUS.glob("*.bin"))]
    assert seeds, f"no seeds in {CORPUS}"
    policies = [
        policy.build(config.parse(text, "fuzz") if text else config.default_config(), []).native
        for text in POLICIES
    ]
    print(f"seed {seed}, {len(seeds)} packets")
    count, end = 0, time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        for _ in range(500):
            datagram = mutated(rng, seeds)
            try:
                check(datagram, policies, rng)
            except BaseException:
                print(f"failing datagram: {datagram.hex()}")
                raise
            count += 1
    print(f"{count} datagrams, no finding")


if __name__ == "__main__":
    main()
