"""`fastpxe import`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastpxe.cli.config_args import DISK, Commands, add_json, add_source, load
from fastpxe.dnsmasq.convert.translate import Translation, files_of, translate
from fastpxe.dnsmasq.convert.verify import Verification, verify
from fastpxe.dnsmasq.syntax.comments import Comments, comments
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.errors import ConfigError, FastpxeError
from fastpxe.json_text import indented
from fastpxe.policy import config as native

EXIT_SAME, EXIT_DIFFERENT = 0, 1


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "import",
        help="translate a dnsmasq configuration to a fastpxe.toml, and verify it",
        description=(
            "Translate a dnsmasq configuration to a fastpxe.toml. Then compare both for every\n"
            "kind of client, and report each that gets another file or another server.\n"
            "A line that a fastpxe.toml can't express becomes a comment that starts with TRAP.\n"
            "Exit status: 0 without differences, 1 with differences, 2 if the configuration is\n"
            "refused."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  fastpxe import /etc/dnsmasq.d/ltsp.conf > fastpxe.toml\n"
            "  fastpxe import ltsp.conf -o /etc/fastpxe.toml\n"
            "  fastpxe import -- --dhcp-range=192.0.2.0,proxy --pxe-service=x86PC,Boot,boot.0"
        ),
    )
    add_source(command, takes_path=True)
    command.add_argument("-o", "--output", metavar="FILE", help="write it there, not to stdout")
    add_json(command)
    command.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print the TOML, and the comparison on stderr; with --json both as one object."""
    config = load(parsed)
    if not isinstance(config, DnsmasqConfig):
        where = parsed.path or parsed.config or "command line"
        raise ConfigError("import reads dnsmasq's syntax; name such a file", where=where)
    translation = translate(config, _comments(config))
    verification = verify(config, native.parse(translation.text, "fastpxe.toml"), translation)
    if parsed.output:
        _write(parsed.output, translation.text)
    if parsed.json:
        print(indented(_as_json(translation, verification)))
    else:
        if not parsed.output:
            print(translation.text, end="")
        for line in _text(translation, verification):
            print(line, file=sys.stderr)
    return EXIT_SAME if verification.same else EXIT_DIFFERENT


def _comments(config: DnsmasqConfig) -> Comments:
    found = {file: DISK.read(file) for file in files_of(config)}
    return {
        where: text
        for file, content in found.items()
        if content is not None
        for where, text in comments(content, file).items()
    }


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FastpxeError(f"{path} can't be written: {error.strerror}") from None


def _text(translation: Translation, verification: Verification) -> Iterator[str]:
    yield verification.summary
    for difference in verification.differences:
        yield f"{difference.where}: {difference.text}" if difference.text else difference.where
        yield f"    {difference.why}"
        yield f"    {difference.clients} clients, such as: {difference.example}"
        yield f"    dnsmasq: {difference.dnsmasq}"
        yield f"    fastpxe: {difference.fastpxe}"
    count = len(translation.all_traps)
    if count:
        yield f"{count} remark{'s' if count > 1 else ''} in the file: look for TRAP"


def _as_json(translation: Translation, verification: Verification) -> dict[str, Any]:
    return {
        "toml": translation.text,
        "clients": len(verification.comparisons),
        "same": sum(comparison.is_same for comparison in verification.comparisons),
        "differences": verification.differences,
        "traps": translation.all_traps,
    }
