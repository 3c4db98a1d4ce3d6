"""Memory of an open transfer: downloads that stop after their first block, and are held open.

Memory is what the server's processes have each for themselves (USS), so that other programs which
share a library don't count; what the kernel keeps for a socket isn't in it.

example: sudo .venv/bin/python bench/hold.py
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from lab import ADDRESS, CLIENT, LOAD, inside, network
from report import table
from tftp import TftpServer, servers

SERVERS = ("C gso", "fastpxe", "fastpxe, a port each", "tftpd-hpa", "dnsmasq")


def memory(process: int) -> int:
    """Bytes of a process and all below it."""
    top = psutil.Process(process)
    return sum(one.memory_full_info().uss for one in (top, *top.children(recursive=True)))


def held(root: Path, transfers: int) -> "subprocess.Popen[str]":
    """Start downloads, and wait until all have had their first block."""
    command = (
        str(LOAD / "tftpstorm"), "--server", ADDRESS, "--file", "f1024", "--hold", "2",
        "--clients", str(transfers),
    )  # fmt: skip
    running = subprocess.Popen(
        inside(CLIENT, 1, *command), stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert running.stdout is not None
    print(running.stdout.readline().strip())
    return running


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transfers", type=int, default=2000)
    arguments = parser.parse_args()
    lines = [["server", "before, MiB", "held, MiB", "KiB a transfer"], ["---"] * 4]
    with tempfile.TemporaryDirectory() as path, network():
        folder = Path(path)
        folder.chmod(0o755)  # some servers give up root
        (folder / "root").mkdir()
        (folder / "root" / "f1024").write_bytes(os.urandom(1 << 20))
        commands = servers(folder)
        for name in SERVERS:
            server = TftpServer(commands[name], folder / "log")
            for warm in range(2):  # what is set up once doesn't count
                running = held(folder / "root", 10 if warm == 0 else arguments.transfers)
                if warm == 0:
                    running.wait()
                    before = memory(server.process.pid)
            time.sleep(0.2)
            after = memory(server.process.pid)
            running.wait()
            server.stop()
            each = (after - before) / arguments.transfers / 1024
            lines.append([name, f"{before / 2**20:.1f}", f"{after / 2**20:.1f}", f"{each:.2f}"])
    print(table(lines), end="")


if __name__ == "__main__":
    main()
