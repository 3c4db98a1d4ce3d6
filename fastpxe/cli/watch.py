"""`fastpxe watch`."""

import argparse
import http.client
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fastpxe.cli.source import Commands
from fastpxe.errors import FastpxeError
from fastpxe.journal import MACHINES_MAX, STAGES, Boot
from fastpxe.paths import printable
from fastpxe.tables import TOKEN_MIN

if TYPE_CHECKING:
    from fastpxe.watching import Filter, Order

URL = "http://127.0.0.1:8067"
TIMEOUT_S = 10.0  # the server says something every second
AGAIN_S = 1.0
NO_TERMINAL_COLUMNS = 160
NO_FASTPXE = "no fastpxe answers there"
TEXT_MAX = 200  # bytes of what a server says to its refusal
JSON, EVENTS = "application/json", "text/event-stream"


class NoServer(FastpxeError):  # noqa: N818 - what there isn't
    """No server to watch; the text says what to do."""


class Refused(NoServer):
    """A server that doesn't want to be watched; another try wouldn't help."""


class News(NamedTuple):
    """The boots that changed, or all of them; `is_lost`: none, for there is no connection."""

    boots: list[Boot]
    is_all: bool = False
    is_lost: bool = False


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "watch",
        help="show live who is booting, at which stage, and what went wrong",
        description=(
            "Show the machines that boot from a running server: stage, file, how far the download\n"
            "is, and what is wrong with those that are stuck. It asks the server's [admin] port."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  fastpxe watch\n"
            "  fastpxe watch --stage stuck --sort began\n"
            "  fastpxe watch --only 52:54:00 --json\n"
            "  fastpxe watch --url http://10.0.0.2:8067 --token-file /etc/fastpxe.token"
        ),
    )
    command.add_argument(
        "--url", default=URL, help="the server's [admin] port; default %(default)s"
    )
    command.add_argument("--token-file", metavar="FILE", help="holds the token of [admin]")
    command.add_argument(
        "--only", metavar="TEXT", default="",
        help="only machines with this in their MAC, UUID, address, rule or file",
    )  # fmt: skip
    command.add_argument(
        "--stage", action="append", default=[], metavar="STAGE", choices=STAGES,
        help=f"only machines at this stage; may be repeated; one of {', '.join(STAGES)}",
    )  # fmt: skip
    command.add_argument(
        "--sort", choices=("seen", "began", "mac", "stage"), default="seen",
        help="what stands on top: seen last, began last, or by name; default %(default)s",
    )  # fmt: skip
    command.add_argument(
        "--once",
        action="store_true",
        help="show what there is now, and end; so it does where no terminal is, or a dumb one",
    )
    command.add_argument(
        "--json", action="store_true", help="print each boot that changed, a line of JSON each"
    )
    command.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Watch until interrupted."""
    from fastpxe.watching import Filter  # noqa: PLC0415 - rich is for this command alone

    wanted = Filter(text=parsed.only.lower(), stages=frozenset(parsed.stage))
    try:
        if parsed.json:
            _print_json(parsed, wanted)
        else:
            _show(parsed, wanted)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # whoever read it, such as head(1), has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class Told:
    """The last boots that were told of: after a connection that was lost, all come again.

    There are as many as a server remembers; those that were told of first are forgotten.
    """

    def __init__(self) -> None:
        self._boots: dict[str, Boot] = {}

    def is_new(self, boot: Boot) -> bool:
        """Whether it differs from what was told of its machine; it is told now."""
        before = self._boots.pop(boot.mac, None)
        self._boots[boot.mac] = boot
        if len(self._boots) > MACHINES_MAX:
            del self._boots[next(iter(self._boots))]
        return before != boot


def _print_json(parsed: argparse.Namespace, wanted: "Filter") -> None:
    told = Told()
    for news in [_first(parsed)] if parsed.once else _followed(parsed):
        for boot in news.boots:
            if told.is_new(boot) and wanted.takes(boot):
                print(msgspec.json.encode(boot).decode(), flush=True)


def _show(parsed: argparse.Namespace, wanted: "Filter") -> None:
    from rich.console import Console, Group  # noqa: PLC0415 - see above
    from rich.live import Live  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    from fastpxe.watching import Watched, summary, table  # noqa: PLC0415 - see above

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=NO_TERMINAL_COLUMNS)
    watched = Watched()
    order: Order = parsed.sort
    if parsed.once or not console.is_terminal or console.is_dumb_terminal:
        watched.take(_first(parsed).boots)
        console.print(table(watched.boots(wanted, order), time.time(), console.width))
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        for news in _followed(parsed):
            if news.is_all:
                watched = Watched()
            watched.take(news.boots)
            found = watched.boots(wanted, order)
            head = summary(found)
            if news.is_lost:
                head = f"no connection to {parsed.url}, trying again; before: {head}"
            shown = table(found[: max(1, console.height - 3)], time.time(), console.width)
            live.update(Group(Text(head), Text(), shown), refresh=True)


def _first(parsed: argparse.Namespace) -> News:
    """All boots that there are now."""
    for news in _changes(parsed):
        return news
    raise Refused(f"{parsed.url}: {NO_FASTPXE}")


def _followed(parsed: argparse.Namespace) -> Iterator[News]:
    """The changes for ever: a server that reloads or is started again ends each connection."""
    was_there = False
    while True:
        try:
            for news in _changes(parsed):
                was_there = True
                yield news
        except Refused:
            raise
        except NoServer:
            if not was_there:
                raise
            yield News([], is_lost=True)
        if not was_there:
            raise Refused(f"{parsed.url}: {NO_FASTPXE}")
        time.sleep(AGAIN_S)


def _changes(parsed: argparse.Namespace) -> Iterator[News]:
    """The boots that changed, about once a second; with `once` or at first, all of them."""
    url = parsed.url
    token = _token(parsed.token_file) if parsed.token_file else None
    try:
        yield from _asked(url, token, once=parsed.once)
    except urllib.error.HTTPError as error:
        raise Refused(f"{url}: {error.code}: {_text_of(error)}") from None
    except msgspec.MsgspecError:
        raise Refused(f"{url}: {NO_FASTPXE}") from None
    except (ValueError, http.client.InvalidURL):  # a host's name may be none, too
        raise Refused(f"{url}: no URL of a server; write one such as {URL}") from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise NoServer(
            f"{url}: {reason}; is `fastpxe serve` running, and is [admin] enabled there?"
        ) from None


def _asked(url: str, token: str | None, *, once: bool) -> Iterator[News]:
    """What a server says. Raises ValueError for no URL, MsgspecError for what is no news."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(url)
    path, kind = ("/api/boots", JSON) if once else ("/api/events", EVENTS)
    request = urllib.request.Request(f"{url.rstrip('/')}{path}")  # noqa: S310 - see _opener
    if token is not None:
        # As the server reads it; http.client would write Latin-1.
        request.add_header("Authorization", f"Bearer {token}".encode().decode("latin-1"))
    is_all = True
    with _opener().open(request, timeout=TIMEOUT_S) as response:
        if response.headers.get_content_type() != kind:
            raise msgspec.DecodeError(kind)
        if once:
            yield News(msgspec.json.decode(response.read(), type=list[Boot]), is_all)
            return
        for line in response:
            if line.startswith(b"data: "):
                yield News(msgspec.json.decode(line[6:], type=list[Boot]), is_all)
            elif line.startswith(b":"):
                yield News([], is_all)
            is_all = False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address is an error: whoever is there is to see no token."""

    def redirect_request(self, *_: object) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    """HTTP alone, and by no proxy: the token goes to the server and nowhere else."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def _text_of(error: urllib.error.HTTPError) -> str:
    """What a server says to its refusal, for a terminal."""
    try:
        return printable(error.read(TEXT_MAX).strip())
    except (OSError, http.client.HTTPException):
        return ""


def _token(path: str) -> str:
    """A token, which is not to be seen in any message. Raises Refused."""
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path}: not UTF-8 text") from None
    if re.search(r"[\x00-\x1f\x7f]", token):
        raise Refused(f"{path}: a token is one line")
    if len(token) < TOKEN_MIN:
        raise Refused(f"{path}: a token has {TOKEN_MIN} characters or more")
    return token
