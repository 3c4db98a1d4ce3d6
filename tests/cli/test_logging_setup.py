"""How the log is written."""

import io
import json
import logging
from ipaddress import IPv4Address

import pytest
from wire_rig import ONE, Wire

from fastpxe.cli.logging_setup import _fitting, formatter
from fastpxe.events import Answered, Sender

SENDER = Sender(
    mac="52:54:00:12:34:56", xid=7, port=67, message_type=1, arch=7, ipxe=False,
    uuid=bytes([0, *range(16)]),
)  # fmt: skip
EVENT = Answered(
    interface="eth0", at=1.5, sender=SENDER, rule="r", file="f", server=IPv4Address("10.0.0.2"),
    to=(IPv4Address("255.255.255.255"), 68),
)  # fmt: skip


def record(level: int, text: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("fastpxe", level, "", 0, text, (), None)
    made.created = 1_700_000_000.5
    for name, value in extra.items():
        setattr(made, name, value)
    return made


def test_json_has_the_fields_of_the_event() -> None:
    line = formatter("json").format(record(logging.INFO, "offer x", event=EVENT))
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500+00:00",
        "level": "info",
        "message": "offer x",
        "event": "Answered",
        "interface": "eth0",
        "sender": {
            "mac": "52:54:00:12:34:56", "xid": 7, "port": 67, "message_type": 1, "arch": 7,
            "ipxe": False, "uuid": "00:00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f",
        },
        "details": [],
        "rule": "r",
        "file": "f",
        "server": "10.0.0.2",
        "next_step": "fetch",
        "to": ["255.255.255.255", 68],
    }  # fmt: skip


def test_json_of_anything_else_is_its_text_in_one_line() -> None:
    line = formatter("json").format(record(logging.WARNING, "two\nlines"))
    assert "\n" not in line
    assert json.loads(line)["message"] == "two\nlines"


@pytest.mark.parametrize(
    ("level", "number"), [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (40, 3)]
)
def test_the_journal_gets_a_priority(level: int, number: int) -> None:
    assert formatter("journal").format(record(level, "text")) == f"<{number}>text"


def test_without_a_journal_it_is_text() -> None:
    assert _fitting(io.StringIO(), {"JOURNAL_STREAM": "1:2"}) == "text"
    with open("/dev/null") as stream:  # noqa: PTH123 - what standard error may be
        assert _fitting(stream, {}) == "text"
        assert _fitting(stream, {"JOURNAL_STREAM": "1:2"}) == "text"


def test_json_of_a_fault_has_its_traceback() -> None:
    fault = ValueError("x")
    line = formatter("json").format(
        record(logging.ERROR, "it fails", exc_info=(ValueError, fault, None))
    )
    assert json.loads(line)["traceback"] == "ValueError: x"


@pytest.mark.netns
def test_a_server_writes_json_from_first_to_last(wire: Wire) -> None:
    wire.write(ONE)
    process = wire.start("-c", str(wire.config), "--log-format", "json")
    wire.ask()
    wire.wait_for(process, '"event": "Answered"')
    lines = [json.loads(line) for line in process.output().splitlines()]
    assert [line["level"] for line in lines] == ["warning", "info", "info"]
    assert lines[1]["message"].startswith("ready: ")
    assert lines[2]["sender"]["mac"] == "52:54:00:12:34:56"
