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
import subprocess
import tempfile
from pathlib import Path

import report
from lab import ADDRESS, CLIENT, LOAD, SERVE, Server, alternated, inside, network
from report import Measured, Taken

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


class Responder(Server):
    """A proxyDHCP server; it may time its answers itself."""

    def latency(self) -> Measured:
        """p50, p99 and p99.9 in microseconds, as the server itself timed them."""
        text = self.log.read_text()
        mine = re.search(r"receive to send: p50 (\d+) us, p99 (\d+) us, p99.9 (\d+) us", text)
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
    dnsmasq = ("dnsmasq", "-k", "--user=root", "--pid-file=", "--log-facility=-", "-C")
    return {
        "C recvmmsg": (
            str(LOAD / "pxelimit"), "--server", ADDRESS, "--device", "eth0", "--rcvbuf", "64m",
            "--latency",
        ),
        "fastpxe": (*SERVE, "-c", str(native)),
        "fastpxe, FOG's dnsmasq.conf": (*SERVE, "--dnsmasq-conf", str(seed)),
        "dnsmasq, without log-dhcp": (*dnsmasq, str(quiet)),
        "dnsmasq, as FOG has it": (*dnsmasq, str(seed)),
    }  # fmt: skip


def measure(command: tuple[str, ...], log: Path, storms: list[int], rates: list[int]) -> Measured:
    """One turn of one server."""
    found: Measured = {}
    server = Responder(command, log)
    for clients in storms:
        ran = generate("--mode", "storm", "--clients", str(clients))
        found[f"answered {clients}"] = 100 * ran["answered"] / ran["sent"]
        found[f"duplicates {clients}"] = ran["duplicates"]
        found[f"last {clients}"] = ran["last_offer_ms"]
    found["sustained"] = generate("--mode", "search", "--seconds", "0.5")["answered_pps"]
    server.stop()
    for rate in rates:
        server = Responder(command, log)
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
        for name in alternated(list(commands), arguments.rounds, loads):
            taken[name].append(measure(commands[name], Path(folder) / "log", storms, rates))
    results = report.Results(taken, (min(loads), max(loads)))
    if arguments.json:
        arguments.json.parent.mkdir(exist_ok=True)
        arguments.json.write_text(json.dumps(results._asdict(), indent=1))
    print(report.text(results), end="")


if __name__ == "__main__":
    main()
