"""`fastpxe storm` as people run it: exit status, report, picture, progress, refusals."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from storm_rig import LIMIT_S, SERVERS, Lan

from fastpxe.cli import main


def run(*arguments: str) -> int:
    """Run it in this process; argparse leaves it by SystemExit."""
    try:
        return main(["storm", *arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


def storm(lan: Lan, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        lan.command("--clients", "100", *arguments),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip


def test_help_has_examples_and_says_whose_network_it_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert "Only for networks that you own" in text
    assert "sudo fastpxe storm --interface eth0 --clients 500" in text


@pytest.mark.parametrize(
    ("flags", "status", "error"),
    [
        (("--clients", "0"), 1, "--clients is 1 to 100,000"),
        (("--rate", "1", "--clients", "5000"), 1, "longer than 600 s"),
        (("--rate", "1", "--at-once"), 2, "not allowed with"),
        (("--arch-mix", "nix"), 2, "no client 'nix'"),
        (("--via", "relay"), 1, "needs --server"),
        (("--wait", "0"), 2, "more than 0, at most 60"),
        (("--downloads-at-once", "0"), 2, "1 to 1000"),
        (("--plot", "a.pdf"), 1, "ends in .svg or .png"),
        (("--plot", "/no/such/a.svg"), 1, "/no/such/a.svg: No such file or directory"),
        (("--plot", "/proc/a.svg"), 1, "/proc/a.svg: No such file or directory"),
        (("--plot", "/dev/null/a.svg"), 1, "/dev/null/a.svg: Not a directory"),
        (("--download", "--arch-mix", "uefi-x64-http"), 1, "not over HTTP"),
        ((), 1, "interface no-such is not up"),
    ],
)
def test_what_can_t_be_rehearsed_is_refused(
    flags: tuple[str, ...], status: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--interface", "no-such", *flags) == status
    assert error in capsys.readouterr().err


@pytest.mark.netns
def test_all_answered_and_all_fetched_exits_0_with_a_report_and_a_picture(lan: Lan) -> None:
    lan.serve()
    picture = lan.folder / "storm.svg"
    ran = storm(lan, "--download", "--plot", str(picture))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "answered    100 of 100 clients (100 %)" in ran.stdout
    assert f"uefi-x64           70 of 70 answered: ipxe.efi from {SERVERS[0]}" in ran.stdout
    assert "downloads     100 of 100 completed" in ran.stdout
    assert "answered 100 of 100, duplicates 0" in picture.read_text()


@pytest.mark.netns
def test_unanswered_clients_exit_1(lan: Lan) -> None:
    ran = storm(lan, "--wait", "0.2", "--json")
    assert ran.returncode == 1
    shown = json.loads(ran.stdout)
    assert (shown["lost"], shown["clean"], shown["downloads"]) == (100, False, None)


@pytest.mark.netns
def test_a_file_that_can_t_be_fetched_exits_1(lan: Lan) -> None:
    lan.serve()
    ran = storm(lan, "--download", "none.efi", "--json")
    assert ran.returncode == 1
    failures = json.loads(ran.stdout)["downloads"]["failures"]
    assert failures == {"none.efi: ERROR 1 File not found": 100}


@pytest.mark.netns
def test_a_picture_that_finds_no_room_costs_no_report(lan: Lan) -> None:
    lan.serve()
    picture = lan.folder / "storm.svg"
    picture.symlink_to("/dev/full")
    ran = storm(lan, "--plot", str(picture))
    assert ran.returncode == 1
    assert "answered    100 of 100 clients" in ran.stdout
    assert f"fastpxe: {picture}: No space left on device" in ran.stderr


@pytest.mark.netns
def test_a_terminal_sees_progress_and_nothing_stays_of_it(lan: Lan) -> None:
    lan.serve()
    ours, theirs = os.openpty()
    ran = subprocess.run(
        lan.command("--clients", "100"),
        check=False, stdout=subprocess.PIPE, stderr=theirs, timeout=LIMIT_S,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert ran.returncode == 0
    assert "of 100 answered" in shown
    assert shown.endswith("\r\x1b[K")


@pytest.mark.netns
def test_without_privileges_it_says_how_to_get_them(lan: Lan) -> None:
    ran = subprocess.run(
        lan.clients.command(
            *("setpriv", "--bounding-set=-all", "--inh-caps=-all"),
            *lan.command("--clients", "1")[2:],
        ),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "needs a privilege" in ran.stderr
    assert "sudo fastpxe storm" in ran.stderr
