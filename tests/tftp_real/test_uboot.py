"""U-Boot, which asks for a timeout and for windows: files of every size, by checksum."""

import re
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import packages
import pytest
from netns import Process
from served import pattern
from testbed import Lab

pytestmark = [pytest.mark.qemu, pytest.mark.netns]

ROM = "/usr/lib/u-boot/qemu-x86_64/u-boot.rom"
RULES = '[[boot]]\nname = "u-boot"\nfile = "f1"\n'
SIZES = (1, 511, 512, 513, 1468, 14_680, 3_000_000)
LOAD_AT = "0x1000000"
LIMIT_S = 60


class Console:
    """U-Boot's shell on the serial port."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(1)
        self.heard = b""

    def wait_for(self, pattern_: bytes) -> bytes:
        """What came up to and with the pattern."""
        end = time.monotonic() + LIMIT_S
        while (found := re.search(pattern_, self.heard)) is None:
            assert time.monotonic() < end, self.heard
            try:
                self.heard += self.sock.recv(4096)
            except TimeoutError:
                continue
        said, self.heard = self.heard[: found.end()], self.heard[found.end() :]
        return said

    def run(self, command: str) -> bytes:
        self.sock.sendall(command.encode() + b"\n")
        return self.wait_for(rb"\n=> ")


@contextmanager
def console(lab: Lab) -> Iterator[Console]:
    path = lab.folder / "serial"
    log = lab.folder / "u-boot.qemu"
    lab.logs.append(log)
    machine = Process(
        lab.bridge, "qemu-system-x86_64", "-machine", "pc,accel=tcg", "-m", "128", "-bios", ROM,
        "-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no",
        "-device", "e1000,netdev=net,mac=52:54:00:77:00:01", "-nodefaults", "-display", "none",
        "-vga", "none", "-serial", f"unix:{path},server=on,wait=on", log=log,
    )  # fmt: skip
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            end = time.monotonic() + LIMIT_S
            while sock.connect_ex(str(path)):
                assert time.monotonic() < end, machine.output()
                time.sleep(0.05)
            opened = Console(sock)
            opened.wait_for(rb"autoboot")
            opened.run("")
            yield opened
    finally:
        machine.kill()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if not packages.is_present(ROM):
        pytest.fail(f"apt-get install --no-install-recommends {packages.PACKAGES[ROM]}")
    root = tmp_path / "root"
    root.mkdir()
    for size in (0, *SIZES):
        (root / f"f{size}").write_bytes(pattern(size))
    with Lab(tmp_path, root) as lab:
        yield lab


@pytest.mark.parametrize("windowsize", [1, 8])
def test_u_boot_loads_files_of_every_size(lab: Lab, windowsize: int) -> None:
    with lab.responder(RULES), console(lab) as u_boot:
        for name, value in (
            ("ipaddr", "10.77.0.50"), ("serverip", "10.77.0.2"), ("netmask", "255.255.255.0"),
            ("tftpwindowsize", str(windowsize)),
        ):  # fmt: skip
            u_boot.run(f"setenv {name} {value}")
        assert b"0 Bytes\r\n" in u_boot.run(f"tftpboot {LOAD_AT} f0")
        for size in SIZES:
            said = u_boot.run(f"tftpboot {LOAD_AT} f{size}")
            assert f"Bytes transferred = {size} ".encode() in said
            summed = u_boot.run(f"crc32 {LOAD_AT} {size:x}")
            assert f"==> {zlib.crc32(pattern(size)):08x}".encode() in summed
    done = [line for line in lab.log_of("fastpxe") if "tftp-done" in line]
    assert len(done) == len(SIZES) + 1
    assert all(("windowsize=8" in line) == (windowsize == 8) for line in done)
