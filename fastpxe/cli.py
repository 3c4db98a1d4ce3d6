"""The `fastpxe` command: the only reader of arguments, the only printer, the only exit."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fastpxe import __version__, config
from fastpxe.config import Config
from fastpxe.errors import ConfigError, StartError

EXIT_FAILED = 1
EXIT_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status: 0, 1 for what failed, 2 for a refused configuration."""
    parsed = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except ConfigError as error:
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except StartError as error:
        print(f"fastpxe: {error}", file=sys.stderr)
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastpxe",
        description="Network boot beside a DHCP server that you don't own: proxyDHCP and TFTP.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  sudo fastpxe serve -c /etc/fastpxe.toml",
    )
    parser.add_argument("--version", action="version", version=f"fastpxe {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(commands)
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser(
        "serve",
        help="answer PXE clients and serve their files",
        description=(
            "Answer PXE clients on UDP 67 and 4011 and serve their files on UDP 69.\n"
            "Without -c: every interface that is up, the boot files of FOG 1.6, and /tftpboot,\n"
            "or ./tftpboot when there is none. SIGHUP reads the configuration again; a bad one\n"
            "is refused and the old one goes on."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  sudo fastpxe serve\n"
            "  sudo fastpxe serve -c fastpxe.toml\n"
            "  sudo kill -HUP $(pidof -x fastpxe)"
        ),
    )
    serve.add_argument("-c", "--config", metavar="FILE", help="a fastpxe.toml")
    serve.add_argument(
        "--log-level",
        choices=("debug", "info", "warning"),
        default="info",
        help="what to log: debug adds repeats of ignored clients; default %(default)s",
    )
    serve.set_defaults(run=_serve)


def _serve(parsed: argparse.Namespace) -> int:
    from fastpxe.serve import app  # noqa: PLC0415 - `fastpxe --help` needs no event loop

    logging.basicConfig(
        level=parsed.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    app.run(lambda: _load(parsed.config))
    return 0


def _load(path: str | None) -> Config:
    if path is None:
        return config.default_config()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"can't be read: {reason}", where=path) from None
    return config.parse(text, path)
