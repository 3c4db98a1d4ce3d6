"""A worker that may open no more files: each transfer takes two, its file and its port."""

import resource
import socket

import psutil
import pytest
from fault_rig import fetch, metrics, wait_until
from wire_rig import ONE, SERVER, Downloading, Wire, workers_of

pytestmark = pytest.mark.netns

CONTENT = bytes(range(256)) * 40
REFUSED = ("fastpxe_tftp_refused_total", "0")


def test_without_descriptors_downloads_are_refused_and_all_else_goes_on(wire: Wire) -> None:
    (wire.folder / "boot.bin").write_bytes(CONTENT)
    wire.config.write_text(f'[tftp]\nroot = "{wire.folder}"\nports = "per-transfer"\n{ONE}')
    process = wire.start("-c", str(wire.config), "--workers", "1")
    (worker,) = workers_of(process)
    assert fetch(wire, "boot.bin") == CONTENT
    begun = [Downloading(wire) for _ in range(3)]
    open_now = psutil.Process(worker).num_fds()
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (open_now, 4096))
    for count in range(1, 11):
        with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.sendto(b"\0\1boot.bin\0octet\0", (SERVER, 69))
            assert sock.recv(2048).startswith(b"\0\5\0\0Server can't start the transfer")
        assert wire.ask(xid=count).file == "one.efi"
    wait_until(wire.server, lambda found: found.get(REFUSED) == 10)
    assert [download.finish() for download in begun] == [CONTENT] * 3
    assert fetch(wire, "boot.bin") == CONTENT  # by the descriptors of those
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (4096, 4096))
    more = [Downloading(wire) for _ in range(8)]
    assert [download.finish() for download in more] == [CONTENT] * 8
    assert psutil.Process(worker).num_fds() <= open_now
    assert workers_of(process) == [worker]
    assert metrics(wire.server)[REFUSED] == 10
    assert "Too many open files" in process.output()
