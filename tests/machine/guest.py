"""A virtual machine whose PID 1 is systemd, and what runs commands in it.

QEMU boots Debian's own kernel from an image made of a folder; no KVM is needed. Its network card is
eth0 of a namespace of ours. Commands go through QEMU's guest agent, beside the network.
Sources: qemu-ga(8), the QEMU Guest Agent Protocol Reference.
"""

import base64
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netns import Namespace

SERVER, CLIENT = "10.99.0.1", "10.99.0.2"
PACKAGES = ("systemd-sysv", "dbus", "udev", "qemu-guest-agent", "linux-image-cloud-amd64")
LIFE_LIMIT_S = 1200
BOOT_LIMIT_S = 300
LIMIT_S = 60
NETWORK = f"""
[Match]
Name=eth0
[Network]
Address={SERVER}/24
LinkLocalAddressing=no
"""


def install(root: Path, *packages: str | Path) -> None:
    """Into a Debian in a folder, by apt."""
    command = (
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot", root),
        *("env", "DEBIAN_FRONTEND=noninteractive"),
        *("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages),
    )
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def make_bootable(root: Path) -> None:
    install(root, *PACKAGES)
    (root / "etc" / "systemd" / "network" / "eth0.network").write_text(NETWORK)
    subprocess.run(("chroot", root, "systemctl", "enable", "systemd-networkd"), check=True)


class Guest:
    """The Debian in a folder, booted."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.network = Namespace()
        self.network.ip(f"""
            tuntap add eth0 mode tap
            address add {CLIENT}/24 dev eth0
            link set eth0 up
        """)
        image = folder / "image"
        subprocess.run(("mke2fs", "-q", "-t", "ext4", "-d", root, image, "3G"), check=True)
        self.serial = folder / "serial"
        agent = folder / "agent"
        qemu = (
            *("qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2"),
            *("-m", "512", "-kernel", root / "vmlinuz", "-initrd", root / "initrd.img"),
            *("-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet"),
            *("-drive", f"file={image},format=raw,if=virtio,cache=unsafe"),
            *("-netdev", "tap,id=net,ifname=eth0,script=no,downscript=no"),
            *("-device", "virtio-net-pci,netdev=net,romfile="),
            *(
                "-device",
                "virtio-serial",
                "-chardev",
                f"socket,id=agent,path={agent},server=on,wait=off",
            ),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            *("-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot"),
            *("-serial", f"file:{self.serial}"),
        )
        self.process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "TERM", "timeout", "--kill-after=5", str(LIFE_LIMIT_S),
             *self.network.command(*qemu)),
        )  # fmt: skip
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.wait_until(agent.exists)
            self.sock.connect(str(agent))
            self.replies = self.sock.makefile("r")
            self.sock.settimeout(BOOT_LIMIT_S)
            self.ask("guest-ping")  # QEMU keeps it until somebody in the guest listens
            self.sock.settimeout(LIMIT_S)
        except BaseException:
            self.close()
            raise

    def ask(self, execute: str, **arguments: object) -> Any:
        message = {"execute": execute, "arguments": arguments}
        self.sock.sendall(json.dumps(message).encode() + b"\n")
        reply = json.loads(self.replies.readline())
        assert "return" in reply, reply
        return reply["return"]

    def shell(self, line: str) -> tuple[int, str]:
        """Exit status and output of a line for root's shell."""
        started = self.ask(
            "guest-exec",
            **{"path": "/bin/sh", "arg": ["-c", f"exec 2>&1; {line}"], "capture-output": True},
        )
        while not (status := self.ask("guest-exec-status", pid=started["pid"]))["exited"]:
            time.sleep(0.1)
        output = base64.b64decode(status.get("out-data", "")).decode()
        return status.get("exitcode", -1), output

    def run(self, line: str) -> str:
        status, output = self.shell(line)
        assert status == 0, f"{line}: {status}\n{output}"
        return output.strip()

    def write(self, path: str, text: str) -> None:
        encoded = base64.b64encode(text.encode()).decode()
        self.run(f"mkdir -p $(dirname {path}) && echo {encoded} | base64 -d > {path}")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not holds():
            assert self.process.poll() is None, self.console()
            assert time.monotonic() < end, self.console()
            time.sleep(0.2)

    def console(self) -> str:
        return self.serial.read_text(errors="replace")[-4000:] if self.serial.exists() else ""

    def close(self) -> None:
        self.sock.close()
        self.process.terminate()  # timeout(1) passes it on
        self.process.wait()
        os.close(self.network.fd)
