"""What firmware does with an offer: by rule, and as it was recorded; every user of the model."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple, cast, get_args

import dnsmasq_text
import msgspec
import pytest
from offers_and_steps import CASES, CLIENTS, FILE, TYPE, Case
from packets import NOWHERE, OUR_ADDRESS, message

from fastpxe.backend import NativeAnswers
from fastpxe.dhcp.pxe_options import MenuEntry
from fastpxe.dnsmasq.convert.sample_networks import sample_networks
from fastpxe.dnsmasq.engine.engine import Answer, Arrival
from fastpxe.dnsmasq.engine.log_labels import next_step_of
from fastpxe.dnsmasq.engine.message import read
from fastpxe.events import Decision
from fastpxe.firmware.boot import boot
from fastpxe.firmware.next_step import NextStep, has_menu, menu_of, next_step, step_after_ack
from fastpxe.firmware.offers import Firmware, boot_file, proxy_server, read_offer
from fastpxe.firmware.requests import Client
from fastpxe.policy import compiler, config
from fastpxe.policy.explain import Place, explain_boot

RECORDED = Path(__file__).parent / "recorded.txt"
EVERY = [(case, firmware) for case in CASES for firmware in CLIENTS]


def ids(value: object) -> str:
    return value.name if isinstance(value, Case) else str(value)


# --- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "firmware"), EVERY, ids=ids)
def test_the_step_after_each_offer(case: Case, firmware: Firmware) -> None:
    offer = read_offer(case.offer(OUR_ADDRESS))
    assert next_step(firmware, offer) == case.step(firmware)


@pytest.mark.parametrize(("case", "firmware"), EVERY, ids=ids)
def test_a_boot_that_is_followed_asks_what_the_step_says(case: Case, firmware: Firmware) -> None:
    """The proof of an import is made of such boots."""
    asked: list[int] = []
    ack = message((53, b"\5"), (54, OUR_ADDRESS.packed), (60, b"PXEClient"),
                  op=2, siaddr=OUR_ADDRESS, file=b"of-4011.efi")  # fmt: skip

    def ask(datagram: bytes, port: int, source: IPv4Address, source_port: int) -> bytes:
        del source, source_port
        asked.append(port)
        item = read(datagram).boot_item
        assert item in (None, TYPE.to_bytes(2) + b"\0\0")
        assert (item is None) == (port == 67 or not menu)
        return case.offer(OUR_ADDRESS) if port == 67 else ack

    menu = menu_of(firmware, read_offer(case.offer(OUR_ADDRESS)))
    outcome = boot(CLIENTS[firmware], OUR_ADDRESS, ask, is_steered=False)
    step = case.step(firmware)
    files = {"fetch": FILE, "4011": "of-4011.efi", "menu": "of-4011.efi"}
    assert outcome.file == files.get(step, "")
    assert outcome.kind == {"none": "nothing", "local": "local"}.get(step, "file")
    assert (4011 in asked) == (step in ("4011", "menu"))


def test_the_table_has_every_step() -> None:
    assert {case.step(kind) for case in CASES for kind in CLIENTS} == set(get_args(NextStep))


@pytest.mark.parametrize(("case", "firmware"), EVERY, ids=ids)
def test_the_log_of_dnsmasq_s_answers_has_the_step(case: Case, firmware: Firmware) -> None:
    engine, (network,) = sample_networks(
        dnsmasq_text.read("dhcp-range=192.0.2.0,proxy\npxe-prompt=x\n")
    )
    discover = CLIENTS[firmware].discover()
    arrival = Arrival(interface=network.interface, port=67, source=NOWHERE, source_port=68)
    answer = engine.answer(discover, arrival)
    assert isinstance(answer, Answer)
    replaced = msgspec.structs.replace(answer, data=case.offer(OUR_ADDRESS))
    assert next_step_of(replaced) == case.step(firmware)


# --- as it was recorded -------------------------------------------------------------------------


class Recorded(NamedTuple):
    firmware: Firmware
    answer: str
    step: str
    capture: str
    message: bytes


def recorded() -> list[Recorded]:
    lines = RECORDED.read_text().splitlines()
    rows = [line.split(" | ") for line in lines if not line.startswith("#")]
    return [
        Recorded(cast("Firmware", firmware), answer, step, capture, bytes.fromhex(text))
        for firmware, answer, step, capture, text in rows
    ]


@pytest.mark.parametrize(
    "row", recorded(), ids=lambda row: f"{row.capture}-{row.firmware}-{row.answer}"
)
def test_the_model_does_what_real_firmware_did(row: Recorded) -> None:
    offer = read_offer(row.message)
    assert _step(row) == row.step.split()[0]
    match row.step.split():
        case ["fetch", url] if "://" in url:
            file = boot_file(row.firmware, offer)
            assert file is not None
            assert file.file == url
        case ["fetch", server, name]:
            file = boot_file(row.firmware, offer)
            assert file is not None
            assert (file.server, file.file) == (server, name)
        case ["4011", server, "item", kind]:
            entry = menu_of(row.firmware, offer)[0]
            assert entry.type == int(kind, 16)
            assert str(proxy_server(row.firmware, offer)) == server
        case ["4011", server]:
            assert not has_menu(row.firmware, offer)
            assert str(proxy_server(row.firmware, offer)) == server


def _step(row: Recorded) -> NextStep:
    offer = read_offer(row.message)
    if row.answer == "offer":
        return next_step(row.firmware, offer)
    if row.answer == "ack":
        return step_after_ack(row.firmware, offer)
    return "none" if boot_file(row.firmware, offer) is None else "fetch"


def test_every_kind_of_step_was_recorded() -> None:
    steps = {(row.firmware, row.answer, row.step.split()[0]) for row in recorded()}
    for firmware in ("uefi", "ipxe"):
        assert {(firmware, "offer", step) for step in ("fetch", "4011", "none")} <= steps
        assert {(firmware, "ack", "fetch"), (firmware, "item", "fetch")} <= steps
    assert {("http", "offer", "fetch"), ("http", "offer", "none")} <= steps


# --- other answers ------------------------------------------------------------------------------


def test_entries_that_nobody_sees_are_not_to_choose_from() -> None:
    entries = {case.name: menu_of("uefi", read_offer(case.offer(OUR_ADDRESS))) for case in CASES}
    assert entries["a file at once, the disk unseen"] == (MenuEntry(TYPE, "Boot"),)
    assert entries["the disk or a file"] == (MenuEntry(TYPE, "Boot"), MenuEntry(0, "Disk"))
    assert entries["use the file, not the menu"] == ()


def test_http_boot_takes_a_url_of_its_own_class_alone() -> None:
    def step(family: bytes) -> NextStep:
        return next_step("http", read_offer(message((60, family), (67, b"http://h/a.efi\0"), op=2)))

    assert (step(b"HTTPClient"), step(b"PXEClient")) == ("fetch", "none")
    assert next_step("http", read_offer(message((60, b"HTTPClient"), op=2))) == "none"


@pytest.mark.parametrize(("mark", "step"), [(compiler.RPI, "fetch"), (compiler.DIRECT, "none")])
def test_a_raspberry_pi_looks_for_its_name(mark: bytes, step: NextStep) -> None:
    offer = read_offer(message((60, b"PXEClient"), (43, mark), op=2, file=b"bootcode.bin"))
    assert next_step("rpi", offer) == step


@pytest.mark.parametrize(
    ("firmware", "fields", "step"),
    [
        ("uefi", {"file": b"a"}, "fetch"),
        ("uefi", {}, "none"),
        ("bios", {"file": b"a"}, "fetch"),
        ("ipxe", {"file": b"a", "siaddr": OUR_ADDRESS}, "fetch"),
        ("ipxe", {"file": b"a"}, "none"),
        ("ipxe", {"file": b"http://h/a"}, "none"),
    ],
)
def test_an_ack_is_not_asked_for_again(
    firmware: Firmware, fields: dict[str, bytes], step: NextStep
) -> None:
    for options in ((60, b"PXEClient"),), ():
        ack = read_offer(message((54, OUR_ADDRESS.packed), *options, op=2, **fields))  # type: ignore[arg-type]  # names are Header's
        assert step_after_ack(firmware, ack) == step


# --- fastpxe's own answers ----------------------------------------------------------------------

ITEMS = """
prompt = "Go"
timeout_s = {timeout}
item = [{{text = "A", file = "a"}}, {{text = "Disk", local = true}}]
"""


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize(
    "rule",
    ['file = "a"', 'file = "a"\nstyle = "direct"', 'file = "a"\nstyle = "binl"',
     *(ITEMS.format(timeout=timeout) for timeout in (0, 5, 255))],
    ids=["auto", "direct", "binl", "at once", "soon", "waits"],
)  # fmt: skip
def test_the_log_and_the_explanation_say_what_the_reply_leads_to(rule: str, client: Client) -> None:
    compiled = compiler.build(config.parse(f"[[boot]]\n{rule}", "t"), [OUR_ADDRESS])
    answers = NativeAnswers(compiled, {"eth0": OUR_ADDRESS})
    native = answers.responder("eth0")
    reason, reply, to, to_port, rule, index = native.decide(
        client.discover(), port=67, source=0, source_port=68, address=int(OUR_ADDRESS)
    )
    assert reason == 0
    step = next_step(client.firmware, read_offer(reply))
    decision = Decision(
        reason=0, message_type=1, ipxe=client.ipxe, arch=client.arch, rule=rule, reply=index, to=to,
        to_port=to_port, siaddr=int.from_bytes(reply[20:24]), xid=0, interface=1, port=67, htype=1,
        chaddr=client.mac, identity=b"", at_ns=0,
    )  # fmt: skip
    assert answers.describe(decision, "eth0", wants_details=False).next_step == step
    steps = explain_boot(compiled, client, Place(address=OUR_ADDRESS)).steps
    is_local = menu_of(client.firmware, read_offer(reply))[:1] == (MenuEntry(0, "Disk"),)
    assert (len(steps) == 2) == (step in ("4011", "menu") and not is_local)
