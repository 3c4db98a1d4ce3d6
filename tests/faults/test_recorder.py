"""What tells of the workers: without descriptors, stopped, killed, and under a flood."""

import resource
import signal
import socket
import threading

import pytest
from fault_rig import child_of, fetch, metrics, wait_until
from wire_rig import CLIENT, ONE, SERVER, Wire

pytestmark = pytest.mark.netns

REFUSED = ("fastpxe_tftp_refused_total", "1")
DNSMASQ = f"""
port=0
pxe-prompt="P",0
dhcp-boot=x64.efi
dhcp-range={SERVER},proxy
"""


def test_without_descriptors_it_still_tells_of_downloads(wire: Wire) -> None:
    (wire.folder / "boot.bin").write_bytes(b"x" * 600)
    process = wire.serve(ONE)
    metrics(wire.server)  # it has begun
    recorder = child_of(process, "fastpxe-log")
    resource.prlimit(recorder.pid, resource.RLIMIT_NOFILE, (recorder.num_fds(), 4096))
    assert fetch(wire, "boot.bin") == b"x" * 600
    wire.wait_for(process, "tftp-done")
    assert child_of(process, "fastpxe-log").pid == recorder.pid


def test_one_that_takes_the_place_of_another_knows_dnsmasq_s_lines_too(wire: Wire) -> None:
    path = wire.folder / "dnsmasq.conf"
    path.write_text(DNSMASQ)
    process = wire.start("--dnsmasq-conf", str(path), "--workers", "1")
    wire.ask()
    wire.wait_for(process, " offer ")
    child_of(process, "fastpxe-log").kill()
    wire.wait_for(process, "the recorder")
    wire.ask()
    wire.wait_for(process, " offer ", count=2)
    first, second = (line for line in process.output().splitlines() if " offer " in line)
    assert "file=x64.efi" in first
    assert second.partition(" offer ")[2] == first.partition(" offer ")[2]


def test_a_flood_of_requests_for_files_keeps_nobody_from_its_page(wire: Wire) -> None:
    process = wire.serve(ONE)
    is_over = threading.Event()

    def flood() -> None:
        """More than is told, with pauses: where no core is ever idle, the recorder waits."""
        with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((CLIENT, 0))
            while not is_over.wait(0.005):
                for _ in range(200):
                    sock.sendto(b"\0\1no-such-file\0octet\0", (SERVER, 69))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        wire.wait_for(process, "tftp-refused", count=200)
        wire.wait_for(process, "problem=missing-file")
        before = metrics(wire.server)[REFUSED]
        wait_until(wire.server, lambda found: found[REFUSED] > before)
    finally:
        is_over.set()
        flooding.join()
    assert process.stop(signal.SIGTERM) == 0
