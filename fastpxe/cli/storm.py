"""`fastpxe storm`."""

import argparse
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

import msgspec

from fastpxe.cli.config_args import Commands, add_json
from fastpxe.dhcp.constants import HTTP_ARCHES
from fastpxe.errors import FastpxeError
from fastpxe.storm import plot as storm_plot
from fastpxe.storm import report as storm_report
from fastpxe.storm.plan import DEFAULT_MIX, BadPlan, Kind, Plan, parse_mix
from fastpxe.storm.report import Result

EXIT_CLEAN, EXIT_NOT_CLEAN = 0, 1
MAX_WAIT_S = 60
MAX_AT_ONCE = 1000
BAR_WIDTH = 30
REDRAW_S = 0.1


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "storm",
        help="rehearse a boot storm: many simulated clients at once",
        description=(
            "Rehearse a boot storm: simulated clients ask as their firmware does, and are counted\n"
            "when they are answered, left out, or answered twice.\n"
            "\n"
            "THIS LOADS THE NETWORK AND EVERY DHCP SERVER ON IT. Only for networks that you own:\n"
            "an ordinary DHCP server that hears the broadcasts sets an address aside for each\n"
            "client. Needs root, or CAP_NET_RAW, CAP_NET_BIND_SERVICE and CAP_NET_ADMIN.\n"
            "\n"
            "Exit status: 0 when every client was answered once and got its file, 1 otherwise."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  sudo fastpxe storm --interface eth0 --clients 500\n"
            "  sudo fastpxe storm --interface eth0 --clients 5000 --rate 1000 --plot storm.svg\n"
            "  sudo fastpxe storm --interface eth0 --clients 200 --retries --download\n"
            "  sudo fastpxe storm --interface eth0 --via relay --server 10.0.0.2 --clients 1000\n"
            "  sudo fastpxe storm --interface eth0 --arch-mix uefi-x64:60,bios:20,bios+ipxe:20"
        ),
    )
    add_storm(command)
    add_json(command)
    command.set_defaults(run=run)


def add_storm(command: argparse.ArgumentParser) -> None:
    """Add the flags that describe the storm."""
    command.add_argument("--interface", required=True, metavar="NAME", help="where to send")
    command.add_argument(
        "--clients", type=int, default=100, metavar="N", help="how many; default %(default)s"
    )
    speed = command.add_mutually_exclusive_group()
    speed.add_argument("--rate", type=float, default=0, metavar="N", help="first requests a second")
    speed.add_argument("--at-once", action="store_true", help="as fast as possible; the default")
    command.add_argument(
        "--arch-mix",
        type=_mix,
        default=parse_mix(DEFAULT_MIX),
        metavar="MIX",
        help=f"architectures and their weights, +ipxe for iPXE; default {DEFAULT_MIX}",
    )
    command.add_argument(
        "--via",
        choices=("broadcast", "relay", "4011"),
        default="broadcast",
        help="how to ask: as clients here, as the relay of another network, or the second step",
    )
    command.add_argument(
        "--server", type=IPv4Address, metavar="ADDRESS", help="whom to ask, with relay and 4011"
    )
    command.add_argument(
        "--retries", action="store_true", help="repeat unanswered requests when firmware does"
    )
    command.add_argument(
        "--wait",
        type=_wait,
        default=3.0,
        metavar="SECONDS",
        help="for the last answers; iPXE waits no longer than the default, %(default)s",
    )
    command.add_argument(
        "--download",
        nargs="?",
        const="",
        metavar="FILE",
        help="then fetch over TFTP what was offered, or FILE, once for each answered client",
    )
    command.add_argument(
        "--downloads-at-once",
        type=_at_once,
        default=16,
        metavar="N",
        help="transfers at the same time; fastpxe serves %(default)s to one address by default",
    )
    command.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the latencies to FILE, .svg or .png"
    )


def _mix(text: str) -> tuple[Kind, ...]:
    try:
        return parse_mix(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _wait(text: str) -> float:
    if not 0 < float(text) <= MAX_WAIT_S:
        raise argparse.ArgumentTypeError(f"more than 0, at most {MAX_WAIT_S}")
    return float(text)


def _at_once(text: str) -> int:
    if not 1 <= int(text) <= MAX_AT_ONCE:
        raise argparse.ArgumentTypeError(f"1 to {MAX_AT_ONCE}")
    return int(text)


class NotWritten(FastpxeError):  # noqa: N818 - what became of it
    """A picture that can't be saved."""


def run(parsed: argparse.Namespace) -> int:
    """Rehearse, print the report, and draw."""
    plan = plan_of(parsed)
    if parsed.plot is not None:
        storm_plot.check(parsed.plot.suffix)
        check_place(parsed.plot)
    result = rehearsed(plan, parsed)
    if parsed.json:
        print(storm_report.json(result).decode())
    else:
        for line in storm_report.text(result):
            print(line)
    if parsed.plot is not None:  # last: what it fails by costs nobody the report
        save(storm_plot.picture(result, parsed.plot.suffix), parsed.plot)
    return EXIT_CLEAN if result.is_clean else EXIT_NOT_CLEAN


def plan_of(parsed: argparse.Namespace) -> Plan:
    """The storm that the flags describe. Raises BadPlan."""
    if parsed.download is not None and any(kind.arch in HTTP_ARCHES for kind in parsed.arch_mix):
        raise BadPlan("--download fetches over TFTP, not over HTTP")
    return Plan(
        kinds=parsed.arch_mix,
        clients=parsed.clients,
        rate=parsed.rate,
        via=parsed.via,
        server=parsed.server,
        retries=parsed.retries,
        wait_s=parsed.wait,
    )


def rehearsed(plan: Plan, parsed: argparse.Namespace) -> Result:
    """Run the storm, and the downloads when they were asked for."""
    # `fastpxe --help` needs no sockets.
    from fastpxe.net.interfaces import all_interfaces, select_interfaces  # noqa: PLC0415 - see above
    from fastpxe.probe.download import download  # noqa: PLC0415 - see above
    from fastpxe.probe.storm import rehearse  # noqa: PLC0415 - see above

    (interface,) = select_interfaces((parsed.interface,), all_interfaces())
    with Progress(plan.clients, "answered") as answered:
        result = rehearse(plan, interface, lambda seen: answered.show(seen.answered))
    if parsed.download is None or result.was_interrupted:
        return result
    offers = storm_report.files_to_fetch(result, parsed.download)
    with Progress(len(offers), "downloaded") as fetched:
        downloads = download(offers, interface, parsed.downloads_at_once, fetched.show)
    return msgspec.structs.replace(result, downloads=downloads)


def check_place(path: Path) -> None:
    """Raise NotWritten where no file can be written, before a storm is made for it."""
    try:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise NotWritten(f"{path}: {error.strerror}") from None


def save(picture: bytes, path: Path) -> None:
    """Write a picture. Raises NotWritten."""
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise NotWritten(f"{path}: {error.strerror}") from None


class Progress:
    """A bar on standard error while it is a terminal; nothing stays of it."""

    def __init__(self, total: int, verb: str) -> None:
        self._total = total
        self._verb = verb
        self._is_shown = sys.stderr.isatty()
        self._next_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def show(self, done: int) -> None:
        """Draw it, unless that was done a moment ago."""
        now = time.monotonic()
        if not self._is_shown or now < self._next_at:
            return
        self._next_at = now + REDRAW_S
        filled = BAR_WIDTH * done // max(self._total, 1)
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        text = f"\r{bar} {done:,} of {self._total:,} {self._verb}"
        print(text, end="", file=sys.stderr, flush=True)
