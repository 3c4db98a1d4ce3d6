"""`fastpxe check` of dnsmasq's configurations, and how a configuration is named."""

import json
from pathlib import Path

import pytest

from fastpxe.cli import main

SOUND = """\
enable-tftp
tftp-root={root}
dhcp-range=127.0.0.1,proxy
dhcp-boot=a
pxe-prompt="Network boot",1
"""


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "a").write_text("boot me")
    path = tmp_path / "fog.conf"
    path.write_text(SOUND.format(root=tmp_path))
    return path


def test_a_sound_configuration_exits_0(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", str(conf)) == 0
    assert capsys.readouterr().out == f"{conf}: no finding\n"
    assert run("check", "--dnsmasq-conf", str(conf)) == 0


def test_findings_exit_1_in_text_and_json(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with conf.open("a") as file:
        file.write("dhcp-no-override\n")
    assert run("check", str(conf)) == 1
    assert capsys.readouterr().out == (
        f"{conf}:6: it has no effect on a proxy reply: the file name is always in its own field\n"
        f"    remove it  [no-override]\n"
        f"{conf}: 1 finding\n"
    )
    assert run("check", "--json", str(conf)) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["name"], finding["where"]) == ("no-override", f"{conf}:6")


def test_a_refused_configuration_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.conf"
    path.write_text("dhcp-range=10.0.0.0,PROXY\n")
    assert run("check", str(path)) == 2
    assert capsys.readouterr().err.startswith(f"fastpxe: {path}:1: dhcp-range: ")


def test_options_of_dnsmasq_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--", "--dhcp-range=127.0.0.1,proxy", "--dhcp-boot=a") == 1
    out = capsys.readouterr().out
    assert out.startswith("command line:1: no client gets a reply")
    assert out.endswith(
        "command line: 1 finding; boot files were not looked for: none is served from here\n"
    )


def test_a_range_is_held_against_this_machine_s_interfaces(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_text(conf.read_text().replace("127.0.0.1", "198.51.100.1"))
    assert run("check", str(conf)) == 1
    assert "[range-without-interface]" in capsys.readouterr().out


# --- files --------------------------------------------------------------------------------------


def test_a_missing_file_is_found(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (conf.parent / "a").unlink()
    assert run("check", str(conf)) == 1
    assert f"{conf}:4: a is not under the TFTP root" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["{root}/a", "/a", "dir\\a", "./a"])
def test_a_file_is_looked_for_as_dnsmasq_does(conf: Path, file: str) -> None:
    (conf.parent / "dir").mkdir()
    (conf.parent / "dir" / "a").touch()
    spelled = file.format(root=conf.parent)
    conf.write_text(conf.read_text().replace("dhcp-boot=a", f"dhcp-boot={spelled}"))
    assert run("check", str(conf)) == 0


def test_a_file_of_one_interface_s_root_is_there(conf: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "b").touch()
    with conf.open("a") as file:
        file.write(f"tftp-root={other},lo\n")
    conf.write_text(conf.read_text().replace("dhcp-boot=a", "dhcp-boot=b"))
    assert run("check", str(conf)) == 0


def test_a_root_that_is_not_here_is_said(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text(SOUND.format(root="/no/such"))
    assert run("check", str(conf)) == 0
    assert capsys.readouterr().out == (
        f"{conf}: no finding; boot files were not looked for: "
        "/no/such can't be read on this machine\n"
    )


def test_folders_of_clients_are_not_looked_into(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with conf.open("a") as file:
        file.write("tftp-unique-root\n")
    assert run("check", str(conf)) == 0
    assert "each client may have a folder of its own" in capsys.readouterr().out


def test_a_root_of_a_fastpxe_toml_that_is_not_here_is_said_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.toml"
    path.write_text('[tftp]\nroot = "/no/such"\n[[boot]]\narch = "bios"\nfile = "a"\n')
    assert run("check", str(path)) == 0
    assert "/no/such can't be read" in capsys.readouterr().out


def test_a_file_is_looked_for_as_its_client_gets_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("usual", "lab"):
        (tmp_path / folder).mkdir()
    (tmp_path / "usual" / "BCD").touch()
    (tmp_path / "lab" / "new.efi").touch()
    path = tmp_path / "f.toml"
    served = "".join(
        f'[[boot]]\narch = "{arch}"\nfile = "{file}"\n'
        for arch, file in (("bios", "bcd"), ("uefi-x64", "old.efi"), ("uefi-arm64", "none.efi"))
    )
    path.write_text(f"""
[tftp]
root = "{tmp_path}/usual"
ignore_case = true
remap = {{ "old.efi" = "new.efi" }}
[[tftp.client]]
subnet = "10.1.0.0/16"
root = "{tmp_path}/lab"
{served}""")
    assert run("check", str(path)) == 1
    out = capsys.readouterr().out
    assert "none.efi is not under" in out
    assert "1 finding" in out


# --- naming a configuration ---------------------------------------------------------------------


def test_toml_is_native_and_anything_else_dnsmasq_s(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = conf.with_suffix(".toml")
    toml.write_text('[[boot]]\narch = "bios"\nfile = "a"\n')
    for command in ("check", "explain"):
        assert run(command, str(toml)) == 0
        assert run(command, str(conf)) == 0
    assert run("check", str(conf.rename(conf.with_suffix("")))) == 0
    capsys.readouterr()


@pytest.mark.parametrize("words", [("-c", "a.toml"), ("--dnsmasq-conf", "a.conf"), ("b.conf",)])
def test_a_configuration_is_named_once(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", *words, "c.conf") == 2
    assert "error: " in capsys.readouterr().err


def test_a_fastpxe_toml_takes_no_options_of_dnsmasq(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "a.toml", "--", "--port=0") == 2
    assert "a fastpxe.toml takes no dnsmasq options" in capsys.readouterr().err


def test_options_of_dnsmasq_stand_before_a_file(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", str(conf), "--", "--dhcp-no-override") == 1
    out = capsys.readouterr().out
    assert out.startswith("command line:1: ")
    assert out.endswith(f"{conf}, command line: 1 finding\n")
