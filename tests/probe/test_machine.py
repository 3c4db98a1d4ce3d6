"""The facts about this machine, against what a test does to it."""

import os
import socket
from pathlib import Path

import pytest

from fastpxe.doctor.machine import Machine
from fastpxe.policy import config
from fastpxe.probe.machine import buffers, examine, holders, privileges, probed

RULE = '[[boot]]\nname = "one"\narch = "bios"\nfile = "one.efi"\n'


def examined(text: str, *names: str, is_default: bool = False) -> Machine:
    return examine(config.parse(text, "my.toml"), names, is_default=is_default)


def test_the_holder_of_a_port_is_this_process_and_no_fastpxe() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        number = sock.getsockname()[1]
        (holder,) = holders("UDP", number)
        assert list(holders("TCP", number)) == []
    assert (holder.pid, holder.serves) == (os.getpid(), None)
    assert holder.user == "root"
    assert list(holders("UDP", number)) == []


def test_a_listening_tcp_port_has_a_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (holder,) = holders("TCP", server.getsockname()[1])
    assert holder.pid == os.getpid()


@pytest.mark.gate
def test_root_has_all_privileges() -> None:
    assert (privileges().user, privileges().lacks) == (0, frozenset())


def test_the_buffer_is_what_a_socket_is_granted() -> None:
    found = buffers(1 << 20)
    assert (found.wanted, found.granted) == (1 << 20, 1 << 20)
    assert found.descriptors >= 256


def test_every_port_that_would_be_served_is_looked_at(tmp_path: Path) -> None:
    head = (
        f'interfaces = ["lo"]\n[http]\nenabled = true\nport = 8067\n[tftp]\nroot = "{tmp_path}"\n'
    )
    ports = examined(head + RULE).ports
    assert [(one.kind, one.number) for one in ports] == [
        ("UDP", 67), ("UDP", 4011), ("UDP", 69), ("TCP", 8067)
    ]  # fmt: skip


def test_a_file_is_found_where_the_server_would_find_it(tmp_path: Path) -> None:
    (tmp_path / "ONE.EFI").write_bytes(b"1234")
    head = f'interfaces = ["lo"]\n[tftp]\nroot = "{tmp_path}"\n'
    (root,) = examined(f"{head}ignore_case = true\n{RULE}").roots
    assert [(one.name, one.rule, one.size) for one in root.files] == [
        ("one.efi", "rule 'one'", 4)
    ]  # fmt: skip
    (root,) = examined(head + RULE).roots
    (file,) = root.files
    assert file.size is None
    assert file.why_not


def test_a_root_that_is_missing_is_told(tmp_path: Path) -> None:
    (root,) = examined(f'interfaces = ["lo"]\n[tftp]\nroot = "{tmp_path}/none"\n{RULE}').roots
    assert "No such file or directory" in root.failure


def test_a_default_root_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fastpxe.probe.machine.DEFAULT_ROOT", str(tmp_path / "none"))
    for is_default in (True, False):
        (root,) = examined(f'interfaces = ["lo"]\n{RULE}', is_default=is_default).roots
        assert root.failure.startswith("neither ")
        assert root.is_unasked is is_default
    assert list(tmp_path.iterdir()) == []


def test_where_no_file_is_served_none_is_looked_for(tmp_path: Path) -> None:
    head = f'interfaces = ["lo"]\n[tftp]\nenabled = false\nroot = "{tmp_path}"\n'
    assert examined(head + RULE).roots == ()


def test_an_interface_that_isn_t_there_is_told_and_why_serve_won_t_start() -> None:
    machine = examined(f'interfaces = ["nix9"]\n{RULE}')
    assert machine.refusal.startswith("interface nix9 is not up")
    (link,) = machine.links
    assert (link.name, link.is_present, link.is_named) == ("nix9", False, True)
    assert [port.number for port in machine.ports] == [67, 4011, 69]


def test_interfaces_named_on_the_command_line_go_before_those_of_the_file() -> None:
    machine = examined(f'interfaces = ["nix9"]\n{RULE}', "lo")
    assert [link.name for link in machine.links] == ["lo"]


def test_those_served_are_asked_on_unless_others_are_named() -> None:
    served = config.parse(f'interfaces = ["lo"]\n{RULE}', "my.toml")
    assert [one.name for one in probed(served, ())] == ["lo"]
    assert [one.name for one in probed(served, ("nix9",))] == []
    missing = config.parse(f'interfaces = ["nix9"]\n{RULE}', "my.toml")
    assert "lo" not in [one.name for one in probed(missing, ())]
