"""What one DHCP request costs in the Cython core: parse, match, the whole answer.

Hypothesis: match costs the same with 10 and with 100,000 host rules, up to what the caches cost.
Held constant: the request (UEFI x64, 347 bytes, as EDK2 sends it) and the one rule after the
hosts that it falls to. Every figure contains one call from Python (`call` shows that alone).
"""

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from fastpxe._codec import Matcher, MatchKind
from fastpxe.dhcp.match_rule import MatchRule, MatchTest
from fastpxe.policy import compiler, config
from fastpxe.policy._respond import Policy

HOSTS = (10, 1_000, 100_000)
ADDRESS = 0x0A000001
ROUNDS = 1000

Benchmark = Callable[..., Any]


def discover(mac: bytes, uuid: bytes) -> bytes:
    """A DISCOVER with the options of EDK2, in its order."""
    header = struct.pack(">4BIHH4I16s192x", 1, 1, 6, 0, 0x1234, 0, 0x8000, 0, 0, 0, 0, mac)
    parameters = bytes(range(1, 36))
    options = b"".join(
        bytes([code, len(value)]) + value
        for code, value in (
            (53, b"\x01"), (57, b"\x05\xc0"), (55, parameters), (97, b"\0" + uuid),
            (94, b"\x01\x03\0"), (93, b"\0\x07"), (60, b"PXEClient:Arch:00007:UNDI:003000"),
        )
    )  # fmt: skip
    return header + b"\x63\x82\x53\x63" + options + b"\xff"


def host_mac(number: int) -> bytes:
    return b"\x52\x54" + number.to_bytes(4, "big")


def compiled(hosts: int) -> compiler.Compiled:
    """`hosts` rules by MAC, each with a file of its own, then one for all UEFI machines."""
    lines = [
        f'[[boot]]\nmac = "{host_mac(n).hex(":")}"\nfile = "host-{n}.efi"\n' for n in range(hosts)
    ]
    text = "".join(lines) + '[[boot]]\narch = "uefi-x64"\nfile = "all.efi"\n'
    return compiler.build(config.parse(text, "bench"), [])


@pytest.fixture(scope="module", params=HOSTS, ids=lambda n: f"{n}-hosts")
def hosts(request: pytest.FixtureRequest) -> tuple[int, Policy, Matcher]:
    number: int = request.param
    built = compiled(number)
    rules = [
        MatchRule(
            tests=(MatchTest(MatchKind.TEST_MAC, host_mac(n), b"\xff" * 6),), replies=(0,) * 5
        )
        for n in range(number)
    ]
    rules.append(MatchRule(arches=(7, 9), replies=(0,) * 5))
    return number, built.native, Matcher(rules, 1)


STRANGER = discover(b"\xaa\xbb\xcc\xdd\xee\xff", bytes(range(16)))


def test_call(benchmark: Benchmark) -> None:
    """The floor: a call that refuses at once."""
    matcher = Matcher([MatchRule(arches=(7,), replies=(0,) * 5)], 1)

    def refused() -> None:
        try:
            matcher.find_in(b"", 0)
        except Exception:  # noqa: BLE001 - only its cost matters here
            return

    benchmark(refused)


def test_parse(benchmark: Benchmark) -> None:
    matcher = Matcher([MatchRule(arches=(7,), replies=(0,) * 5)], 1)
    benchmark(matcher.find_in, STRANGER, 0)


@pytest.mark.parametrize("which", ["known", "stranger"])
def test_match_a_thousand_times(
    benchmark: Benchmark, hosts: tuple[int, Policy, Matcher], which: str
) -> None:
    number, _, matcher = hosts
    mac = host_mac(number // 2) if which == "known" else host_mac(1 << 31)
    packet = discover(mac, bytes(range(16)))
    found = benchmark(matcher.find_in, packet, ROUNDS)
    assert found == (number // 2 if which == "known" else number)


def test_match_of_machines_in_no_order(
    benchmark: Benchmark, hosts: tuple[int, Policy, Matcher]
) -> None:
    """A thousand different clients, so that the caches don't help."""
    number, _, matcher = hosts
    rng = random.Random(1)  # noqa: S311 - a workload, not a secret
    packets = [discover(host_mac(rng.randrange(number)), bytes(range(16))) for _ in range(ROUNDS)]

    def all_of_them() -> None:
        for packet in packets:
            matcher.find_in(packet, 1)

    benchmark(all_of_them)


def test_answer(benchmark: Benchmark, hosts: tuple[int, Policy, Matcher]) -> None:
    number, native, _ = hosts
    packet = discover(host_mac(number // 2), bytes(range(16)))
    reason, reply, *_ = benchmark(native.decide, packet, address=ADDRESS)
    assert reason == 0
    assert f"host-{number // 2}.efi".encode() in reply
