"""A boot storm against fastpxe, the C reference responder and dnsmasq, in turn, on one machine.

Each server runs alone in a network namespace, pinned to one CPU, the generator in another
namespace on the other CPU. The servers alternate, round after round; the table gives medians, the
spread (lowest to highest) and the ratio to the C responder of the same run.

example: sudo .venv/bin/python bench/storm.py --clients 5000 --rounds 5
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOAD = Path(__file__).parent / "load"
SERVER, CLIENT = f"fpb-srv-{os.getpid()}", f"fpb-cli-{os.getpid()}"
ADDRESS = "10.66.0.1"

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
pxe-prompt="Booting", 1
pxe-service=X86PC, "Boot", undionly.kpxe
pxe-service=X86-64_EFI, "Boot", ipxe.efi
pxe-service=BC_EFI, "Boot", ipxe.efi
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


@contextmanager
def running(command: tuple[str, ...]) -> Iterator[None]:
    server = subprocess.Popen(
        inside(SERVER, 0, *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(1.0)
        if server.poll() is not None:
            raise SystemExit(f"{command[0]} ended at once with status {server.returncode}")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def storm(mode: tuple[str, ...]) -> dict[str, float]:
    command = (
        str(LOAD / "pxestorm"), "--device", "eth0", "--server", ADDRESS, "--via", "broadcast",
        *mode, "--json",
    )  # fmt: skip
    ran = subprocess.run(
        inside(CLIENT, 1, *command), check=True, capture_output=True, text=True, timeout=120
    )
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def servers(folder: Path) -> dict[str, tuple[str, ...]]:
    fastpxe = folder / "fastpxe.toml"
    fastpxe.write_text(FASTPXE_CONFIG)
    dnsmasq = folder / "dnsmasq.conf"
    dnsmasq.write_text(DNSMASQ_CONFIG)
    quiet = folder / "quiet.conf"
    quiet.write_text(DNSMASQ_CONFIG.replace("log-dhcp\n", ""))
    base = ("dnsmasq", "-k", "--user=root", "--pid-file=", "--log-facility=-", "-C")
    return {
        "C recvmmsg": (
            str(LOAD / "pxelimit"), "--server", ADDRESS, "--device", "eth0", "--rcvbuf", "64m",
        ),
        "fastpxe": (sys.executable, "-m", "fastpxe", "serve", "-c", str(fastpxe)),
        "fastpxe, no log": (
            sys.executable, "-m", "fastpxe", "serve", "-c", str(fastpxe), "--log-level", "warning",
        ),
        "dnsmasq": (*base, str(quiet)),
        "dnsmasq, log-dhcp": (*base, str(dnsmasq)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    arguments = parser.parse_args()
    modes = {
        "storm": ("--mode", "storm", "--clients", str(arguments.clients)),
        "rate": ("--mode", "search", "--seconds", "0.5"),
    }
    with tempfile.TemporaryDirectory() as folder, network():
        commands = servers(Path(folder))
        taken: dict[str, dict[str, list[dict[str, float]]]] = {
            name: {mode: [] for mode in modes} for name in commands
        }
        for number in range(arguments.rounds):
            order = list(commands) if number % 2 == 0 else list(commands)[::-1]
            for name in order:
                with running(commands[name]):
                    for mode, options in modes.items():
                        taken[name][mode].append(storm(options))
                print(f"round {number + 1}/{arguments.rounds}: {name}", file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(taken, indent=1))
    report(taken, arguments.clients)


def report(taken: dict[str, dict[str, list[dict[str, float]]]], clients: int) -> None:
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"| server | answered of {clients:,} at once | ms to the last | to C | "
          "sustained/s | to C | low to high |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---|")
    baseline = taken["C recvmmsg"]
    for name, modes in taken.items():
        share = statistics.median(100 * r["answered"] / r["sent"] for r in modes["storm"])
        last = statistics.median(r["last_offer_ms"] for r in modes["storm"])
        rates = [r["answered_pps"] for r in modes["rate"]]
        rate = statistics.median(rates)
        last_c = statistics.median(r["last_offer_ms"] for r in baseline["storm"])
        rate_c = statistics.median(r["answered_pps"] for r in baseline["rate"])
        print(
            f"| {name} | {share:.2f} % | {last:.1f} | {last / last_c:.2f} | {rate:,.0f} | "
            f"{rate / rate_c:.2f} | {min(rates):,.0f} to {max(rates):,.0f} |"
        )


if __name__ == "__main__":
    main()
