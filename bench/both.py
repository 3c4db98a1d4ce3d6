"""Offers while files are sent: does a thousand downloads at once keep proxy offers waiting?

One worker of fastpxe, pinned to one CPU, in a network namespace. On the other CPU, in another
namespace, load/tftpstorm downloads a file with many clients, and load/pxestorm asks for offers
meanwhile: 5,000 a second for two seconds, then 5,000 at once. Reported: the share answered, the
service latency that fastpxe itself takes (from the kernel's receive time to the send), with and
without downloads, and what became of the downloads. Medians; in brackets the lowest and highest.

example: sudo .venv/bin/python bench/both.py --rounds 5
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from lab import ADDRESS, CLIENT, LOAD, SERVE, alternated, inside, network
from report import Measured, spread, table
from storm import Responder, generate

CONFIG = """
[tftp]
root = "{root}"
max_transfers_per_client = 100_000
[[boot]]
file = "big"
"""


def downloads(root: Path, clients: int, window: int) -> "subprocess.Popen[str]":
    command = (
        str(LOAD / "tftpstorm"), "--server", ADDRESS, "--file", "big", "--check", str(root / "big"),
        "--clients", str(clients), "--transfers", "1000000", "--window", str(window), "--json",
    )  # fmt: skip
    return subprocess.Popen(inside(CLIENT, 1, *command), stdout=subprocess.PIPE, text=True)


def measure(command: tuple[str, ...], folder: Path, clients: int, window: int) -> Measured:
    server = Responder(command, folder / "log")
    running = downloads(folder / "root", clients, window) if clients else None
    time.sleep(0.5)
    steady = generate("--mode", "rate", "--rate", "5000", "--seconds", "2")
    if running is not None:
        running.kill()
        running.wait()
    server.stop()
    found = {"answered at 5,000/s": 100 * steady["answered"] / steady["sent"], **server.latency()}
    server = Responder(command, folder / "log")
    running = downloads(folder / "root", clients, window) if clients else None
    time.sleep(0.5)
    storm = generate("--mode", "storm", "--clients", "5000")
    if running is not None:
        running.kill()
        running.wait()
    server.stop()
    found["answered of 5,000 at once"] = 100 * storm["answered"] / storm["sent"]
    found["duplicates"] = steady["duplicates"] + storm["duplicates"]
    found["last_ms"] = storm["last_offer_ms"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    arguments = parser.parse_args()
    loads = {"no downloads": (0, 1), "1,000, window 1": (1000, 1), "1,000, window 16": (1000, 16)}
    taken: dict[str, list[Measured]] = {name: [] for name in loads}
    averages = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as path, network():
        folder = Path(path)
        (folder / "root").mkdir()
        (folder / "root" / "big").write_bytes(os.urandom(1 << 20))
        config = folder / "fastpxe.toml"
        config.write_text(CONFIG.format(root=folder / "root"))
        command = (*SERVE, "-c", str(config))
        for name in alternated(list(loads), arguments.rounds, averages):
            taken[name].append(measure(command, folder, *loads[name]))
    if arguments.json:
        arguments.json.parent.mkdir(exist_ok=True)
        found = {"taken": taken, "load": (min(averages), max(averages))}
        arguments.json.write_text(json.dumps(found, indent=1))
    print(f"load average {min(averages):.1f} to {max(averages):.1f}\n")
    heads = {
        "answered at 5,000/s": "5,000/s answered, %", "p50": "p50, µs", "p99": "p99, µs",
        "answered of 5,000 at once": "5,000 at once, %", "last_ms": "last, ms",
    }  # fmt: skip
    rows = [[name, *(spread(runs, key) for key in heads)] for name, runs in taken.items()]
    lines = [["downloads", *heads.values()], ["---"] * (len(heads) + 1), *rows]
    print(table(lines), end="")


if __name__ == "__main__":
    main()
