"""`fastpxe watch`."""

import argparse
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fastpxe.cli.source import Commands
from fastpxe.errors import FastpxeError
from fastpxe.journal import Boot

if TYPE_CHECKING:
    from fastpxe.watching import Filter, Order

URL = "http://127.0.0.1:8067"
TIMEOUT_S = 10.0  # the server says something every second
AGAIN_S = 0.2


class NoServer(FastpxeError):  # noqa: N818 - what there isn't
    """No server to watch; the text says what to do."""


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
        "--stage", action="append", default=[], metavar="STAGE",
        help="only machines at this stage, such as stuck; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--sort", choices=("seen", "began", "mac", "stage"), default="seen",
        help="what stands on top: seen last, began last, or by name; default %(default)s",
    )  # fmt: skip
    command.add_argument(
        "--once",
        action="store_true",
        help="show what there is now, and end; so it does where no terminal is",
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
    return 0


def _print_json(parsed: argparse.Namespace, wanted: "Filter") -> None:
    for boots in _changes(parsed):
        for boot in boots:
            if wanted.takes(boot):
                print(msgspec.json.encode(boot).decode(), flush=True)


def _show(parsed: argparse.Namespace, wanted: "Filter") -> None:
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.live import Live  # noqa: PLC0415 - see above

    from fastpxe.watching import Watched, table  # noqa: PLC0415 - see above

    console = Console()
    watched = Watched()
    order: Order = parsed.sort
    if parsed.once or not console.is_terminal:
        watched.take(next(_changes(parsed)))
        console.print(table(watched.boots(wanted, order), time.time()))
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        for boots in _changes(parsed):
            watched.take(boots)
            shown = watched.boots(wanted, order)[: max(1, console.height - 4)]
            live.update(table(shown, time.time()), refresh=True)


def _changes(parsed: argparse.Namespace) -> Iterator[list[Boot]]:
    """The boots that changed, about once a second; with `once` or at first, all of them.

    After a reload of the server another process answers, so whoever was cut off asks again.
    """
    if parsed.once:
        with _opened(parsed, "/api/boots") as response:
            yield msgspec.json.decode(response.read(), type=list[Boot])
        return
    heard_at = time.monotonic()
    while time.monotonic() - heard_at < TIMEOUT_S:
        with suppress(http.client.HTTPException), _opened(parsed, "/api/events") as response:
            for line in response:
                heard_at = time.monotonic()
                if line.startswith(b"data: "):
                    yield msgspec.json.decode(line[6:], type=list[Boot])
                elif line.startswith(b":"):
                    yield []
        time.sleep(AGAIN_S)
    raise NoServer(f"{parsed.url}: the server says nothing more")


@contextmanager
def _opened(parsed: argparse.Namespace, path: str) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request, to be read. Raises NoServer, and HTTPException if it is cut off."""
    request = urllib.request.Request(f"{parsed.url.rstrip('/')}{path}")  # noqa: S310 - see _opener
    if parsed.token_file:
        request.add_header("Authorization", f"Bearer {_token(parsed.token_file)}")
    try:
        with _opener().open(request, timeout=TIMEOUT_S) as response:
            yield response
    except urllib.error.HTTPError as error:
        raise NoServer(f"{parsed.url}: {error.code}: {error.read().decode().strip()}") from None
    except ConnectionResetError as error:
        raise http.client.HTTPException(str(error)) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise NoServer(
            f"{parsed.url}: {reason}; is `fastpxe serve` running, and is [admin] enabled there?"
        ) from None


def _opener() -> urllib.request.OpenerDirector:
    """HTTP alone, and by no proxy: the token goes to the server and nowhere else."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoServer(f"{path}: {error.strerror}") from None
