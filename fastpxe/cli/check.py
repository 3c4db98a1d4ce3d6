"""`fastpxe check`."""

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec

from fastpxe import check_native, findings, policy
from fastpxe.cli.source import Commands, add_json, add_source, load_native
from fastpxe.config import Config
from fastpxe.errors import FileRefused, MalformedPacket
from fastpxe.paths import relative_path
from fastpxe.serve.blocks import Root
from fastpxe.serve.roots import DEFAULT_ROOT

EXIT_CLEAN, EXIT_FINDINGS = 0, 1


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "check",
        help="validate a configuration and name its traps",
        description=(
            "Validate a configuration and name its traps: rules that never win, clients that\n"
            "get the wrong file or none, files that are missing.\n"
            "Exit status: 0 clean, 1 with findings, 2 when the configuration is refused."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  fastpxe check -c /etc/fastpxe.toml",
    )
    add_source(command)
    add_json(command)
    command.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print the findings."""
    config = load_native(parsed)
    found = check_native.check(config, policy.build(config, []), is_served(config))
    if parsed.json:
        print(msgspec.json.format(msgspec.json.encode({"findings": found})).decode())
    else:
        for line in findings.text(found):
            print(line)
        print(summary(len(found), config.source))
    return EXIT_FINDINGS if found else EXIT_CLEAN


def summary(count: int, source: str) -> str:
    """The last line."""
    if count == 0:
        return f"{source}: no finding"
    return f"{source}: {count} finding{'s' if count > 1 else ''}"


def is_served(config: Config) -> Callable[[str], bool] | None:
    """Whether a file would be found under the TFTP root; None when no root is here to look at."""
    path = config.tftp.root or DEFAULT_ROOT
    if not Path(path).is_dir():
        return None
    root = Root(path)

    def look(file: str) -> bool:
        try:
            root.open(relative_path(file.encode("ascii"))).close()
        except (FileRefused, MalformedPacket, OSError):
            return False
        return True

    return look
