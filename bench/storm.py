"""Boot storms, sustained rate and service latency of fastpxe, a C responder and dnsmasq, in turn.

Each server runs alone in a network namespace, pinned to one CPU; the generator (load/pxestorm) is
in another namespace, on the other CPU. The servers alternate, round after round, in changing order.
Figures are medians; in brackets the lowest and the highest. Service latency is taken inside the
server, from the kernel's receive time to the send, by fastpxe and by the C responder alike.

example: sudo .venv/bin/python bench/storm.py --rounds 5 --json bench/results/storm.json
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import report
from report import Measured, Taken

LOAD = Path(__file__).parent / "load"
SERVER, CLIENT = f"fpb-srv-{os.getpid()}", f"fpb-cli-{os.getpid()}"
ADDRESS = "10.66.0.1"
PATIENCE_S = 20

FASTPXE_CONFIG = """
[tftp]
enabled = false
[[boot]]
arch = "bios"
file = "undionly.kpxe"
[[boot]]
arch = "uefi-ia32"
file = "i386-efi/ipxe.efi"
[[boot]]
arch = "uefi-x64"
file = "ipxe.efi"
"""

# What the wiki page of FOG has its readers write.
DNSMASQ_CONFIG = f"""
port=0
log-dhcp
tftp-root=/tftpboot
dhcp-no-override
dhcp-vendorclass=BIOS,PXEClient:Arch:00000
dhcp-vendorclass=UEFI32,PXEClient:Arch:00006
dhcp-vendorclass=UEFI,PXEClient:Arch:00007
dhcp-vendorclass=UEFI64,PXEClient:Arch:00009
dhcp-boot=undionly.kpxe,,{ADDRESS}
dhcp-boot=net:UEFI32,i386-efi/ipxe.efi,,{ADDRESS}
dhcp-boot=net:UEFI,ipxe.efi,,{ADDRESS}
dhcp-boot=net:UEFI64,ipxe.efi,,{ADDRESS}
pxe-prompt="Booting FOG Client", 1
pxe-service=X86PC, "Boot to FOG", undionly.kpxe
pxe-service=X86-64_EFI, "Boot to FOG UEFI", ipxe.efi
pxe-service=BC_EFI, "Boot to FOG UEFI PXE-BC", ipxe.efi
dhcp-range={ADDRESS},proxy
"""


def ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)


@contextmanager
def network() -> Iterator[None]:
    """Two namespaces and a veth pair between them."""
    try:
        ip("netns", "add", SERVER)
        ip("netns", "add", CLIENT)
        ip("-n", SERVER, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
           CLIENT)  # fmt: skip
        for namespace, address in ((SERVER, ADDRESS), (CLIENT, "10.66.0.2")):
            ip("-n", namespace, "addr", "add", f"{address}/16", "dev", "eth0")
            ip("-n", namespace, "link", "set", "eth0", "up")
            ip("-n", namespace, "link", "set", "lo", "up")
        yield
    finally:
        for namespace in (SERVER, CLIENT):
            subprocess.run(("ip", "netns", "del", namespace), check=False)


def inside(namespace: str, cpu: int, *command: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", namespace, "taskset", "-c", str(cpu), *command)


class Server:
    """A responder under test; `log` holds what it printed."""

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                inside(SERVER, 0, *command), stdout=output, stderr=output
            )
        self._wait_for_port(command[0])

    def _wait_for_port(self, name: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not self._has_port():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name} doesn't listen:\n{self.log.read_text()}")
            time.sleep(0.05)
        time.sleep(0.3)

    @staticmethod
    def _has_port() -> bool:
        ran = subprocess.run(("ip", "netns", "exec", SERVER, "ss", "-Hlun", "sport = 67"),
                             check=True, capture_output=True)  # fmt: skip
        return bool(ran.stdout.strip())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)

    def latency(self) -> Measured:
        """p50, p99 and p99.9 in microseconds, as the server itself timed them."""
        text = self.log.read_text()
        mine = re.search(r"to the send: p50 (\d+) us, p99 (\d+) us, p99.9 (\d+) us", text)
        if mine:
            return dict(zip(("p50", "p99", "p999"), map(float, mine.groups()), strict=True))
        line = next((line for line in text.splitlines() if line.startswith('{"timed"')), None)
        if line is None:
            return {}
        found = json.loads(line)
        return {name: found[f"{name}_us"] for name in ("p50", "p99", "p999")}


def generate(*mode: str) -> Measured:
    command = (
        str(LOAD / "pxestorm"), "--device", "eth0", "--server", ADDRESS, "--via", "broadcast",
        *mode, "--json",
    )  # fmt: skip
    ran = subprocess.run(
        inside(CLIENT, 1, *command), check=True, capture_output=True, text=True, timeout=300
    )
    found: Measured = json.loads(ran.stdout.splitlines()[-1])
    return found


def servers(folder: Path) -> dict[str, tuple[str, ...]]:
    native, quiet, seed = (folder / name for name in ("fastpxe.toml", "quiet.conf", "seed.conf"))
    native.write_text(FASTPXE_CONFIG)
    seed.write_text(DNSMASQ_CONFIG)
    quiet.write_text(DNSMASQ_CONFIG.replace("log-dhcp\n", ""))
    fastpxe = (sys.executable, "-m", "fastpxe", "serve", "--workers", "1")
    dnsmasq = ("dnsmasq", "-k", "--user=root", "--pid-file=", "--log-facility=-", "-C")
    return {
        "C recvmmsg": (
            str(LOAD / "pxelimit"), "--server", ADDRESS, "--device", "eth0", "--rcvbuf", "64m",
            "--latency",
        ),
        "fastpxe": (*fastpxe, "-c", str(native)),
        "fastpxe, FOG's dnsmasq.conf": (*fastpxe, "--dnsmasq-conf", str(seed)),
        "dnsmasq, without log-dhcp": (*dnsmasq, str(quiet)),
        "dnsmasq, as FOG has it": (*dnsmasq, str(seed)),
    }  # fmt: skip


def measure(command: tuple[str, ...], log: Path, storms: list[int], rates: list[int]) -> Measured:
    """One turn of one server."""
    found: Measured = {}
    server = Server(command, log)
    for clients in storms:
        ran = generate("--mode", "storm", "--clients", str(clients))
        found[f"answered {clients}"] = 100 * ran["answered"] / ran["sent"]
        found[f"duplicates {clients}"] = ran["duplicates"]
        found[f"last {clients}"] = ran["last_offer_ms"]
    found["sustained"] = generate("--mode", "search", "--seconds", "0.5")["answered_pps"]
    server.stop()
    for rate in rates:
        server = Server(command, log)
        generate("--mode", "rate", "--rate", str(rate), "--seconds", "3")
        server.stop()
        found |= {f"{name} {rate}": value for name, value in server.latency().items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--storms", default="1000,5000,10000,20000", help="clients at once")
    parser.add_argument(
        "--rates", default="1000,10000,40000,80000", help="requests a second, for latency"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    arguments = parser.parse_args()
    storms = [int(n) for n in arguments.storms.split(",") if n]
    rates = [int(n) for n in arguments.rates.split(",") if n]
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder, network():
        commands = servers(Path(folder))
        taken: Taken = {name: [] for name in commands}
        for number in range(arguments.rounds):
            for name in list(commands)[:: -1 if number % 2 else 1]:
                taken[name].append(measure(commands[name], Path(folder) / "log", storms, rates))
                print(f"round {number + 1}/{arguments.rounds}: {name}", file=sys.stderr)
            loads.append(os.getloadavg()[0])
    results = report.Results(taken, (min(loads), max(loads)))
    if arguments.json:
        arguments.json.parent.mkdir(exist_ok=True)
        arguments.json.write_text(json.dumps(results._asdict(), indent=1))
    print(report.text(results), end="")


if __name__ == "__main__":
    main()
