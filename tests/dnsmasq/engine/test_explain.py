"""What `explain` says of a dnsmasq configuration: tags, winners, losers, each step of a boot."""

from ipaddress import IPv4Address, IPv4Interface

import pytest
from dnsmasq_golden import Exchange, config, interfaces, recorded

from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine
from fastpxe.dnsmasq.engine.explain import explain_boot, explain_packet, place
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.explanation import Explanation, Step
from fastpxe.firmware.requests import Client

SEED1, SEED2 = "configs/seed1.conf", "configs/seed2.conf"
DELL = bytes.fromhex("44454c4c38001036804ec4c04f4a5831")


def boot(path: str, client: Client) -> Explanation:
    found, name = place(config(path), [], None)
    return explain_boot(Engine(config(path), found), client, name)


def won(step: Step) -> list[str]:
    return [c.name.split(" ")[0] for c in step.candidates if c.verdict == "won"]


def test_a_single_service_wins_and_hides_dhcp_boot_on_uefi() -> None:
    offer, ack, *_ = boot(SEED1, Client(arch=7)).steps
    assert won(offer) == ["configs/seed1.conf:36"]
    hidden = next(c for c in offer.candidates if c.name.startswith("configs/seed1.conf:25"))
    assert hidden.why == "a single pxe-service for UEFI hides every dhcp-boot"
    assert offer.reply is not None
    assert offer.reply.file == ""
    assert ack.title == "REQUEST on port 4011"
    assert ack.reply is not None
    assert ack.reply.file == "ipxe.efi"


def test_a_bios_client_is_followed_through_its_menu_and_into_the_loop_of_ipxe() -> None:
    titles = [step.title for step in boot(SEED1, Client(arch=0)).steps]
    assert titles == [
        "DISCOVER on port 67",
        "REQUEST on port 4011 for the menu's entry 'Boot to FOG' (type 32768)",
        "DISCOVER on port 67, of iPXE that was started from undionly.kpxe",
        (
            "REQUEST on port 4011 for the menu's entry 'Boot to FOG' (type 32768), "
            "of iPXE that was started from undionly.kpxe"
        ),
    ]


def test_the_uuid_of_the_dell_sets_its_tag_and_wins() -> None:
    offer = boot(SEED2, Client(arch=7, uuid=DELL)).steps[0]
    assert ("e6230", "configs/seed2.conf:21") in [(tag.tag, tag.why) for tag in offer.tags]
    assert won(offer) == ["configs/seed2.conf:29"]
    assert offer.reply is not None
    assert offer.reply.file == "intel.efi"


def test_another_machine_loses_that_line_for_its_tag() -> None:
    offer = boot(SEED2, Client(arch=7)).steps[0]
    lost = next(c for c in offer.candidates if c.name.startswith("configs/seed2.conf:29"))
    assert lost.why == "tag e6230 is not set"


def test_silence_has_its_reason() -> None:
    (only,) = boot(SEED1, Client(arch=16)).steps
    assert only.reply is None
    assert only.silence == "option 60 does not start with PXEClient"


EXCHANGES = [e for e in recorded() if not e.startup_failed]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[e.id for e in EXCHANGES])
def test_any_packet_is_explained_with_the_answer_that_is_sent(exchange: Exchange) -> None:
    engine = Engine(config(exchange.config), interfaces(exchange.env))
    explanation = explain_packet(engine, exchange.datagram, exchange.arrival)
    answer = engine.answer(exchange.datagram, exchange.arrival)
    (step,) = explanation.steps
    assert step.hexadecimal == (answer.data.hex() if isinstance(answer, Answer) else "")


def read(text: str) -> Engine:
    disk = Disk(lambda _: text.encode(), lambda _: None)
    found = read_config(["f.conf"], disk=disk)
    return Engine(found, place(found, [], None)[0])


def test_the_place_is_the_interface_that_a_proxy_range_covers() -> None:
    present = [
        InterfaceAddresses(name="eth0", networks=(IPv4Interface("10.1.0.1/24"),)),
        InterfaceAddresses(name="eth1", networks=(IPv4Interface("10.88.0.9/24"),)),
    ]
    assert place(config(SEED1), present, None) == (present, "eth1")


def test_without_such_an_interface_one_is_made_up_from_the_range() -> None:
    (made,), name = place(config(SEED1), [], None)
    assert name == "eth0"
    assert made.networks == (IPv4Interface("10.88.0.1/24"),)


def test_a_range_that_names_its_network_gets_a_host_s_address() -> None:
    engine = read("pxe-prompt=P\ndhcp-range=10.5.0.0,proxy,255.255.0.0\n")
    assert engine.ranges.places["eth0"].address == IPv4Address("10.5.0.1")


@pytest.mark.parametrize("mask", ["255.0.255.0", "255.255.255.255", "0.0.0.0"])
def test_any_mask_that_dnsmasq_takes_has_a_place(mask: str) -> None:
    engine = read(f"pxe-prompt=P\ndhcp-range=10.5.0.0,proxy,{mask}\n")
    assert list(engine.ranges.places) == ["eth0"]


def test_an_address_that_is_given_counts() -> None:
    found, _ = place(config(SEED1), [], IPv4Interface("10.88.0.7/24"))
    assert found[0].networks == (IPv4Interface("10.88.0.7/24"),)


def test_a_menu_that_comes_on_4011_is_followed() -> None:
    engine = read(
        "pxe-service=7,One,a.efi\npxe-service=7,Two,b.efi\ndhcp-boot=c.efi\n"
        "dhcp-range=10.5.0.1,proxy\n"
    )
    titles = [step.title for step in explain_boot(engine, Client(arch=7), "eth0").steps]
    assert titles[2] == "REQUEST on port 4011 for the menu's entry 'One' (type 32768)"


def test_nothing_is_asked_for_a_menu_s_entry_that_is_the_local_disk() -> None:
    engine = read("pxe-service=x86PC,Disk,0\npxe-service=x86PC,A,a\ndhcp-range=10.5.0.1,proxy\n")
    (offer,) = explain_boot(engine, Client(arch=0), "eth0").steps
    assert offer.notes[-1] == "nothing more is asked: the menu's entry 'Disk' is the local disk"


def test_a_datagram_that_is_none_is_explained_as_silence() -> None:
    engine = read("pxe-prompt=P\ndhcp-range=10.5.0.1,proxy\n")
    arrival = Arrival(interface="eth0", port=67, source=IPv4Address(0), source_port=68)
    assert explain_packet(engine, b"\1" * 100, arrival).steps[0].silence
