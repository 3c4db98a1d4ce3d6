"""contrib/systemd/fastpxe.service, judged by systemd's own programs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import unit

HOW_TO = (Path(unit.FILE).parents[2] / "docs" / "how-to" / "run-as-service.md").read_text()


def analyze(*arguments: str | Path) -> str:
    ran = subprocess.run(
        ("systemd-analyze", *arguments), check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not ran.stderr
    return ran.stdout


@pytest.mark.gate
def test_systemd_takes_every_line(tmp_path: Path) -> None:
    """With a program that is there: another than this the unit's own text is not."""
    copy = tmp_path / "fastpxe.service"
    copy.write_text(unit.FILE.read_text().replace("/usr/bin/fastpxe", sys.executable))
    analyze("--man=no", "verify", copy)


@pytest.mark.gate
def test_its_exposure_is_the_one_that_is_documented() -> None:
    verdict = analyze("security", "--offline=true", "--no-pager", unit.FILE)
    exposure = re.search(r"exposure level for fastpxe.service: (\d\.\d) OK", verdict)
    assert exposure
    assert f"exposure level of **{exposure[1]}**" in HOW_TO


def test_it_has_two_capabilities_and_no_other() -> None:
    wanted = "CAP_NET_BIND_SERVICE CAP_NET_ADMIN"
    assert unit.setting("CapabilityBoundingSet") == unit.setting("AmbientCapabilities") == wanted


@pytest.mark.gate
def test_its_system_calls_are_fewer_than_those_of_any_service() -> None:
    allowed = unit.system_calls()
    assert {"recvmmsg", "sendmmsg", "openat2", "capset"} <= allowed
    assert not allowed & {"setuid", "chown", "mount", "ptrace", "bpf", "reboot", "init_module"}
    assert allowed < unit.system_calls_of("@system-service") | unit.system_calls_of("capset")
