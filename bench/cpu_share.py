"""Where the CPU time goes while fastpxe answers: in the kernel, in fastpxe's own code, in Python.

perf samples every process of the server while the generator sends at a fixed rate, for each number
of rules for single machines, and for the C responder. Shares are of the worker's samples; what the
log process took beside it is in a column of its own, of all samples.

example: sudo .venv/bin/python bench/cpu_share.py --rate 40000
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import psutil
import storm

HOSTS = (10, 1_000, 100_000)
SECONDS = 5
OWN = ("_codec", "_respond", "_request", "_port", "_answer_cache")
PARTS = ("kernel", "own", "other")
Shares = dict[tuple[str, str], float]  # (process, library): percent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=40_000, help="requests a second")
    rate = parser.parse_args().rate
    print("| server | kernel | own code | Python, uvloop, libc | log process, of all |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, storm.network():
        for name, command in servers(Path(folder)).items():
            print_row(name, sampled(command, Path(folder), rate))


def servers(folder: Path) -> dict[str, tuple[str, ...]]:
    base = storm.servers(folder)
    commands = {}
    for hosts in HOSTS:
        config = folder / f"{hosts}.toml"
        config.write_text(storm.FASTPXE_CONFIG.replace("[[boot]]", machines(hosts), 1))
        commands[f"fastpxe, {hosts:,} machines"] = (*base["fastpxe"][:-1], str(config))
    return commands | {"C recvmmsg": base["C recvmmsg"]}


def machines(hosts: int) -> str:
    """A rule for so many MACs, none of them the generator's, and the head of the next rule."""
    macs = ",".join(
        f'"06:00:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"' for n in range(hosts)
    )
    return f'[[boot]]\nmac = [{macs}]\nfile = "x"\n[[boot]]'


def sampled(command: tuple[str, ...], folder: Path, rate: int) -> Shares:
    data = str(folder / "perf.data")
    server = storm.Server(command, folder / "log")
    parent = psutil.Process(server.process.pid)
    pids = [str(process.pid) for process in (parent, *parent.children(recursive=True))]
    with subprocess.Popen(
        ("perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-p", ",".join(pids), "-o", data,
         "--", "sleep", str(SECONDS))
    ):  # fmt: skip
        storm.generate("--mode", "rate", "--rate", str(rate), "--seconds", str(SECONDS))
    server.stop()
    report = subprocess.run(
        ("perf", "report", "-i", data, "--stdio", "-q", "-t", ";", "--sort", "comm,dso"),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    shares: Shares = {}
    for line in report.stdout.splitlines():
        if line.strip():
            percent, process, library = line.split(";")[:3]
            shares[process.strip(), library.strip()] = float(percent.strip(" %"))
    return shares


def print_row(name: str, shares: Shares) -> None:
    log = sum(percent for (process, _), percent in shares.items() if process.endswith("-log"))
    worker = dict.fromkeys(PARTS, 0.0)
    for (process, library), percent in shares.items():
        if not process.endswith("-log"):
            worker[kind(library)] += percent
    total = sum(worker.values())
    columns = (f"{100 * worker[part] / total:.1f} %" for part in PARTS)
    print(f"| {name} | {' | '.join(columns)} | {log:.1f} % |", flush=True)


def kind(library: str) -> str:
    if library.startswith("[kernel"):
        return "kernel"
    return "own" if library.startswith((*OWN, "pxelimit")) else "other"


if __name__ == "__main__":
    main()
