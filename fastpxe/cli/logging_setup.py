"""How `fastpxe serve` writes its log: for a terminal, for journald, or for a machine.

Sources: sd-daemon(3) (a priority in front of a line), systemd.exec(5) ($JOURNAL_STREAM).
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec

from fastpxe.cli.log_handler import Outlet
from fastpxe.events import Event

Format = Literal["text", "json", "journal"]

_PRIORITIES = {
    logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7,
}  # fmt: skip


def begin(level: str, chosen: Format | None) -> None:
    """Write the log to standard error; without a choice as whoever reads it can take it."""
    handler = _handler(sys.stderr)
    handler.setFormatter(formatter(chosen or _fitting(sys.stderr, os.environ)))
    # Of the libraries no more than what went wrong: watchfiles would tell of each line of a log
    # beside the configuration.
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("fastpxe").setLevel(level.upper())


def _handler(stream: TextIO) -> logging.Handler:
    try:
        return Outlet(stream)
    except OSError:  # it has no descriptor
        return logging.StreamHandler(stream)


def formatter(chosen: Format) -> logging.Formatter:
    """What writes a line of that format."""
    if chosen == "json":
        return JsonFormatter()
    if chosen == "journal":
        return JournalFormatter("%(message)s")
    return logging.Formatter("%(asctime)s %(levelname)s %(message)s")


def _fitting(stream: TextIO, environment: Mapping[str, str]) -> Format:
    """Journald has a time of its own, and wants a priority."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return "text"
    is_journal = environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return "journal" if is_journal else "text"


class JournalFormatter(logging.Formatter):
    """A line with its priority in front, as journald reads it."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"


class JsonFormatter(logging.Formatter):
    """An object on each line: time, level, message, and the fields of the event, if it is one.

    A fault of fastpxe itself has its `traceback`. Bytes are written as hex digits with colons.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        event = getattr(record, "event", None)
        if isinstance(event, Event):
            fields = msgspec.to_builtins(event, builtin_types=(bytes,), enc_hook=str)
            line["event"] = fields.pop("type")
            line |= {key: _plain(value) for key, value in fields.items() if key != "at"}
        return json.dumps(line, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex(":")
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
