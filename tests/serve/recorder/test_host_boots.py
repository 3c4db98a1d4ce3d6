"""A running server obeys `fastpxe host`, and forgets what was asked for once."""

import os
import signal
import socket
import subprocess
import sys
from ipaddress import IPv4Address

import pytest
from packets import discover, request_4011
from wire_rig import CLIENT, LIMIT_S, SERVER, Wire

pytestmark = pytest.mark.netns

MAC = "52:54:00:12:34:56"  # the machine of packets.discover
RULES = """
[[boot]]
name = "usual"
file = "usual.efi"
style = "direct"
[[boot]]
name = "installer"
hosts_only = true
file = "installer.efi"
style = "direct"
"""


@pytest.fixture
def served(wire: Wire) -> Wire:
    for name in ("usual", "installer"):
        (wire.folder / f"{name}.efi").write_bytes(name.encode() * 100)
    # The keys of the whole file come first; Wire.write begins with [tftp].
    text = f'state = "{wire.folder}/state"\n[tftp]\nroot = "{wire.folder}"\n{RULES}'
    wire.config.write_text(text)
    # The machine whose MAC the packets have: else the neighbour table says another.
    wire.client.ip(f"link set eth0 down\nlink set eth0 address {MAC}\nlink set eth0 up")
    return wire


def host(wire: Wire, *arguments: str) -> str:
    command = [sys.executable, "-m", "fastpxe", "host", *arguments, "-c", str(wire.config)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    return ran.stdout


def fetch(wire: Wire, name: str, *options: str) -> bytes:
    command = ["curl", "-sS", "--max-time", "10", *options, f"tftp://{SERVER}/{name}"]
    return subprocess.run(
        wire.client.command(*command), check=True, capture_output=True, timeout=LIMIT_S
    ).stdout


def test_a_host_that_is_set_boots_so_at_once_and_until_it_is_forgotten(served: Wire) -> None:
    process = served.start("-c", str(served.config))
    assert served.file_offered() == "usual.efi"
    host(served, "set", MAC, "--boot", "installer")
    served.wait_for(process, f"host {MAC}: boot set to installer")
    assert served.file_offered() == "installer.efi"
    assert fetch(served, "installer.efi") == b"installer" * 100
    assert served.file_offered() == "installer.efi"
    host(served, "forget", MAC)
    while served.file_offered() != "usual.efi":
        assert process.is_running()
    served.wait_for(process, f"host {MAC}: boot cleared")


def test_a_boot_once_is_forgotten_when_its_file_was_fetched(served: Wire) -> None:
    process = served.start("-c", str(served.config))
    host(served, "set", MAC, "--boot", "installer", "--once")
    served.wait_for(process, f"host {MAC}: boot set to installer, once")
    assert served.file_offered() == "installer.efi"
    assert served.file_offered() == "installer.efi"  # a firmware that asks again gets the same
    assert fetch(served, "installer.efi") == b"installer" * 100
    served.wait_for(process, f"host {MAC} has started 'installer'")
    assert ": boot cleared" not in process.output()
    assert served.file_offered() == "usual.efi"
    assert "no machine" in host(served, "list")


def test_a_boot_once_over_a_router_is_forgotten_too(served: Wire) -> None:
    """No neighbour entry tells the machine's MAC: only that a relay passed on what it takes."""
    far, chaddr = IPv4Address("10.55.0.9"), bytes.fromhex("525400aabbcc")
    served.client.ip(f"addr add {far}/32 dev lo\nlink set lo up")
    served.server.ip(f"route add {far}/32 via {CLIENT}")
    process = served.start("-c", str(served.config))
    host(served, "set", "52:54:00:aa:bb:cc", "--boot", "installer", "--once")
    served.wait_for(process, ": boot set to installer, once")
    relayed = {"giaddr": IPv4Address(CLIENT), "ciaddr": IPv4Address(0), "chaddr": chaddr}
    takes = {50: far.packed, 54: IPv4Address(CLIENT).packed}
    with served.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
        relay.settimeout(LIMIT_S)
        relay.bind((CLIENT, 67))
        fetch(served, "usual.efi")  # else the far address would be in the question for the server's
        fetch(served, "usual.efi", "--interface", str(far))  # whose it was before is unknown
        relay.sendto(discover(0, **relayed), (SERVER, 67))
        relay.recv(2048)
        relay.sendto(request_4011(0, options=takes, **relayed), (SERVER, 67))
        fetch(served, "installer.efi", "--interface", str(far))
    served.wait_for(process, "host 52:54:00:aa:bb:cc has started 'installer'")


def test_a_restart_and_a_reload_forget_nothing(served: Wire) -> None:
    host(served, "set", MAC, "--boot", "installer", "--once")
    process = served.start("-c", str(served.config))
    served.wait_for(process, f"host {MAC}: boot set to installer, once")
    process.popen.send_signal(signal.SIGHUP)
    served.wait_for(process, "reloaded:")
    served.wait_for(process, f"host {MAC}: boot set to installer, once", count=2)
    assert served.file_offered() == "installer.efi"
    process.stop(signal.SIGTERM)
    process = served.start("-c", str(served.config))
    served.wait_for(process, f"host {MAC}: boot set to installer, once")
    assert served.file_offered() == "installer.efi"


def test_a_boot_that_the_configuration_lost_is_told_and_changes_nothing(served: Wire) -> None:
    host(served, "set", MAC, "--boot", "installer")
    text = served.config.read_text()
    served.config.write_text(text[: text.rindex("[[boot]]")])
    process = served.start("-c", str(served.config))
    served.wait_for(process, ": boot set to installer, but no rule has that name: ignored")
    assert served.file_offered() == "usual.efi"


def test_a_boot_once_is_not_repeated_though_it_cannot_be_forgotten(served: Wire) -> None:
    """An installer that runs again at each boot would wipe the disk for ever."""
    host(served, "set", MAC, "--boot", "installer", "--once")
    state = served.folder / "state"
    subprocess.run(["mount", "--bind", state, state], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        process = served.start("-c", str(served.config))
        served.wait_for(process, f"host {MAC}: boot set to installer, once")
        assert served.file_offered() == "installer.efi"
        fetch(served, "installer.efi")
        served.wait_for(process, "would boot 'installer' again after a restart")
        served.wait_for(process, f"host {MAC} has started 'installer'")
        assert served.file_offered() == "usual.efi"
        process.stop(signal.SIGTERM)
    finally:
        subprocess.run(["umount", "--lazy", state], check=True)


def test_a_broken_database_is_told_once_and_stops_nobody(served: Wire) -> None:
    (served.folder / "state").mkdir()
    (served.folder / "state" / "hosts.db").write_bytes(os.urandom(4096))
    process = served.start("-c", str(served.config))
    served.wait_for(process, "hosts' boots are unchanged:")
    for _ in range(3):
        assert served.file_offered() == "usual.efi"
    assert process.stop(signal.SIGTERM) == 0
    assert process.output().count("hosts' boots are unchanged:") == 1


def test_a_host_that_was_set_before_boots_so_from_the_first_answer_on(served: Wire) -> None:
    host(served, "set", MAC, "--boot", "installer")
    process = served.start("-c", str(served.config), "--workers", "1")
    assert served.file_offered() == "installer.efi"
    for turn in range(1, 6):
        process.popen.send_signal(signal.SIGHUP)
        served.wait_for(process, "reloaded:", count=turn)
        assert served.file_offered() == "installer.efi"
