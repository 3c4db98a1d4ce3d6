"""The proof says the truth: its answers are those of the Engine and of the Policy that serve."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from dnsmasq_golden import FOLDER
from dnsmasq_random import RandomConfig
from dnsmasq_text import read
from project import TESTS

from fastpxe.dhcp.constants import PXE_PORT
from fastpxe.dnsmasq.convert.sample_clients import Machine
from fastpxe.dnsmasq.convert.sample_networks import sites
from fastpxe.dnsmasq.convert.translate import Translation, translate
from fastpxe.dnsmasq.convert.verify import UNTOLD, Comparison, Difference, Proof, prove
from fastpxe.dnsmasq.engine.engine import Answer, Arrival
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.errors import ConfigError
from fastpxe.firmware.boot import Outcome
from fastpxe.policy import compiler, config
from fastpxe.policy.compiler import Compiled

WRITTEN = TESTS / "dnsmasq" / "golden-import"
RANGE = "pxe-prompt=Boot\ndhcp-range=192.0.2.0,proxy\n"


def proof_of(parsed: DnsmasqConfig, text: str = "") -> tuple[Proof, Translation]:
    """Compare with what is written, or with another `text`."""
    translation = translate(parsed)
    return prove(parsed, config.parse(text or translation.text, "f.toml"), translation), translation


def differences(text: str) -> dict[str, Difference]:
    return {d.why: d for d in proof_of(read(RANGE + text))[0].differences}


def golden() -> Iterator[str]:
    for path in sorted((FOLDER / "configs").glob("*.conf")):
        try:
            read(path.read_text("utf-8", "surrogateescape"))
        except ConfigError:
            continue
        yield path.name


@pytest.mark.parametrize(
    ("path", "count"),
    [
        (FOLDER / "configs" / "seed1.conf", 174),
        (FOLDER / "configs" / "seed2.conf", 332),
        (FOLDER / "configs" / "fog-ipxe-chain.conf", 110),
        (WRITTEN / "fog-1.6.conf", 174),
    ],
    ids=lambda value: getattr(value, "stem", ""),
)
def test_well_known_files_are_the_same_for_all_clients(path: Path, count: int) -> None:
    proof, _ = proof_of(read(path.read_text()))
    assert proof.differences == ()
    assert proof.same
    assert proof.summary == f"{count} clients compared, {count} the same"


@pytest.mark.parametrize("name", list(golden()))
def test_every_recorded_configuration_is_the_same_or_says_why(name: str) -> None:
    text = (FOLDER / "configs" / name).read_text("utf-8", "surrogateescape")
    proof, _ = proof_of(read(text))
    assert_told(proof)
    assert UNTOLD not in {d.why for d in proof.differences}


@pytest.mark.gate
@pytest.mark.parametrize("seed", range(40))
def test_of_a_random_configuration_every_difference_is_named(seed: int) -> None:
    parsed = read(RandomConfig(Random(seed)).file)  # noqa: S311 - it is to repeat itself
    proof, translation = proof_of(parsed)
    assert_told(proof)
    assert UNTOLD not in {d.why for d in proof.differences}
    engine, found = sites(parsed)
    compiled = compiler.build(
        config.parse(translation.text, "f.toml"), [site.own for site in found]
    )
    for one in proof.comparisons[::7]:
        assert_true(one, told_by_dnsmasq(engine.answer, one.machine), told(compiled, one.machine))


def assert_told(proof: Proof) -> None:
    """Each client that differs is in one difference, and each difference says where and why."""
    differing = [one for one in proof.comparisons if not is_the_same(one.dnsmasq, one.fastpxe)]
    assert proof.same == (not differing)
    assert sum(d.clients for d in proof.differences) == len(differing)
    assert all(d.where and d.why and d.dnsmasq != d.fastpxe for d in proof.differences)


def is_the_same(dnsmasq: Outcome, fastpxe: Outcome) -> bool:
    """Where dnsmasq names no server, iPXE boots nothing; fastpxe gives the file that was meant."""
    is_from_here = (fastpxe.kind, fastpxe.file, fastpxe.server) == ("file", dnsmasq.file, None)
    is_mended = dnsmasq.kind == "no-server" and is_from_here and dnsmasq.others == fastpxe.others
    return dnsmasq == fastpxe or is_mended


def assert_true(one: Comparison, is_dnsmasq: bool, is_fastpxe: bool) -> None:  # noqa: FBT001 - two
    """Who is answered at all is seen without following the client."""
    assert (one.dnsmasq.kind != "silent") == is_dnsmasq
    assert (one.fastpxe.kind != "silent") == is_fastpxe


def told_by_dnsmasq(answer: object, machine: Machine) -> bool:
    datagram, port = first_request(machine)
    server_port = 67 if port == 67 else PXE_PORT
    arrival = Arrival(
        interface=machine.site.interface, port=server_port, source=machine.client.ciaddr,
        source_port=68,
    )  # fmt: skip
    assert callable(answer)
    return isinstance(answer(datagram, arrival), Answer)


def told(compiled: Compiled, machine: Machine) -> bool:
    datagram, port = first_request(machine)
    site = machine.site
    reason, *_ = compiled.native.decide(
        datagram, port=port, source=int(machine.client.ciaddr), source_port=68,
        address=int(site.own), netmask=int(site.network.netmask),
    )  # fmt: skip
    return reason == 0


def first_request(machine: Machine) -> tuple[bytes, int]:
    if machine.is_steered:
        return machine.client.request(machine.site.own), PXE_PORT
    return machine.client.discover(), 67


# --- what differs --------------------------------------------------------------------------------


def test_another_file_or_server_is_a_difference() -> None:
    parsed = read(RANGE + "dhcp-boot=a,,192.0.2.9")
    assert proof_of(parsed)[0].same
    for wrong in 'file = "b"\nserver = "192.0.2.9"', 'file = "a"', "ignore = true":
        proof, _ = proof_of(parsed, f"[[boot]]\n{wrong}")
        assert not proof.same
        assert {d.dnsmasq for d in proof.differences} == {"a from 192.0.2.9"}


def test_a_client_that_only_one_rule_knows_is_a_difference() -> None:
    parsed = read(RANGE + "dhcp-mac=set:x,52:54:00:*:*:*\ndhcp-boot=tag:x,a\ndhcp-boot=b")
    proof, _ = proof_of(parsed, '[[boot]]\nfile = "b"')
    (difference,) = proof.differences
    assert (difference.where, difference.text) == ("f.conf:4", "dhcp-boot=tag:x,a")
    assert difference.why == UNTOLD
    assert "52:54" not in difference.example
    assert difference.example.endswith(", f.conf:3")


@pytest.mark.parametrize(
    ("text", "why", "where"),
    [
        ("dhcp-circuitid=set:x,eth0/1\ndhcp-boot=tag:x,a\ndhcp-boot=b",
         "no rule can test what a relay adds (option 82)", "f.conf:3"),
        ("dhcp-name-match=set:x,lab*\ndhcp-boot=tag:x,a\ndhcp-boot=b",
         "no rule can test the name that the client gives (options 12 and 81)", "f.conf:3"),
        ("dhcp-match=set:x,97,0\ndhcp-boot=tag:x,a\ndhcp-boot=b",
         "no rule can test option 97, in a way that a rule can't", "f.conf:3"),
        ("pxe-service=x86PC,A,a.b\npxe-service=x86PC,B,b.c\ndhcp-boot=f",
         "a menu of 2 entries; fastpxe gives the first at once", "f.conf:3"),
        ("dhcp-match=set:x,93,0\ndhcp-boot=tag:x,a",
         "dnsmasq answers without a boot file; fastpxe is silent", "no line applies"),
        ("pxe-service=x86PC,Disk,0\ndhcp-boot=f",
         "an entry that boots from the local disk; fastpxe is silent, and the firmware goes on",
         "f.conf:4"),
        ("dhcp-boot=http://192.0.2.5/a", "a URL, and PXE firmware takes none", "f.conf:3"),
        ("dhcp-pxe-vendor=PXEClient,HTTPClient\ndhcp-boot=a",
         "UEFI HTTP Boot takes a URL, and no file", "f.conf:4"),
        ("dhcp-pxe-vendor=PXEClient,HW-Client\ndhcp-boot=a",
         "fastpxe answers the vendor classes PXEClient and HTTPClient", "f.conf:4"),
        ("dhcp-mac=set:x,b8:27:eb:*:*:*\ndhcp-boot=tag:x,a\ndhcp-boot=b",
         'a Raspberry Pi, for which a rule has to say arch = "rpi"', "f.conf:4"),
        ("dhcp-vendorclass=set:x,00007\ndhcp-match=set:y,60,UNDI\ndhcp-boot=tag:x,tag:y,a\ndhcp-boot=b",
         "no rule can ask for two texts in one class; left out", "f.conf:5"),
    ],
)  # fmt: skip
def test_a_difference_has_its_reason_and_line(text: str, why: str, where: str) -> None:
    found = differences(text)
    assert why in found
    assert found[why].where == where
    assert found[why].clients > 0


@pytest.mark.parametrize(
    "text",
    [
        "dhcp-userclass=set:x,iPXE\ndhcp-boot=tag:x,http://192.0.2.5/a\ndhcp-boot=tag:!x,ipxe.efi",
        "dhcp-userclass=set:x,iPXE\ndhcp-userclass=set:y,gPXE\ndhcp-boot=tag:y,b\ndhcp-boot=tag:x,a\ndhcp-boot=c",
        "dhcp-host=52:54:00:*:*:*,set:x\ndhcp-ignore=tag:!known\ndhcp-boot=tag:x,a",
        "dhcp-match=set:x,97,00:44:*:4c\ndhcp-boot=tag:x,a\ndhcp-boot=b",
        "dhcp-range=set:x,198.51.100.0,proxy,255.255.255.0\ndhcp-boot=tag:x,a\ndhcp-boot=b",
        "interface=eth0\ndhcp-boot=tag:eth0,a\ndhcp-boot=b",
        "dhcp-boot=" + "x" * 140,
        "host-record=tftp.lab,192.0.2.7\nno-hosts\ndhcp-boot=a,,tftp.lab",
        "dhcp-alternate-port\ndhcp-boot=a",
        "dhcp-ignore=tag:!x\ndhcp-mac=set:x,52:54:00:12:34:56\ndhcp-boot=a",
    ],
)  # fmt: skip
def test_what_can_be_said_is_the_same_for_all_clients(text: str) -> None:
    assert differences(text) == {}
