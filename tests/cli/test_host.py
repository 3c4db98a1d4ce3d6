"""`fastpxe host`: what is kept, shown and forgotten."""

import json
from pathlib import Path

import pytest

from fastpxe.cli import main

MAC = "52:54:00:12:34:56"


@pytest.fixture
def toml(tmp_path: Path) -> str:
    path = tmp_path / "fastpxe.toml"
    path.write_text(f"""state = "{tmp_path}/state"
[[boot]]
name = "installer"
hosts_only = true
file = "installer.efi"
[[boot]]
name = "usual"
file = "usual.efi"
[[host]]
mac = "02:00:00:00:00:01"
boot = "installer"
""")
    return str(path)


def host(toml: str, *arguments: str) -> int:
    try:
        return main(("host", *arguments, "-c", toml))
    except SystemExit as exit_:
        return int(exit_.code or 0)


def listed(toml: str, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, bool]]:
    capsys.readouterr()
    assert host(toml, "list", "--json") == 0
    return [(one["host"], one["boot"], one["once"]) for one in json.loads(capsys.readouterr().out)]


FIXED = ("02:00:00:00:00:01", "installer", False)


def test_what_is_set_is_listed_before_the_hosts_of_the_configuration(
    toml: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host(toml, "set", "52-54-00-12-34-56", "--boot", "installer", "--once") == 0
    database = Path(toml).parent / "state" / "hosts.db"
    assert capsys.readouterr().out == f"{MAC} boots installer, once  ({database})\n"
    assert listed(toml, capsys) == [(MAC, "installer", True), FIXED]
    assert host(toml, "set", "02:00:00:00:00:01", "--boot", "usual") == 0
    assert listed(toml, capsys)[0] == ("02:00:00:00:00:01", "usual", False)
    assert len(listed(toml, capsys)) == 2


def test_what_is_forgotten_is_as_the_configuration_says(
    toml: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for mac in (MAC, FIXED[0]):
        host(toml, "set", mac, "--boot", "usual")
        capsys.readouterr()
        assert host(toml, "forget", mac) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"{mac} boots {'installer' if mac == FIXED[0] else 'as the others'}")
    assert listed(toml, capsys) == [FIXED]
    host(toml, "forget", MAC)
    assert capsys.readouterr().out == f"{MAC} had no boot of its own\n"


def test_a_boot_that_no_rule_is_named_is_refused(
    toml: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host(toml, "set", MAC, "--boot", "instaler") == 2
    assert "no [[boot]] is named 'instaler'; did you mean 'installer'?" in capsys.readouterr().err
    assert host(toml, "set", MAC, "--boot", "xyz") == 2
    assert "there are: installer, usual" in capsys.readouterr().err
    assert listed(toml, capsys) == [FIXED]


@pytest.mark.parametrize("wrong", ["pc-7", "52:54:*"])
def test_what_is_no_host_is_refused(
    toml: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host(toml, "set", wrong, "--boot", "usual") == 2
    assert wrong in capsys.readouterr().err


def test_explain_knows_the_hosts_that_were_set(
    toml: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host(toml, "set", MAC, "--boot", "installer")
    main(("explain", "-c", toml, "--mac", MAC, "--arch", "uefi-x64"))
    assert "this host is to boot 'installer'" in capsys.readouterr().out
