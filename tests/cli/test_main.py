"""The command line: help with an example, and errors that name file, line and key."""

import json
import os
import subprocess
from pathlib import Path

import dpkt
import pytest
from netns import Namespace
from packets import discover
from started import FASTPXE

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
    [
        (("--arch", "nix"), "no architecture 'nix'"),
        (("--mac", "zz"), "'zz' is no MAC address"),
        (("--mac", "52:54:00:*"), "--mac: '52:54:00:*' leaves some of it open"),
        (("--uuid", "4c4c*"), "--uuid: '4c4c*' leaves some of it open"),
        (("--uuid", ""), "'' is no UUID"),
        (("--vendor-class", "x" * 256), "--vendor-class: an option has 255 bytes at most"),
        (("--user-class", "x" * 256), "--user-class: an option has 255 bytes at most"),
        (("--vendor-class", "\N{SNOWMAN}"), "--vendor-class: Latin-1 alone"),
        (("--vendor-class", "\udcff"), "--vendor-class: Latin-1 alone"),
        (("--hex", "xyz"), "--hex takes hex digits"),
        (("--hex", ""), "--hex takes hex digits"),
        (("--hex", "0101"), "no DHCP message: it has 2 bytes, and one has 240 at least"),
        (("--hex", "00" * 300), "no DHCP message: it has no magic cookie"),
        (("--hex", "00"), "no DHCP message: it has 1 byte, and"),
        (("--ipxe-features", "http,bzip"), "no feature 'bzip' of iPXE; known: pxe-ext, "),
        (("--pcap", "/no/such"), "No such file"),
        (("--pcap", ""), "--pcap"),
    ],
)
def test_explain_refuses_a_client_that_is_none(
    flags: tuple[str, ...], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", *flags) == 1
    assert error in capsys.readouterr().err


def test_explain_takes_the_longest_class(capsys: pytest.CaptureFixture[str]) -> None:
    classes = ("--vendor-class", "PXEClient".ljust(255), "--user-class", "\udcff" * 255)
    assert run("explain", *classes) == 0
    assert "won" in capsys.readouterr().out


def written(path: Path, *payloads: bytes) -> str:
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for payload in payloads:
            udp = dpkt.udp.UDP(sport=68, dport=67, data=payload, ulen=8 + len(payload))
            packet = dpkt.ip.IP(dst=b"\xff" * 4, p=17, data=udp, len=28 + len(payload))
            writer.writepkt(bytes(dpkt.ethernet.Ethernet(data=packet)), ts=0)
    return str(path)


@pytest.mark.parametrize("option", ["--json", "--port=67"])
def test_a_capture_without_a_request_is_said(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "some.pcap", b"\2 a reply")
    assert run("explain", "--pcap", path, option) == 1
    assert capsys.readouterr() == ("", f"fastpxe: {path}: no request in this capture\n")


def test_a_request_that_can_t_be_read_hides_none_of_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "some.pcap", b"\1\1\6\0", discover(arch=0))
    assert run("explain", "--pcap", path) == 0
    shown = capsys.readouterr().out
    assert "no answer: no DHCP message: it has 4 bytes, and one has 240 at least" in shown
    assert "undionly.kkpxe" in shown


@pytest.mark.parametrize("command", ["explain", "check", "import"])
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_name_that_is_no_text_is_printed_with_escapes(
    tmp_path: Path, command: str, option: tuple[str, ...]
) -> None:
    path = tmp_path / "\udcff.conf"
    path.write_bytes(b"dhcp-range=10.0.0.0,proxy\npxe-prompt=x,0\ndhcp-boot=\xfe.efi\n")
    ran = subprocess.run(
        [*FASTPXE, command, str(path), *option],
        check=False, capture_output=True, env=os.environ | {"PYTHONUTF8": "1"},
    )  # fmt: skip
    assert b"Traceback" not in ran.stderr
    shown = (ran.stdout + ran.stderr).decode()
    assert r"\udcff.conf" in shown
    if option:
        json.loads(ran.stdout)


@pytest.mark.parametrize(
    "command",
    [("check",), ("explain",), ("explain", "--json"), ("doctor", "PXE-E55"),
     ("host", "list", "-c", "PATH"), ("import", "--", "--dhcp-range=10.0.0.0,proxy")],
)  # fmt: skip
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_what_is_printed_is_said(
    tmp_path: Path, command: tuple[str, ...], unbuffered: str
) -> None:
    config = tmp_path / "f.toml"
    config.write_text(f'state = "{tmp_path}"\n')
    words = [str(config) if word == "PATH" else word for word in command]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - it is none of pathlib's
        ran = subprocess.run(
            [*FASTPXE, *words], check=False, stdout=full, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert lines[-1] == "fastpxe: [Errno 28] No space left on device"
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("where", "status"), [("| true", 1), (">&-", 0)])
def test_who_has_read_enough_and_who_reads_nothing_gets_no_complaint(
    where: str, status: int
) -> None:
    shell = f"set -o pipefail; {' '.join(FASTPXE)} explain {where}"
    ran = subprocess.run(["bash", "-c", shell], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (status, "")


@pytest.mark.netns
def test_an_interrupt_ends_the_doctor_without_a_traceback() -> None:
    with Namespace() as namespace:
        namespace.ip("link add eth0 type veth peer name eth1\nlink set eth1 up")
        namespace.ip("addr add 10.0.0.1/24 dev eth0\nlink set eth0 up")
        command = ("timeout", "-s", "INT", "--preserve-status", "3", *FASTPXE, "doctor")
        ran = subprocess.run(
            namespace.command(*command, "--listen", "20"),
            check=False, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (130, "")


def test_a_fault_of_the_server_s_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastpxe.cli.serve.run", fail)
    with pytest.raises(OSError, match="No space"):
        run("serve")


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("a.conf", b"\x7fELF\x1b[2J\xff=1\n", r":1: \x7fELF\x1b[2Jÿ: unknown keyword"),
        ("a.toml", b'"\\u001b[2J" = 1\n', r":1: \x1b[2J: unknown key; known: "),
    ],
)
def test_what_a_file_has_for_a_keyword_moves_no_cursor(
    tmp_path: Path, name: str, content: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert run("check", str(path)) == 2
    assert f"{path}{shown}" in capsys.readouterr().err


def test_no_user_is_no_name_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("serve", "--user", "", "-c", "/no/such.toml") == 2
    assert "argument --user: a name, such as nobody" in capsys.readouterr().err
