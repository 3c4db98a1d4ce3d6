"""Write the man page of the command, and its completions for bash, zsh and fish.

pages.py FOLDER    as it goes below /usr. All of it comes from the parser of the command line.
"""

import argparse
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import shtab

from fastpxe import __version__, cli

SECTIONS = Path(__file__).parent / "man" / "sections"
COMPLETIONS = {
    "bash": "share/bash-completion/completions/fastpxe",
    "zsh": "share/zsh/vendor-completions/_fastpxe",
    "fish": "share/fish/vendor_completions.d/fastpxe.fish",
}
MAN_PAGE = "share/man/man1/fastpxe.1"
FILES = ("FILE", "CONFIG")


def main(folder: Path) -> None:
    for shell, name in COMPLETIONS.items():
        write(folder / name, shtab.complete(completed(), shell))
    write(folder / MAN_PAGE, man_page())


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def completed() -> argparse.ArgumentParser:
    """The parser, its files marked as such."""
    parser = cli.parser()
    for action in actions(parser):
        if action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined] - read by shtab
    return parser


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from actions(command)


def man_page() -> str:
    return subprocess.run(
        (
            *(sys.executable, f"{sysconfig.get_path('scripts')}/argparse-manpage"),
            *("--module", "fastpxe.cli", "--function", "parser", "--prog", "fastpxe"),
            *("--format", "single-commands-section", "--include", str(SECTIONS)),
            *("--project-name", "fastpxe", "--version", __version__),
            *("--manual-title", "Network boot"),
            *("--description", "network boot beside an existing DHCP server"),
        ),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
