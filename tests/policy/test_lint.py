"""The traps that `check` names in a fastpxe.toml, and the configurations that it leaves alone."""

import pytest

from fastpxe.findings import Finding, text
from fastpxe.policy import compiler, config
from fastpxe.policy.lint import check

ROOT = {"undionly.kpxe", "snponly.efi", "default.ipxe"}


def findings(toml: str) -> list[Finding]:
    parsed = config.parse(toml, "f.toml")
    return check(parsed, compiler.build(parsed, []), ROOT.__contains__)


def names(toml: str) -> list[str]:
    return [finding.name for finding in findings(toml)]


SOUND = """
[[boot]]
ipxe = true
file = "default.ipxe"
[[boot]]
arch = "bios"
file = "undionly.kpxe"
[[boot]]
arch = "uefi-x64"
file = "snponly.efi"
"""


def test_a_sound_configuration_has_no_finding() -> None:
    assert findings(SOUND) == []


def test_the_default_configuration_has_no_finding_where_its_files_are() -> None:
    parsed = config.default_config()
    assert check(parsed, compiler.build(parsed, []), lambda _: True) == []


def test_without_rules_nobody_is_answered() -> None:
    assert names("") == ["no-rules"]


def test_a_rule_for_hosts_alone_takes_no_client_from_others() -> None:
    own = '[[boot]]\nname = "own"\nhosts_only = true\nfile = "default.ipxe"\n'
    assert names(own + SOUND) == []
    assert names(SOUND + own) == []
    assert names(SOUND + own + own) == ["dead-rule"]


def test_a_rule_that_hosts_ask_for_is_not_dead_behind_one_for_all() -> None:
    rules = """
[[boot]]
file = "default.ipxe"
[[boot]]
name = "x"
file = "default.ipxe"
"""
    assert names(rules) == ["dead-rule"]
    assert names(rules + '[[host]]\nmac = "52:54:00:12:34:56"\nboot = "x"') == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("", 'mac = "00:11:22:33:44:55"'),
        ('arch = ["bios", "uefi-x64"]', 'arch = "bios"'),
        ('mac = "00:11:*"', 'mac = ["00:11:22:33:44:55", "00:11:22:*"]'),
        ('uuid = "4c4c*"', 'uuid = "4c4c4544-*"'),
        ('vendor_class = "PXEClient*"', 'vendor_class = "PXEClient:Arch:00007*"'),
        ('user_class = "*FOG*"', 'user_class = "myFOG"'),
        ('subnet = "10.0.0.0/8"', 'subnet = "10.1.0.0/16"'),
        ("ipxe = false", 'ipxe = false\narch = "bios"'),
        ("ipxe = true", 'ipxe_features = "http"'),
        ('ipxe_features = "http"', 'ipxe_features = ["tftp", "http"]'),
    ],
)
def test_a_rule_behind_one_that_takes_all_its_clients_is_dead(earlier: str, later: str) -> None:
    found = findings(f'[[boot]]\nname = "first"\n{earlier}\nfile = "default.ipxe"\n'
                     f'[[boot]]\nname = "second"\n{later}\nfile = "default.ipxe"\n')  # fmt: skip
    (dead,) = (f for f in found if f.name == "dead-rule")
    assert dead.where == f"f.toml:{4 + earlier.count(chr(10)) + 1}"
    assert "rule 'second' never answers anybody: taken by rule 'first'" in dead.effect


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ('arch = "bios"', ""),
        ('mac = "00:11:22:*"', 'mac = "00:11:*"'),
        ('vendor_class = "PXEClient"', 'vendor_class = "PXEClient*"'),
        ("ipxe = true", 'arch = "bios"'),
        ('ipxe_features = "http"', "ipxe = true"),
        ('ipxe_features = ["tftp", "http"]', 'ipxe_features = "http"'),
        ('subnet = "10.1.0.0/16"', 'subnet = "10.0.0.0/8"'),
    ],
)
def test_a_rule_with_clients_of_its_own_is_alive(earlier: str, later: str) -> None:
    assert "dead-rule" not in names(
        f'[[boot]]\n{earlier}\nfile = "default.ipxe"\n[[boot]]\n{later}\nfile = "default.ipxe"\n'
    )


def test_a_rule_behind_a_url_rule_still_serves_firmware() -> None:
    toml = '[[boot]]\nurl = "http://10.0.0.1/x.efi"\n[[boot]]\nfile = "default.ipxe"\n'
    assert "dead-rule" not in names(toml)


TABLE = '[[tftp.client]]\nsubnet = "{}"\nmax_blksize = 512\n'


@pytest.mark.parametrize("earlier", ["10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"])
def test_a_tftp_client_within_an_earlier_one_is_dead(earlier: str) -> None:
    tables = "".join(TABLE.format(subnet) for subnet in ("192.0.2.0/24", earlier, "10.1.0.0/16"))
    (dead,) = (finding for finding in findings(tables + SOUND) if finding.name == "dead-client")
    assert dead.where == "f.toml:7"
    assert f"10.1.0.0/16 is never used: the one of {earlier}" in dead.effect


@pytest.mark.parametrize("earlier", ["10.1.1.0/24", "10.2.0.0/16"])
def test_a_tftp_client_with_addresses_of_its_own_is_alive(earlier: str) -> None:
    assert findings(TABLE.format(earlier) + TABLE.format("10.1.0.0/16") + SOUND) == []


def test_a_bios_file_for_everybody_is_a_trap() -> None:
    assert "bios-file-for-uefi" in names('[[boot]]\nfile = "undionly.kpxe"\n')


@pytest.mark.parametrize("key", ['arch = "bios"', 'mac = "00:11:22:33:44:55"'])
def test_a_bios_file_for_named_machines_is_none(key: str) -> None:
    assert "bios-file-for-uefi" not in names(f'[[boot]]\n{key}\nfile = "undionly.kpxe"\n')


def test_ipxe_that_gets_no_answer_is_a_trap() -> None:
    rule = '[[boot]]\narch = "bios"\nfile = "undionly.kpxe"\n'
    assert "ipxe-ends" in names(rule)
    assert "ipxe-ends" not in names(rule + "ipxe_too = true\n")


def test_an_architecture_that_nobody_sends_is_a_trap() -> None:
    assert "unknown-arch" in names('[[boot]]\narch = 700\nfile = "default.ipxe"\n')


def test_a_name_in_a_url_is_a_trap() -> None:
    assert "name-in-url" in names('[[boot]]\nurl = "http://boot.example/x.efi"\n')
    assert "name-in-url" not in names('[[boot]]\nurl = "http://10.0.0.1/x.efi"\n')
    assert "name-in-url" not in names('[[boot]]\nurl = "http://{server}/x.efi"\n')


def test_a_missing_file_is_found_unless_another_server_has_it() -> None:
    assert "missing-file" in names('[[boot]]\nfile = "none.efi"\n')
    assert "missing-file" not in names('[[boot]]\nserver = "10.0.0.9"\nfile = "none.efi"\n')
    assert "missing-file" not in names('[tftp]\nenabled = false\n[[boot]]\nfile = "none.efi"\n')


def test_the_text_has_place_effect_advice_and_name() -> None:
    lines = list(text(findings('[[boot]]\nfile = "none.efi"\n')))
    assert lines[0].startswith("f.toml:1: none.efi is not under the TFTP root")
    assert lines[1] == "    put the file there, or correct the name  [missing-file]"
