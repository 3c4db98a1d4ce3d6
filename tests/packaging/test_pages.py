"""The man page and the completions say what the command line is, and shells can use them."""

import argparse
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import CONTRIB

from fastpxe import cli

pytestmark = pytest.mark.gate

SCRIPT = CONTRIB / "pages.py"
BASH = "share/bash-completion/completions/fastpxe"
ZSH = "share/zsh/vendor-completions"
FISH = "share/fish/vendor_completions.d/fastpxe.fish"
LIMIT_S = 30


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    subprocess.run((sys.executable, SCRIPT, folder), check=True)
    return folder


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (a.choices for a in cli.parser()._actions if isinstance(a.choices, dict))  # noqa: SLF001 - argparse has no other way to list them
    return found


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - see above
        yield from action.option_strings


def test_the_man_page_has_every_command_and_option(pages: Path) -> None:
    roff = (pages / "share/man/man1/fastpxe.1").read_text()
    roff = re.sub(r"\\f[BIR]", "", roff.replace("\\-", "-"))
    for name, parser in commands().items():
        section = re.split(r"^\.SS ", roff.partition(f"fastpxe {name}")[2], flags=re.MULTILINE)[0]
        assert section
        for option in set(options(parser)) - {"--help"}:  # of which the usage says -h
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", section), (name, option)


def test_the_man_page_is_set_without_a_warning(pages: Path) -> None:
    ran = subprocess.run(
        ("man", "--warnings", "--local-file", pages / "share/man/man1/fastpxe.1"),
        check=True, capture_output=True, text=True, env=os.environ | {"MANWIDTH": "100"},
    )  # fmt: skip
    assert not ran.stderr
    for heading in ("NAME", "SYNOPSIS", "SIGNALS", "EXIT STATUS", "FILES", "SEE ALSO"):
        assert re.search(rf"^{heading}$", ran.stdout, re.MULTILINE), heading


@pytest.mark.parametrize("name", [BASH, f"{ZSH}/_fastpxe", FISH])
def test_a_completion_has_every_command_and_option(pages: Path, name: str) -> None:
    text = (pages / name).read_text()
    for command, parser in commands().items():
        assert re.search(rf"\b{command}\b", text)
        for option in options(parser):
            spelled = option if name != FISH else option.lstrip("-")
            assert re.search(rf"(?<![\w-]){spelled}(?![\w-])", text), option


def typed(shell: tuple[str, ...], setting_up: str, line: str) -> str:
    """What a shell prints when `line` is typed at it, where fastpxe prints its arguments."""
    pid, terminal = pty.fork()
    if not pid:
        os.execvpe(shell[0], shell, {"TERM": "dumb", "PATH": os.environ["PATH"], "HOME": "/"})  # noqa: S606 - no shell between
    printed = ""
    try:
        for text in (f"PS1=; {setting_up}\n", "fastpxe() { echo \"<$*>\"; }; echo set''up\n"):
            os.write(terminal, text.encode())
        printed = read_until(terminal, "setup\r\n")
        os.write(terminal, line.encode())
        printed += read_until(terminal, ">\r\n")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return printed


def read_until(terminal: int, sign: str) -> str:
    end = time.monotonic() + LIMIT_S
    printed = ""
    while sign not in printed:
        assert time.monotonic() < end, printed
        printed += os.read(terminal, 4096).decode(errors="replace")
    return printed


def test_bash_completes(pages: Path) -> None:
    shell = ("bash", "--norc", "--noprofile", "-i")
    source = f"source {pages / BASH}"
    assert "<serve>" in typed(shell, source, "fastpxe se\t\n")
    assert "<serve --log-level debug>" in typed(shell, source, "fastpxe serve --log-l\tdeb\t\n")


def test_bash_completes_the_names_of_files(pages: Path, tmp_path: Path) -> None:
    (tmp_path / "netboot.toml").touch()
    shell = ("bash", "--norc", "--noprofile", "-i")
    source = f"cd {tmp_path}; source {pages / BASH}"
    assert "<serve -c netboot.toml>" in typed(shell, source, "fastpxe serve -c net\t\n")
    assert "<check netboot.toml>" in typed(shell, source, "fastpxe check net\t\n")


def test_zsh_completes(pages: Path) -> None:
    source = f"fpath=({pages / ZSH} $fpath); autoload -U compinit; compinit -u -D; unsetopt zle_bracketed_paste"  # noqa: E501 - a line as it is typed
    assert "<serve>" in typed(("zsh", "-f", "-i"), source, "fastpxe se\t\n")


def test_fish_completes(pages: Path) -> None:
    script = f"source {pages / FISH}; complete --do-complete 'fastpxe se'"
    ran = subprocess.run(
        ("fish", "--no-config", "-c", script), check=True, capture_output=True, text=True
    )
    assert ran.stdout.startswith("serve\t")
