"""The `fastpxe` command: the only reader of arguments, the only printer, the only exit."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence

from fastpxe import __version__
from fastpxe.cli import check, doctor, explain, host, import_, serve, storm, watch
from fastpxe.cli.source import split_options
from fastpxe.errors import ConfigError, FastpxeError

EXIT_FAILED = 1
EXIT_REFUSED = 2


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
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except ConfigError as error:
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except FastpxeError as error:
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:  # `fastpxe explain … | head`
        sys.stderr.close()
        return EXIT_FAILED


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
