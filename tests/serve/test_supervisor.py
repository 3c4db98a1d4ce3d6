"""`fastpxe serve` in a namespace: start, reload, stop, and what it says when it can't."""

import os
import re
import signal
import socket
import subprocess
from collections import Counter
from ipaddress import IPv4Address
from pathlib import Path

import psutil
import pytest
from fault_rig import get as get_page
from netns import Process
from packets import Reply, discover
from project import TOP
from started import SERVE
from wire_rig import (
    CLIENT,
    LIMIT_S,
    ONE,
    SERVER,
    Downloading,
    Storm,
    Wire,
    fastpxe_of,
    http_of,
    workers_of,
)

pytestmark = pytest.mark.netns

TWO = '[[boot]]\nname = "two"\nfile = "two.efi"\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_it_counts_what_it_did(wire: Wire, number: int) -> None:
    process = wire.serve(ONE)
    wire.ask()
    assert process.stop(number) == 0
    assert "stopped: answered 1\n" in process.output()


def test_an_answer_is_logged_with_the_whole_identity(wire: Wire) -> None:
    process = wire.serve(ONE)
    wire.ask()
    process.stop(signal.SIGTERM)
    (line,) = (line for line in process.output().splitlines() if " offer " in line)
    assert "uuid=4c4c4544-0038-3610-804e-c4c04f4a5831" in line
    assert "option97=00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31" in line
    assert "rule=one file=one.efi" in line


def test_what_keeps_a_machine_from_booting_is_logged_once(wire: Wire) -> None:
    process = wire.serve(ONE)
    for xid in range(25):
        wire.ask(xid)
    wire.wait_for(process, "stuck mac=52:54:00:12:34:56 problem=retry-storm interface=eth0: ")
    process.stop(signal.SIGTERM)
    assert process.output().count("problem=retry-storm") == 1


def test_many_that_are_stuck_by_the_same_are_counted(wire: Wire) -> None:
    process = wire.serve('[[boot]]\narch = "bios"\nfile = "one.efi"\n')
    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        sock.bind(("", 68))
        for n in range(200):
            message = discover(arch=7, chaddr=bytes([2, 0, 0, 0, 0, n]))
            sock.sendto(message, ("255.255.255.255", 67))
    wire.wait_for(process, "more machines, problem=unknown-arch: ")
    process.stop(signal.SIGTERM)
    one_by_one = process.output().count("stuck mac=02:00:00:00:00:")
    counted = re.findall(r"stuck (\d+) more machines", process.output())
    assert one_by_one + sum(map(int, counted)) == 200


def test_a_hangup_puts_a_new_config_in_force(wire: Wire) -> None:
    process = wire.serve(ONE)
    assert wire.file_offered() == "one.efi"
    wire.write(TWO)
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reloaded: 1 rule from")
    assert wire.file_offered() == "two.efi"


def test_a_hangup_with_a_bad_config_keeps_the_old_one_in_force(wire: Wire) -> None:
    process = wire.serve(ONE)
    wire.write('[[boot]]\nfiel = "x"\n')
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reload refused")
    assert "fastpxe.toml:4: boot[0].fiel: unknown key; did you mean 'file'?" in process.output()
    assert wire.file_offered() == "one.efi"


def test_a_hangup_that_would_change_sockets_says_that_it_takes_a_restart(wire: Wire) -> None:
    process = wire.serve(ONE)
    wire.config.write_text(f"[tftp]\nenabled = false\n{TWO}")
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "change with a restart")
    wire.wait_for(process, "reloaded:")
    assert wire.file_offered() == "two.efi"
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "change with a restart", count=2)  # it still takes one
    wire.wait_for(process, "reloaded:", count=2)
    wire.write(ONE)  # as it was at the start
    process.popen.send_signal(signal.SIGHUP)
    wire.wait_for(process, "reloaded:", count=3)
    assert process.output().count("change with a restart") == 2


def test_an_unknown_arch_is_warned_of_once_a_client(wire: Wire) -> None:
    process = wire.serve('[[boot]]\narch = "bios"\nfile = "one.efi"\n')
    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        sock.bind(("", 68))
        for _ in range(3):
            sock.sendto(discover(arch=7), ("255.255.255.255", 67))
    wire.wait_for(process, "ignored unknown_arch")
    process.stop(signal.SIGTERM)
    assert process.output().count("ignored unknown_arch") == 1
    assert "unknown_arch 3" in process.output()


def test_missing_boot_files_are_named_at_start(wire: Wire) -> None:
    process = wire.serve(ONE)
    assert f"one.efi is not under {wire.folder}: clients of rule 'one' can't boot" in (
        process.output()
    )


def test_with_no_config_it_makes_a_folder_and_answers_with_the_files_of_fog(wire: Wire) -> None:
    process = Process(
        wire.server,
        *("env", "-C", wire.folder, f"PYTHONPATH={TOP}"),
        *SERVE,
        log=wire.folder / "log",
    )
    wire.processes.append(process)
    wire.wait_for(process, "ready")
    assert wire.file_offered() == "snponly.efi"
    if not Path("/tftpboot").is_dir():
        assert (wire.folder / "tftpboot").is_dir()
        assert f"made {wire.folder}/tftpboot: put the boot files there" in process.output()


def test_a_busy_port_is_named_with_its_holder_and_nothing_is_left_open(wire: Wire) -> None:
    first = wire.serve(ONE)
    second = subprocess.run(
        wire.server.command(*SERVE, "-c", str(wire.config)),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert second.returncode == 1
    assert "fastpxe: UDP port 67 on eth0 is held by" in second.stderr
    assert first.is_running()


def test_without_privileges_it_says_how_to_get_them(wire: Wire) -> None:
    wire.write(ONE)
    wire.folder.chmod(0o755)
    ran = subprocess.run(
        wire.server.command(
            *("setpriv", "--bounding-set=-all", "--inh-caps=-all"), *SERVE, "-c", str(wire.config)
        ),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1
    for way in ("sudo fastpxe serve", "setcap cap_net_bind_service", "AmbientCapabilities="):
        assert way in ran.stderr


def test_an_interface_that_is_not_there_is_refused_before_anything_is_bound(wire: Wire) -> None:
    wire.config.write_text(f'interfaces = ["eth7"]\n{ONE}')
    ran = subprocess.run(
        wire.server.command(*SERVE, "-c", str(wire.config)),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "interface eth7 is not up" in ran.stderr


def test_a_root_that_is_not_there_is_refused_with_the_key_to_set(wire: Wire) -> None:
    wire.config.write_text(f'[tftp]\nroot = "/no/such/folder"\n{ONE}')
    ran = subprocess.run(
        wire.server.command(*SERVE, "-c", str(wire.config)),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "TFTP root /no/such/folder: No such file or directory; set [tftp] root" in ran.stderr


# --- workers -------------------------------------------------------------------------------------

MANY = '[[boot]]\narch = "uefi-x64"\nfile = "one.efi"\n'


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize(
    ("to", "port", "fields"),
    [("255.255.255.255", 68, {}), (SERVER, 67, {"giaddr": IPv4Address(CLIENT)}), (SERVER, 68, {})],
    ids=["broadcast", "relayed", "unicast"],
)
def test_every_request_is_answered_once_whatever_the_number_of_workers(
    wire: Wire, count: int, to: str, port: int, fields: dict[str, object]
) -> None:
    wire.write(MANY)
    process = wire.start("-c", str(wire.config), "--workers", str(count))
    with Storm(wire, port) as storm:
        storm.send(range(2000), to, **fields)
        storm.hear(2000)
        storm.hear_what_is_left()
    assert storm.heard == Counter(range(2000))
    assert len(workers_of(process)) == count


def test_a_killed_worker_is_replaced_and_what_was_queued_is_answered(wire: Wire) -> None:
    wire.write(MANY)
    process = wire.start("-c", str(wire.config), "--workers", "2")
    first, second = workers_of(process)
    os.kill(first, signal.SIGSTOP)  # so that its share waits in the kernel
    with Storm(wire) as storm:
        storm.send(range(1000))
        storm.hear(500)
        os.kill(first, signal.SIGKILL)
        storm.hear(1000)
    assert storm.heard == Counter(range(1000))
    assert second in workers_of(process)
    assert "ended by signal 9; starting a replacement" in process.output()
    assert process.stop(signal.SIGTERM) == 0
    assert "stopped: answered 1000\n" in process.output()


def test_a_reload_in_mid_storm_loses_and_doubles_no_answer(wire: Wire) -> None:
    wire.write(MANY)
    process = wire.start("-c", str(wire.config), "--workers", "2")
    before = set(workers_of(process))
    with Storm(wire) as storm:
        for part in range(4):
            storm.send(range(part * 500, part * 500 + 500))
            os.kill(fastpxe_of(process), signal.SIGHUP)
        storm.hear(2000)
        storm.hear_what_is_left()
    assert storm.heard == Counter(range(2000))
    wire.wait_for(process, "reloaded:")
    assert before.isdisjoint(workers_of(process))


def test_once_it_is_reloaded_nobody_is_answered_as_before(wire: Wire) -> None:
    """The workers from before are the last to get to run: they have let go of the sockets."""
    process = wire.serve(ONE)
    for count in range(1, 21):
        wire.write(TWO if count % 2 else ONE)
        for pid in workers_of(process):
            os.setpriority(os.PRIO_PROCESS, pid, 19)
        os.kill(fastpxe_of(process), signal.SIGHUP)
        while process.output().count("reloaded:") < count:
            assert process.is_running(), process.output()
        assert wire.file_offered() == ("two.efi" if count % 2 else "one.efi")


def test_transfers_of_a_killed_worker_end_and_those_of_others_go_on(wire: Wire) -> None:
    content = bytes(range(256)) * 40
    (wire.folder / "boot.bin").write_bytes(content)
    wire.write(MANY)
    process = wire.start("-c", str(wire.config), "--workers", "2")
    downloads = [Downloading(wire)]
    while len({download.tid for download in downloads}) < 2:  # each worker has a port of its own
        downloads.append(Downloading(wire))
    os.kill(workers_of(process)[0], signal.SIGKILL)
    wire.wait_for(process, "starting a replacement")
    bound = wire.server.run("ss", "-Hlun")
    survived = [download for download in downloads if f":{download.tid[1]} " in bound]
    assert 0 < len(survived) < len(downloads)
    assert [download.finish() for download in survived] == [content] * len(survived)
    assert Downloading(wire).finish() == content


def test_a_reload_lets_transfers_end(wire: Wire) -> None:
    content = bytes(range(256)) * 40
    (wire.folder / "boot.bin").write_bytes(content)
    process = wire.serve(MANY)
    begun = Downloading(wire)
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    assert Downloading(wire).finish() == content
    assert begun.finish() == content


HTTP = MANY + "[http]\nenabled = true\n"


class Fetching:
    """An HTTP download of boot.bin whose answer is taken when told to."""

    def __init__(self, wire: Wire) -> None:
        self.sock = wire.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        wire.sockets.append(self.sock)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect((SERVER, 80))
        self.sock.sendall(b"GET /boot.bin HTTP/1.0\r\n\r\n")
        self.begun = self.sock.recv(1000)

    def finish(self) -> bytes:
        parts = [self.begun]
        while part := self.sock.recv(1 << 20):
            parts.append(part)
        return b"".join(parts).partition(b"\r\n\r\n")[2]


def test_files_are_served_over_http_beside_tftp(wire: Wire) -> None:
    content = bytes(range(256)) * 40
    (wire.folder / "boot.bin").write_bytes(content)
    process = wire.serve(HTTP)
    assert Fetching(wire).finish() == content
    assert Downloading(wire).finish() == content
    wire.wait_for(process, "http-done")
    assert "UDP 67+4011+69, TCP 80;" in process.output()
    assert process.stop(signal.SIGTERM) == 0


def test_a_killed_http_server_is_replaced(wire: Wire) -> None:
    content = bytes(range(256)) * 40
    (wire.folder / "boot.bin").write_bytes(content)
    process = wire.serve(HTTP)
    os.kill(http_of(process), signal.SIGKILL)
    wire.wait_for(process, "starting a replacement")
    assert Fetching(wire).finish() == content


def test_a_reload_lets_http_downloads_end(wire: Wire) -> None:
    content = os.urandom(20_000_000)
    (wire.folder / "boot.bin").write_bytes(content)
    process = wire.serve(HTTP)
    begun = Fetching(wire)
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "reloaded:")
    assert Fetching(wire).finish() == content
    assert begun.finish() == content


def test_scripts_are_made_for_each_machine_over_tftp_and_http(wire: Wire) -> None:
    (wire.folder / "scripts").mkdir()
    (wire.folder / "scripts" / "boot.ipxe").write_text("#!ipxe\necho {{ mac }} {{ rule }}\n")
    process = wire.serve(
        f'scripts = "{wire.folder}/scripts"\n[http]\nenabled = true\n'
        '[[boot]]\nname = "its own"\nmac = "02:00:00:00:00:07"\nfile = "boot.ipxe"\n'
    )
    assert "is not under" not in process.output()
    for scheme in ("tftp", "http"):
        url = f"{scheme}://{SERVER}/boot.ipxe"
        assert f"\nchain --replace --autofree {url};mac=${{netX/mac:hexhyp}};" in get(wire, url)
        made = get(wire, url + ";mac=02-00-00-00-00-07")
        assert made == "#!ipxe\necho 02:00:00:00:00:07 its%20own\n"


def test_a_script_that_fails_is_told_with_its_line(wire: Wire) -> None:
    (wire.folder / "bad.ipxe").write_text("#!ipxe\n{{ nobody }}\n")
    process = wire.serve(f'scripts = "{wire.folder}"\n[http]\nenabled = true\n{ONE}')
    for scheme in ("tftp", "http"):
        with pytest.raises(subprocess.CalledProcessError):
            get(wire, f"{scheme}://{SERVER}/bad.ipxe;mac=")
    wire.wait_for(process, "bad.ipxe:2: 'nobody' is undefined", count=2)


def get(wire: Wire, url: str) -> str:
    command = wire.client.command("curl", "-sSf", "-g", "--max-time", "10", url)
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=LIMIT_S
    ).stdout


def test_a_busy_http_port_is_named_with_its_holder(wire: Wire) -> None:
    with wire.server.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind((SERVER, 80))
        holder.listen()
        wire.write(HTTP)
        process = Process(wire.server, *SERVE, "-c", str(wire.config), log=wire.folder / "log")
        wire.processes.append(process)
        assert process.popen.wait(LIMIT_S) == 1
    assert "TCP port 80 on eth0" in process.output()
    assert "[http] port = 8080" in process.output()


def test_a_killed_recorder_is_replaced_and_the_log_goes_on(wire: Wire) -> None:
    process = wire.serve(MANY)
    (recorder,) = (
        child
        for child in psutil.Process(fastpxe_of(process)).children()
        if child.name() == "fastpxe-log"
    )
    recorder.kill()
    wire.wait_for(process, "the recorder")
    wire.ask()
    wire.wait_for(process, " offer ")


def test_the_workers_end_with_their_parent(wire: Wire) -> None:
    process = wire.serve(MANY)
    workers = [psutil.Process(pid) for pid in workers_of(process)]
    os.kill(fastpxe_of(process), signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=LIMIT_S)
    assert not alive


def test_two_interfaces_answer_the_same_machine_each_with_its_own_address(wire: Wire) -> None:
    wire.server.ip(f"link add eth1 type veth peer name eth1 netns {wire.client.path}")
    wire.server.ip("addr add 10.99.1.1/24 dev eth1\nlink set eth1 up")
    wire.client.ip("link set eth1 up")
    wire.serve(MANY)
    found = []
    for cable in ("eth0", "eth1"):
        with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(LIMIT_S)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, cable.encode())
            sock.bind(("", 68))
            sock.sendto(discover(arch=7), ("255.255.255.255", 67))
            found.append(str(Reply(sock.recv(2048)).siaddr))
    assert found == [SERVER, "10.99.1.1"]


def test_a_second_fastpxe_is_refused_though_workers_share_ports(wire: Wire) -> None:
    wire.write(MANY)
    wire.start("-c", str(wire.config), "--workers", "2")
    second = subprocess.run(
        wire.server.command(*SERVE, "-c", str(wire.config), "--workers", "2"),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert second.returncode == 1
    assert "UDP port 67 on eth0 is held by" in second.stderr


# --- dnsmasq's syntax ----------------------------------------------------------------------------

DNSMASQ = f"""
port=0
pxe-prompt="P",0
dhcp-mac=set:slow,52:54:00:12:34:56
dhcp-reply-delay=tag:slow,1
dhcp-boot=x64.efi
dhcp-range={SERVER},proxy
"""


def test_a_held_reply_holds_up_nobody_else(wire: Wire) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text(DNSMASQ)
    wire.start("--dnsmasq-conf", str(path), "--workers", "1")
    with Storm(wire) as storm:
        storm.send(range(1))  # from the slow machine
        storm.send(range(1, 2), chaddr=bytes.fromhex("525400999999"))
        storm.hear(1)
        assert storm.heard == {1: 1}
        storm.hear(2)
        assert storm.heard == {0: 1, 1: 1}


def test_dnsmasq_s_options_after_two_dashes_are_taken(wire: Wire) -> None:
    process = wire.start("--", f"--dhcp-range={SERVER},proxy", "--pxe-prompt=P,0", "-M", "a.efi")
    assert wire.file_offered() == "a.efi"
    assert "from command line" in process.output()


def test_a_dnsmasq_config_that_is_refused_exits_2_with_its_line(wire: Wire) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text("port=0\npxe-service=NoSuchCSA,menu,file\n")
    ran = subprocess.run(
        wire.server.command(*SERVE, "--dnsmasq-conf", str(path)),
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ran.returncode == 2
    assert f"fastpxe: {path}:2:" in ran.stderr


def test_what_keeps_a_dnsmasq_config_silent_is_said_at_start(wire: Wire) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text(f"port=0\ntftp-root=/tftpboot\ndhcp-boot=a\ndhcp-range={SERVER},proxy\n")
    process = wire.start("--dnsmasq-conf", str(path))
    assert "neither pxe-prompt nor pxe-service" in process.output()
    assert "tftp-root serves no file without enable-tftp" in process.output()


def test_a_reload_keeps_the_replies_that_are_held(wire: Wire) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text(DNSMASQ)
    process = wire.start("--dnsmasq-conf", str(path), "--workers", "1")
    with Storm(wire) as storm:
        storm.send(range(1))
        wire.wait_for(process, " offer ")
        os.kill(fastpxe_of(process), signal.SIGHUP)
        wire.wait_for(process, "reloaded:")
        storm.hear(1)


def test_what_a_reload_cannot_change_is_told_as_it_is(wire: Wire) -> None:
    process = wire.serve(ONE)
    for turn in (1, 2):
        wire.config.write_text(f'interfaces = ["lo"]\n[http]\nenabled = true\nport = 81\n{TWO}')
        os.kill(fastpxe_of(process), signal.SIGHUP)
        wire.wait_for(process, "reloaded:", count=turn)
        wire.wait_for(process, "change with a restart", count=turn)
    status, text = get_page(wire.server, "/api/status")
    assert status == 200
    assert "eth0 10.99.0.1; UDP 67+4011+69; 1 rule" in text


def test_urls_name_the_port_that_is_open_though_a_reload_asks_for_another(wire: Wire) -> None:
    (wire.folder / "one.efi").write_bytes(b"MZ")
    process = wire.serve(f"[http]\nenabled = true\n{ONE}")
    asked = discover(arch=16, family="HTTPClient")
    assert wire.broadcast(asked).file == f"http://{SERVER}/one.efi"
    wire.write(f"[http]\nenabled = true\nport = 81\n{ONE}")
    os.kill(fastpxe_of(process), signal.SIGHUP)
    wire.wait_for(process, "change with a restart")
    wire.wait_for(process, "reloaded:")
    assert wire.broadcast(asked).file == f"http://{SERVER}/one.efi"
