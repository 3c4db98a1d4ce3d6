"""The `fastpxe` command: the only reader of arguments, the only printer, the only exit."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from fastpxe import __version__
from fastpxe.cli import check, doctor, explain, host, import_, serve, storm, watch
from fastpxe.cli.config_args import split_options
from fastpxe.errors import ConfigError, FastpxeError

EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130  # as a shell has it: 128 and SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status: 0, 1 for what failed, 2 for a refused configuration."""
    # The names of files and arguments may be no text.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    own, options = split_options(sys.argv[1:] if arguments is None else arguments)
    parsed = parser().parse_args(own)
    if options and "dnsmasq_options" not in parsed:
        parser().error("only commands that take a configuration take dnsmasq's options after --")
    parsed.dnsmasq_options = options
    try:
        status = _status_of(parsed)
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `fastpxe explain … | head`
        _print_no_more()
        return EXIT_FAILED
    except OSError as error:
        if parsed.run is serve.run:  # it prints nothing, so this is a fault of its own
            raise
        _print_no_more()
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_FAILED
    return status


def _status_of(parsed: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except ConfigError as error:
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except FastpxeError as error:
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_FAILED


def _print_no_more() -> None:
    """Have what is still to be printed go nowhere: at its end Python would complain once more."""
    with suppress(OSError, AttributeError):  # it has no descriptor, or was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="fastpxe",
        description="Network boot beside a DHCP server that you don't own: proxyDHCP and TFTP.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  sudo fastpxe serve -c /etc/fastpxe.toml",
    )
    top.add_argument("--version", action="version", version=f"fastpxe {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in (serve, watch, check, explain, host, doctor, import_, storm):
        command.add(commands)
    return top
