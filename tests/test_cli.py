"""The command line: help with an example, and errors that name file, line and key."""

import json
from pathlib import Path

import pytest
from packets import discover

from fastpxe import __version__
from fastpxe.cli import main


def run(*arguments: str) -> int:
    """Run the command in this process; argparse leaves it by SystemExit."""
    try:
        return main(arguments)
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.mark.parametrize(
    "command", [(), ("serve",), ("check",), ("explain",), ("host",), ("watch",)]
)
def test_help_has_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*command, "--help") == 0
    help_text = capsys.readouterr().out
    assert "example" in help_text
    assert f"fastpxe {''.join(command)}" in help_text


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


def test_check_exits_0_when_clean_and_1_with_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.efi").touch()
    path = tmp_path / "f.toml"
    text = f'[tftp]\nroot = "{tmp_path}"\n[[boot]]\nfile = "a.efi"\n'
    path.write_text(text)
    assert run("check", "-c", str(path)) == 0
    assert capsys.readouterr().out == f"{path}: no finding\n"
    path.write_text(text.replace("a.efi", "b.efi"))
    assert run("check", "-c", str(path)) == 1
    assert f"{path}:3: b.efi is not under the TFTP root" in capsys.readouterr().out
    assert run("check", "--json", "-c", str(path)) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["name"] == "missing-file"


def test_explain_follows_the_client_of_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--arch", "bios", "--mac", "18:66:da:01:02:03", "--user-class", "iPXE")
    assert run("explain", *flags, "--json") == 0
    (explanation,) = json.loads(capsys.readouterr().out)
    assert explanation["client"].startswith("18:66:da:01:02:03, bios (0)")
    assert explanation["steps"][0]["candidates"][0]["verdict"] == "won"


def test_explain_asks_as_the_ipxe_with_these_features(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "--ipxe-features", "http,bzimage", "--json") == 0
    (explanation,) = json.loads(capsys.readouterr().out)
    (step,) = explanation["steps"]
    assert [o["meaning"] for o in step["request"]["options"] if o["code"] == 175] == [
        "http, bzimage"
    ]
    assert step["candidates"][0]["name"] == "iPXE"


@pytest.mark.parametrize(
    "uuid",
    ["4c4c4544-0038-3610-804e-c4c04f4a5831",
     "00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31"],
)  # fmt: skip
def test_explain_takes_a_label_s_uuid_and_the_wire_s(
    uuid: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", "--uuid", uuid) == 0
    assert "4c4c4544-0038-3610-804e-c4c04f4a5831" in capsys.readouterr().out


def test_explain_reads_hex_and_captures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "--hex", discover(arch=0).hex()) == 0
    assert "undionly.kkpxe" in capsys.readouterr().out
    junk = tmp_path / "junk.pcap"
    junk.write_bytes(b"junk")
    assert run("explain", "--pcap", str(junk)) == 1
    assert "no pcap or pcapng file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "error"),
    [(("--arch", "nix"), "no architecture 'nix'"), (("--mac", "zz"), "'zz' is no MAC address"),
     (("--hex", "xyz"), "--hex takes hex digits"), (("--hex", "00"), "short"),
     (("--ipxe-features", "http,bzip"), "no feature 'bzip' of iPXE; known: pxe-ext, "),
     (("--pcap", "/no/such"), "No such file")],
)  # fmt: skip
def test_explain_refuses_a_client_that_is_none(
    flags: tuple[str, ...], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", *flags) == 1
    assert error in capsys.readouterr().err
