"""The command line: help with an example, and errors that name file, line and key."""

from pathlib import Path

import pytest

from fastpxe import __version__
from fastpxe.cli import main


def run(*arguments: str) -> int:
    """Run the command in this process; argparse leaves it by SystemExit."""
    try:
        return main(arguments)
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.mark.parametrize("command", [(), ("serve",)])
def test_help_has_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*command, "--help") == 0
    assert "sudo fastpxe serve" in capsys.readouterr().out


def test_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"fastpxe {__version__}\n"


def test_no_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "COMMAND" in capsys.readouterr().err


def test_a_bad_config_exits_2_with_file_line_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[[boot]]\nfile = "a"\n\n[[boot]]\nfile = "b"\nmac = "zz"\n')
    assert run("serve", "-c", str(path)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fastpxe: {path}:6: boot[1].mac: 'zz' is no MAC address")


def test_a_config_that_is_not_there_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.toml"
    assert run("serve", "-c", str(path)) == 2
    expected = f"fastpxe: {path}: can't be read: No such file or directory\n"
    assert capsys.readouterr().err == expected


def test_a_config_that_is_not_text_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    assert run("serve", "-c", str(path)) == 2
    assert "not UTF-8 text" in capsys.readouterr().err
