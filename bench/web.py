"""HTTP downloads from fastpxe and from nginx, in turn.

Each server runs alone in a network namespace, pinned to one CPU; the clients (load/httpsink, which
throw the bytes away in the kernel) are in another namespace, on the other CPU. The servers
alternate, round after round, in changing order. nginx has one worker and sendfile on. Figures are
medians; in brackets the lowest and the highest.

example: sudo .venv/bin/python bench/web.py --rounds 7
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from lab import (
    ADDRESS,
    CLIENT,
    LOAD,
    PATIENCE_S,
    SERVE,
    SERVER,
    Server,
    alternated,
    inside,
    network,
)
from report import Measured, Taken, middle, spread, table

LIMIT = "nginx"
FASTPXE_CONFIG = """
[dhcp]
ports = [4011]
[tftp]
enabled = false
root = "{root}"
[http]
enabled = true
"""
NGINX_CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/nginx.log;
    sendfile on;
    server {{ listen 80; root {root}; }}
}}
"""
# How many clients at once, how many downloads each one after the other, and of which file in MiB.
LOADS = {"1 x 100 MiB": (1, 8, 100), "100 x 100 MiB": (100, 1, 100), "1 x 1 MiB": (1, 300, 1)}


class HttpServer(Server):
    def _has_port(self) -> bool:
        ran = subprocess.run(("ip", "netns", "exec", SERVER, "ss", "-Hltn", "sport = 80"),
                             check=True, capture_output=True)  # fmt: skip
        return bool(ran.stdout.strip())


def download(clients: int, repeats: int, size_mib: int) -> float:
    """MB/s of all together."""
    command = (
        str(LOAD / "httpsink"), "--server", ADDRESS, "--port", "80", "--path", f"/f{size_mib}",
        "--repeat", str(repeats), "--json",
    )  # fmt: skip
    began = time.monotonic()
    running = [
        subprocess.Popen(inside(CLIENT, 1, *command), stdout=subprocess.PIPE)
        for _ in range(clients)
    ]
    for one in running:
        one.communicate(timeout=20 * PATIENCE_S)
        assert one.returncode == 0
    took_s = time.monotonic() - began
    return clients * repeats * size_mib * 2**20 / 1e6 / took_s


def servers(folder: Path) -> dict[str, tuple[str, ...]]:
    root = folder / "root"
    native, nginx = folder / "fastpxe.toml", folder / "nginx.conf"
    native.write_text(FASTPXE_CONFIG.format(root=root))
    nginx.write_text(NGINX_CONFIG.format(folder=folder, root=root))
    return {
        LIMIT: ("nginx", "-c", str(nginx)),
        "fastpxe": (*SERVE, "-c", str(native)),
    }


def measure(command: tuple[str, ...], log: Path) -> Measured:
    server = HttpServer(command, log)
    found = {name: download(*load) for name, load in LOADS.items()}
    server.stop()
    return found


def text(taken: Taken) -> str:
    lines = [["server, MB/s; to nginx", *LOADS], ["---"] * (len(LOADS) + 1)]
    for name, runs in taken.items():
        cells = [
            f"{spread(runs, load)}; {middle(runs, load) / middle(taken[LIMIT], load):.2f}"
            for load in LOADS
        ]
        lines.append([name, *cells])
    return table(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    arguments = parser.parse_args()
    averages = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as path, network():
        folder = Path(path)
        folder.chmod(0o755)  # nginx's worker gives up root
        (folder / "root").mkdir()
        for size_mib in {size for _, _, size in LOADS.values()}:
            (folder / "root" / f"f{size_mib}").write_bytes(os.urandom(size_mib << 20))
        commands = servers(folder)
        taken: Taken = {name: [] for name in commands}
        for name in alternated(list(commands), arguments.rounds, averages):
            taken[name].append(measure(commands[name], folder / "log"))
    if arguments.json:
        arguments.json.parent.mkdir(exist_ok=True)
        found = {"taken": taken, "load": (min(averages), max(averages))}
        arguments.json.write_text(json.dumps(found, indent=1))
    print(f"load average {min(averages):.1f} to {max(averages):.1f}\n\n{text(taken)}", end="")


if __name__ == "__main__":
    main()
