"""`fastpxe serve`."""

import argparse

from fastpxe.cli import logging_setup
from fastpxe.cli.config_args import Commands, add_source, load, named

WORKERS_MAX = 64


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "serve",
        help="answer PXE clients and serve their files",
        description=(
            "Answer PXE clients on UDP 67 and 4011 and serve their files on UDP 69. Started as\n"
            "root, it becomes another user once the ports are bound.\n"
            "Without a configuration: every interface that is up, the boot files of FOG 1.6, and\n"
            "/tftpboot, or ./tftpboot when there is none. A change of the configuration's files,\n"
            "or SIGHUP, has it read again; a bad one is refused and the old one goes on."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  sudo fastpxe serve\n"
            "  sudo fastpxe serve -c fastpxe.toml\n"
            "  sudo kill -HUP $(pidof -x fastpxe)"
        ),
    )
    add_source(command)
    command.add_argument(
        "--log-level",
        choices=("debug", "info", "warning"),
        default="info",
        help="what to log: debug adds repeats of ignored clients; default %(default)s",
    )
    command.add_argument(
        "--log-format",
        choices=("text", "json", "journal"),
        help="text, an object of JSON a line, or text with priorities; default: what fits",
    )
    command.add_argument(
        "--no-watch",
        action="store_true",
        help="don't reload by itself when the configuration's files change",
    )
    command.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="worker processes; default: the cores that this process may use",
    )
    command.add_argument(
        "--user",
        type=_user,
        metavar="NAME",
        help=(
            "whom root becomes, root to stay root; default: user= of a dnsmasq configuration, "
            "or fastpxe if there is such a user, else nobody"
        ),
    )
    command.set_defaults(run=run)


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"1 to {WORKERS_MAX}")
    return number


def _user(text: str) -> str:
    if not text:  # of a variable that is not set, maybe: nobody else is meant by that
        raise argparse.ArgumentTypeError("a name, such as nobody")
    return text


def run(parsed: argparse.Namespace) -> int:
    """Serve until a signal."""
    from fastpxe.serve import startup  # noqa: PLC0415 - `fastpxe --help` needs no event loop
    from fastpxe.serve.system.cpu_quota import usable_cores  # noqa: PLC0415 - see above

    logging_setup.begin(parsed.log_level, parsed.log_format)
    path, dnsmasq_files = named(parsed)
    startup.run(
        lambda: load(parsed),
        parsed.workers or usable_cores(),
        parsed.user,
        watched=() if parsed.no_watch else (*([path] if path else []), *dnsmasq_files),
    )
    return 0
