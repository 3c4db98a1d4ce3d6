"""Downloads by many clients at once, from fastpxe, C servers and the usual TFTP servers, in turn.

Each server runs alone in a network namespace, pinned to one CPU; the clients (load/tftpstorm) are
in another namespace, on the other CPU, and compare every byte. The servers alternate, round after
round, in changing order. Figures are medians; in brackets the lowest and the highest.

A load is CLIENTSxKIBwWINDOW: 100x1024w16 is 100 clients at once, a file of 1 MiB, windowsize 16.

example: sudo .venv/bin/python bench/tftp.py --rounds 5 --json bench/results/tftp.json
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from lab import ADDRESS, CLIENT, LOAD, SERVE, Server, alternated, inside, network
from report import C_TFTP, Measured, Results, Taken, downloads, method

LOADS = "100x1024w16,1000x256w16,100x1024w1,1000x256w1,5000x64w1"

FASTPXE_CONFIG = """
[dhcp]
ports = [4011]
[tftp]
root = "{root}"
max_transfers_per_client = 100_000
data_path = "{data_path}"
ports = "{ports}"
[[boot]]
file = "f64"
style = "direct"
"""


class Load(NamedTuple):
    clients: int
    size_kib: int
    window: int

    def __str__(self) -> str:
        return f"{self.clients}x{self.size_kib}w{self.window}"


class TftpServer(Server):
    port = 69


def load_of(text: str) -> Load:
    found = re.fullmatch(r"(\d+)x(\d+)w(\d+)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text}: write it as 100x1024w16")
    return Load(*map(int, found.groups()))


def download(load: Load, root: Path) -> Measured:
    name = f"f{load.size_kib}"
    command = (
        str(LOAD / "tftpstorm"), "--server", ADDRESS, "--file", name, "--check", str(root / name),
        "--clients", str(load.clients), "--window", str(load.window), "--json",
    )  # fmt: skip
    ran = subprocess.run(
        inside(CLIENT, 1, *command), check=False, capture_output=True, text=True, timeout=300
    )
    found: Measured = json.loads(ran.stdout.splitlines()[-1])
    return found


def fastpxe(folder: Path, data_path: str, ports: str) -> tuple[str, ...]:
    config = folder / f"{data_path}-{ports}.toml"
    text = FASTPXE_CONFIG.format(root=folder / "root", data_path=data_path, ports=ports)
    config.write_text(text)
    return (*SERVE, "-c", str(config))


def servers(folder: Path) -> dict[str, tuple[str, ...]]:
    root = str(folder / "root")
    limit = (str(LOAD / "tftplimit"), "--addr", ADDRESS, "--root", root)
    return {
        C_TFTP: (*limit, "--method", "gso", "--sockets", "shared"),
        "fastpxe": fastpxe(folder, "auto", "shared"),
        "fastpxe, mmsg": fastpxe(folder, "mmsg", "shared"),
        "fastpxe, sendfile": fastpxe(folder, "sendfile", "shared"),
        "fastpxe, a port each": fastpxe(folder, "auto", "per-transfer"),
        "tftpd-hpa": ("in.tftpd", "-L", "-a", f"{ADDRESS}:69", "-s", root),
        "atftpd": ("atftpd", "--daemon", "--no-fork", "--bind-address", ADDRESS, "--maxthread",
                   "10000", "--logfile", "/dev/null", "--user", "root", "--group", "root", root),
        "dnsmasq": ("dnsmasq", "-k", "--port=0", "--user=root", "--pid-file=", "--enable-tftp",
                    f"--tftp-root={root}", "--tftp-max=10000", "--log-facility=-"),
    }  # fmt: skip


def measure(command: tuple[str, ...], log: Path, loads: list[Load], root: Path) -> Measured:
    found: Measured = {}
    for load in loads:
        server = TftpServer(command, log)
        ran = download(load, root)
        server.stop()
        found[f"speed {load}"] = ran["mb_s"]
        found[f"failed {load}"] = ran["failed"]
        found[f"repeated {load}"] = ran["retransmits"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loads", default=LOADS, help=f"default: {LOADS}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="names of servers, the C server among them")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    arguments = parser.parse_args()
    loads = [load_of(one) for one in arguments.loads.split(",")]
    averages = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as path, network():
        folder = Path(path)
        folder.chmod(0o755)  # some servers give up root
        root = folder / "root"
        root.mkdir()
        for load in loads:
            (root / f"f{load.size_kib}").write_bytes(os.urandom(load.size_kib << 10))
        commands = servers(folder)
        chosen = [name for name in commands if not arguments.only or name in arguments.only]
        for name in [name for name in chosen if shutil.which(commands[name][0]) is None]:
            print(f"{name} is not installed, and left out", file=sys.stderr)
            chosen.remove(name)
        taken: Taken = {name: [] for name in chosen}
        for name in alternated(chosen, arguments.rounds, averages):
            taken[name].append(measure(commands[name], folder / "log", loads, root))
    results = Results(taken, (min(averages), max(averages)))
    if arguments.json:
        arguments.json.parent.mkdir(exist_ok=True)
        arguments.json.write_text(json.dumps(results._asdict(), indent=1))
    print(f"{method(results)}\n{downloads(results)}", end="")


if __name__ == "__main__":
    main()
