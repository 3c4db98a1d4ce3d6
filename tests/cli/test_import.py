"""`fastpxe import`: the TOML on stdout, the comparison on stderr, and the exit status."""

import json
from pathlib import Path

import pytest
from dnsmasq_golden import FOLDER

from fastpxe.cli import main
from fastpxe.policy import config

SAME = "port=0\npxe-prompt=x\ndhcp-range=192.0.2.0,proxy\n# the file\ndhcp-boot=a\n"
MENU = "pxe-service=x86PC,A,a.b\npxe-service=x86PC,B,b.c\n"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "f.conf"
    path.write_text(SAME)
    return path


def test_the_toml_goes_to_stdout_and_the_comparison_to_stderr(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(conf)]) == 0
    printed = capsys.readouterr()
    (rule,) = config.parse(printed.out, "f.toml").rules
    assert rule.name == "f.conf:5 dhcp-boot"
    assert "# the file\n[[boot]]" in printed.out
    assert printed.err.startswith("46 clients compared, 46 the same\n")
    assert printed.err.endswith("2 remarks in the file: look for TRAP\n")


def test_differences_come_with_line_reason_and_an_example(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf.write_text(SAME + MENU)
    assert main(["import", str(conf)]) == 1
    error = capsys.readouterr().err
    assert (
        "f.conf:6: pxe-service=x86PC,A,a.b\n"
        "    a menu of 2 entries; fastpxe boots the first\n"
        "    6 clients, such as: PXEClient arch 0 on 192.0.2.0/24\n"
        "    dnsmasq: a.b from this machine or b.c from this machine\n"
        "    fastpxe: a.b from this machine\n"
    ) in error


def test_the_output_may_be_a_file(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = conf.with_suffix(".toml")
    assert main(["import", str(conf), "-o", str(output)]) == 0
    assert capsys.readouterr().out == ""
    assert config.parse(output.read_text(), "f.toml").rules[0].boot.file == "a"


def test_a_file_that_cannot_be_written_is_reported(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(conf), "-o", str(conf / "no")]) == 1
    assert "can't be written: Not a directory" in capsys.readouterr().err


def test_json_has_everything(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text(SAME + MENU)
    assert main(["import", "--json", str(conf)]) == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert printed.err == ""
    assert (found["clients"], found["same"]) == (46, 40)
    assert [d["where"] for d in found["differences"]] == ["f.conf:6"]
    assert "f.conf:6" in [trap["where"] for trap in found["traps"]]
    config.parse(found["toml"], "f.toml")


def test_dnsmasq_s_own_options_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--dhcp-range=192.0.2.0,proxy", "--pxe-prompt=x", "--dhcp-boot=a"]
    assert main(["import", "--", *options]) == 0
    assert 'name = "command line:3 dhcp-boot"' in capsys.readouterr().out


def test_a_refused_configuration_exits_2(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text("dhcp-bot=a\n")
    assert main(["import", str(conf)]) == 2
    assert "f.conf:1" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["-c", "f.toml"], ["f.toml"]])
def test_a_fastpxe_toml_is_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("f.toml").write_text('[[boot]]\nfile = "a"\n')
    assert main(["import", *arguments]) == 2
    assert "import reads dnsmasq's syntax" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["seed1", "seed2"])
def test_the_first_users_files_are_the_same(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(FOLDER / "configs" / f"{name}.conf")]) == 0
    assert "the same" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    assert "fastpxe import ltsp.conf -o /etc/fastpxe.toml" in capsys.readouterr().out
