"""`fastpxe watch`."""

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from fastpxe.cli.admin_client import URL, AdminClient, BootUpdate
from fastpxe.cli.config_args import Commands
from fastpxe.monitor.journal import MACHINES_MAX, STAGES, Boot

if TYPE_CHECKING:
    from fastpxe.monitor.watch_table import Filter, Order

NO_TERMINAL_COLUMNS = 160


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
    from fastpxe.monitor.watch_table import Filter  # noqa: PLC0415 - rich is for this command alone

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
    server = AdminClient(parsed.url, parsed.token_file)
    for news in [BootUpdate(server.boots())] if parsed.once else server.news():
        for boot in news.boots:
            if told.is_new(boot) and wanted.takes(boot):
                print(msgspec.json.encode(boot).decode(), flush=True)


def _show(parsed: argparse.Namespace, wanted: "Filter") -> None:
    from rich.console import Console, Group  # noqa: PLC0415 - see above
    from rich.live import Live  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    from fastpxe.monitor.watch_table import Watched, summary, table  # noqa: PLC0415 - see above

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=NO_TERMINAL_COLUMNS)
    server, watched = AdminClient(parsed.url, parsed.token_file), Watched()
    order: Order = parsed.sort
    if parsed.once or not console.is_terminal or console.is_dumb_terminal:
        watched.take(server.boots())
        console.print(table(watched.boots(wanted, order), time.time(), console.width))
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        for news in server.news():
            if news.is_all:
                watched = Watched()
            watched.take(news.boots)
            found = watched.boots(wanted, order)
            head = summary(found)
            if news.is_lost:
                head = f"no connection to {parsed.url}, trying again; before: {head}"
            shown = table(found[: max(1, console.height - 3)], time.time(), console.width)
            live.update(Group(Text(head), Text(), shown), refresh=True)
