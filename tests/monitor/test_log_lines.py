"""The log lines: a stage, then what an operator looks for, and nothing that a client can forge."""

import logging
from ipaddress import IPv4Address

import msgspec
import pytest

from fastpxe.events import (
    Answered,
    Event,
    HttpServed,
    Ignored,
    Notice,
    Outcome,
    Sender,
    TransferDone,
    TransferRefused,
)
from fastpxe.monitor.log_lines import Repeats, describe

DELL = Sender(
    mac="18:66:da:01:02:03",
    xid=0x1234,
    port=67,
    message_type=1,
    arch=7,
    ipxe=False,
    uuid=bytes.fromhex("0044454c4c38001036804ec4c04f4a5831"),
)


def answered(sender: Sender) -> Answered:
    return Answered(
        interface="eth0",
        sender=sender,
        rule="Dell E6230",
        file="intel.efi",
        server=IPv4Address("10.0.0.2"),
        to=(IPv4Address("255.255.255.255"), 68),
    )


def transfer(outcome: Outcome, error: str = "") -> TransferDone:
    return TransferDone(
        interface="eth0",
        client=(IPv4Address("10.0.0.9"), 2070),
        file="intel.efi",
        options={"blksize": 1468},
        size_bytes=900_000,
        duration_s=0.25,
        retransmits=3,
        outcome=outcome,
        error=error,
    )


@pytest.mark.parametrize(
    ("status", "error", "level", "stage"),
    [
        (200, "", logging.INFO, "done"),
        (206, "", logging.INFO, "done"),
        (304, "", logging.INFO, "done"),
        (200, "the client went away", logging.WARNING, "aborted"),
        (404, "no such file", logging.WARNING, "refused"),
    ],
)
def test_an_http_line_says_what_was_asked_and_how_it_ended(
    status: int, error: str, level: int, stage: str
) -> None:
    event = HttpServed(
        interface="eth0", client=(IPv4Address("10.0.0.9"), 2070), file="/a b.efi", method="GET",
        status=status, size_bytes=900, duration_s=0.25, error=error,
    )  # fmt: skip
    why = f' why="{error}"' if error else ""
    assert describe(event) == (
        level,
        (f'http-{stage} client=10.0.0.9:2070 method=GET file="/a b.efi" status={status} bytes=900 '
        f"seconds=0.250 interface=eth0{why}"),
    )  # fmt: skip


def test_an_offer_line_says_who_got_what_and_why() -> None:
    assert describe(answered(DELL)) == (
        logging.INFO,
        ('offer mac=18:66:da:01:02:03 arch=uefi-x64(7) uuid=4c4c4544-0038-3610-804e-c4c04f4a5831 '
        "option97=00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31 xid=00001234 "
        'rule="Dell E6230" file=intel.efi server=10.0.0.2 to=255.255.255.255:68 interface=eth0'),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message_type", "port", "stage"),
    [(1, 67, "offer"), (1, 4011, "offer"), (3, 4011, "ack"), (3, 67, "boot-server-ack")],
)
def test_each_stage_has_its_word(message_type: int, port: int, stage: str) -> None:
    sender = msgspec.structs.replace(DELL, message_type=message_type, port=port)
    assert describe(answered(sender))[1].split()[0] == stage


def test_option_97_of_any_length_is_written_whole() -> None:
    odd = msgspec.structs.replace(DELL, uuid=bytes(range(1, 60)))
    line = describe(answered(odd))[1]
    assert f"option97={bytes(range(1, 60)).hex(':')}" in line
    assert "uuid=" not in line


def test_a_client_without_option_97_or_arch_is_described_without() -> None:
    line = describe(answered(msgspec.structs.replace(DELL, uuid=b"", arch=None)))[1]
    assert "option97" not in line
    assert "arch=none" in line


def test_ipxe_and_an_unknown_arch_are_named() -> None:
    line = describe(answered(msgspec.structs.replace(DELL, ipxe=True, arch=999)))[1]
    assert "arch=unknown(999) ipxe=yes" in line


def test_an_unknown_arch_is_a_warning_that_says_what_to_add() -> None:
    sender = msgspec.structs.replace(DELL, arch=25)
    level, line = describe(Ignored(interface="eth0", sender=sender, reason="unknown_arch"))
    assert level == logging.WARNING
    assert line.startswith("ignored unknown_arch mac=18:66:da:01:02:03 arch=uefi-riscv32(25)")
    assert "arch = 25" in line


@pytest.mark.parametrize(
    ("outcome", "level"),
    [("done", logging.INFO), ("probe", logging.INFO), ("replaced", logging.INFO),
     ("timeout", logging.WARNING), ("client-error", logging.WARNING),
     ("truncated", logging.WARNING)],
)  # fmt: skip
def test_only_what_went_wrong_warns(outcome: Outcome, level: int) -> None:
    assert describe(transfer(outcome)) == (
        level,
        (
            f"tftp-{outcome} client=10.0.0.9:2070 file=intel.efi bytes=900000 seconds=0.250 "
            "retransmits=3 blksize=1468 interface=eth0"
        ),
    )


def test_control_characters_off_the_wire_are_written_as_escapes() -> None:
    refused = TransferRefused(
        interface="eth0",
        client=(IPv4Address("10.0.0.9"), 2070),
        file='x\n2026-01-01 INFO offer mac="',
        code=1,
        why="no such file",
    )
    line = describe(refused)[1]
    assert "\n" not in line
    assert r'file="x\n2026-01-01 INFO offer mac=\""' in line


@pytest.mark.parametrize(
    ("file", "code", "level"),
    [
        ("autoexec.ipxe", 1, logging.DEBUG),
        ("x64/autoexec.ipxe", 1, logging.DEBUG),
        ("autoexec.ipxe", 2, logging.WARNING),
        ("boot.ipxe", 1, logging.WARNING),
    ],
)
def test_a_missing_autoexec_ipxe_is_routine(file: str, code: int, level: int) -> None:
    refused = TransferRefused(
        interface="eth0", client=(IPv4Address("10.0.0.9"), 2070), file=file, code=code, why="no"
    )
    assert describe(refused)[0] == level


def test_a_notice_is_said_as_it_is() -> None:
    assert describe(Notice(interface="", text="12 answers")) == (logging.WARNING, "12 answers")


def test_an_unknown_event_is_an_error_of_ours() -> None:
    with pytest.raises(TypeError):
        describe(Event(interface="eth0"))


def test_an_ignored_client_is_new_once_for_each_reason() -> None:
    repeats = Repeats()
    first = Ignored(interface="eth0", sender=DELL, reason="unknown_arch")
    again = msgspec.structs.replace(first, sender=msgspec.structs.replace(DELL, xid=9))
    other = msgspec.structs.replace(first, reason="no_rule")
    assert [repeats.is_new(e) for e in (first, again, other, first)] == [True, False, True, False]


def test_answers_are_always_new() -> None:
    repeats = Repeats()
    assert repeats.is_new(answered(DELL))
    assert repeats.is_new(answered(DELL))


def test_the_memory_for_repeats_is_bounded() -> None:
    repeats = Repeats(limit=2)
    clients = [
        Ignored(
            interface="eth0",
            sender=msgspec.structs.replace(DELL, mac=f"18:66:da:00:00:0{n}"),
            reason="no_rule",
        )
        for n in range(3)
    ]
    assert all(repeats.is_new(client) for client in clients)
    assert repeats.is_new(clients[0])
    assert not repeats.is_new(clients[2])
