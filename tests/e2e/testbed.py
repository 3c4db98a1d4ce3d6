"""A network of its own for each test: a DHCP server, the responder, and a machine that boots.

dhcp 10.77.0.1 ─┐
                ├─ bridge ─ tap0 ─ machine        each in a network namespace
srv  10.77.0.2 ─┘
"""

import io
import json
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import TracebackType
from typing import Self

import dpkt
import msgspec
from dhcp_servers import Command, DhcpServer
from disguise import disguise
from machines import Machine, is_hopeless, read_marks, read_serial
from netns import Namespace, Process
from started import SERVE

START_LIMIT_S = 20
RESPONDER = IPv4Address("10.77.0.2")

# This machine may have a /tftpboot, which would come before ours.
AT_TFTPBOOT = 'cd "$0"; test ! -d /tftpboot || mount --bind tftpboot /tftpboot; exec "$@"'


class Lab:
    def __init__(self, folder: Path, tftp_root: Path) -> None:
        self.folder = folder
        self.tftp_root = tftp_root
        self.packets = folder / "packets.pcap"
        self.logs: list[Path] = []
        self.serials: list[Path] = []
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.bridge = self.stack.enter_context(Namespace())
            make_bridge(self.bridge)
            self.bridge.ip("""
                tuntap add tap0 mode tap
                link set tap0 master br0 up
            """)
            self.dhcp = self.attach("dhcp", "10.77.0.1/24")
            self.srv = self.attach("srv", "10.77.0.2/24")
            self.stack.enter_context(router_advertisements(self.bridge))
            self.capture()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stack.close()

    def attach(self, name: str, address: str) -> Namespace:
        """Return a new namespace whose eth0 is on the bridge, port `name`."""
        namespace = self.stack.enter_context(Namespace())
        self.bridge.ip(f"""
            link add {name} type veth peer name eth0 netns {namespace.path}
            link set {name} master br0 up
        """)
        namespace.ip(f"""
            address add {address} dev eth0
            link set eth0 up
        """)
        # A veth leaves UDP checksums unfinished, and the machine's firmware checks them.
        namespace.run("ethtool", "-K", "eth0", "tx", "off")
        return namespace

    def start(self, name: str, namespace: Namespace, command: Command, ready: str) -> Process:
        """Start a server and wait until it says that it listens."""
        log = self.folder / f"{name}.log"
        self.logs.append(log)
        process = Process(namespace, *command, log=log)
        self.stack.callback(process.kill)
        end = time.monotonic() + START_LIMIT_S
        while not re.search(rf"\b{ready}\b", process.output()):  # and not "already in use"
            assert process.is_running(), f"{name} ended at its start:\n{process.output()}"
            assert time.monotonic() < end, f"{name} isn't ready:\n{process.output()}"
            time.sleep(0.02)
        return process

    def capture(self) -> None:
        """Record what passes the machine's port, router advertisements aside."""
        options = ("-i", "tap0", "-Z", "root", "-U", "--immediate-mode", "-s", "512")
        command: Command = ["tcpdump", *options, "-w", self.packets, "not ip6"]
        self.start("tcpdump", self.bridge, command, "listening on")

    def serve_dhcp(self, server: DhcpServer) -> None:
        self.start("dhcp", self.dhcp, *server(self.folder))

    def responder(
        self, rules: str, *, top: str = "", name: str = "fastpxe", at: Namespace | None = None
    ) -> AbstractContextManager[None]:
        """Run fastpxe with these [[boot]] rules, or what else may follow [tftp]."""
        config = self.folder / f"{name}.toml"
        head = f'interfaces = ["eth0"]\n{top}\n[tftp]\nroot = "{self.tftp_root}"\n'
        config.write_text(head + rules)
        return self.fastpxe("-c", config, name=name, at=at)

    def fastpxe(
        self, *arguments: str | Path, name: str = "fastpxe", at: Namespace | None = None
    ) -> AbstractContextManager[None]:
        """Run `fastpxe serve`, at 10.77.0.2 unless told otherwise."""
        return self.serving(name, at or self.srv, [*SERVE, *arguments], "ready")

    def fastpxe_without_configuration(self) -> AbstractContextManager[None]:
        """Run `fastpxe serve` and no more, where its files are: they are in a folder `tftpboot`."""
        assert self.tftp_root.name == "tftpboot"
        alone: Command = ["unshare", "--mount", "sh", "-c", AT_TFTPBOOT, self.tftp_root.parent]
        return self.serving("fastpxe", self.srv, [*alone, *SERVE], "ready")

    def dnsmasq_proxy(
        self, config: Path, *options: str, at: Namespace | None = None
    ) -> AbstractContextManager[None]:
        """Run real dnsmasq, at 10.77.0.2 unless told otherwise."""
        command: Command = [
            *("dnsmasq", f"--conf-file={config}", "--keep-in-foreground", "--log-facility=-"),
            *("--user=root", "--pid-file=", f"--dhcp-leasefile={self.folder / 'no-leases'}"),
            *options,
        ]
        return self.serving("dnsmasq", at or self.srv, command, "DHCP, proxy on subnet")

    @contextmanager
    def serving(
        self, name: str, namespace: Namespace, command: Command, ready: str
    ) -> Iterator[None]:
        """Run a server, and see it end well."""
        process = self.start(name, namespace, command, ready)
        yield
        assert process.is_running(), f"{name} ended by itself:\n{process.output()}"
        status = process.stop(signal.SIGTERM)
        assert status == 0, f"{name} ended with {status}:\n{process.output()}"

    def boot(self, machine: Machine) -> list[str]:
        """Switch a machine on; return what its boot files said, when it is off or at its limit."""
        serial = self.folder / f"serial-{len(self.serials)}.log"
        self.serials.append(serial)
        log = serial.with_suffix(".qemu")
        self.logs.append(log)
        with disguise(self.bridge) if machine.is_disguised else nullcontext():
            qemu = Process(self.bridge, *machine.qemu("tap0", serial), log=log)
            try:
                end = time.monotonic() + machine.limit_s
                while qemu.is_running() and time.monotonic() < end:
                    if is_hopeless(read_serial(serial)):
                        break
                    time.sleep(0.1)
            finally:
                qemu.kill()
        return read_marks(read_serial(serial))

    def lose_one_packet_of(self, count: int) -> None:
        """Drop some of what carries files, each way. By count, so that no run goes unharmed."""
        self.bridge.run("nft", "-f", "-", stdin=LOSS.replace("COUNT", str(count)))

    def lost(self) -> dict[str, int]:
        """Return how many packets were dropped, by direction."""
        listing = json.loads(self.bridge.run("nft", "-j", "list", "counters"))
        counters = (entry["counter"] for entry in listing["nftables"] if "counter" in entry)
        return {counter["name"]: counter["packets"] for counter in counters}

    def decoded(self, expression: str) -> list[str]:
        """Return the recorded packets that tcpdump's `expression` selects, a line each."""
        return self.bridge.run("tcpdump", "-nn", "-r", self.packets, expression).splitlines()

    def replies(self) -> list["Reply"]:
        """Return the recorded answers of 10.77.0.2 to DHCP requests, in order."""
        content = io.BytesIO(self.packets.read_bytes())
        packets = (dpkt.ethernet.Ethernet(frame).data for _, frame in dpkt.pcap.Reader(content))
        return [reply for packet in packets if (reply := reply_in(packet)) is not None]

    def requested_files(self) -> list[str]:
        """Return the names asked for by TFTP, in order."""
        text = "\n".join(self.decoded("udp dst port 69"))
        return re.findall(r'RRQ "([^"]*)"', text)

    def log_of(self, name: str) -> list[str]:
        """The lines that a server has logged."""
        return (self.folder / f"{name}.log").read_text().splitlines()

    def report(self) -> Iterator[tuple[str, str]]:
        """Tell what happened, for a test that failed: titles and texts."""
        for serial in self.serials:
            yield serial.name, tail(read_serial(serial), 40)
        for log in self.logs:
            yield log.name, tail(log.read_text(errors="replace"), 60)
        interesting = "udp port 67 or 68 or 69 or 4011 or icmp or arp"
        yield self.packets.name, "\n".join(self.decoded(interesting)[:80])


class Reply(msgspec.Struct, frozen=True):
    port: int
    destination: IPv4Address
    destination_port: int
    payload: bytes


def reply_in(packet: object) -> Reply | None:
    if not isinstance(packet, dpkt.ip.IP) or not isinstance(packet.data, dpkt.udp.UDP):
        return None
    udp = packet.data
    if IPv4Address(packet.src) != RESPONDER or udp.sport not in (67, 4011):
        return None
    return Reply(udp.sport, IPv4Address(packet.dst), udp.dport, bytes(udp.data))


# The machine's port of the bridge: that of disguise.py, where it is between.
LOSS = """
table bridge loss {
    counter to_machine { }
    counter from_machine { }
    chain forward {
        type filter hook forward priority 0
        udp sport { 67, 4011 } accept
        udp dport { 67, 4011 } accept
        meta l4proto != { tcp, udp } accept
        oifname { "tap0", "port" } numgen inc mod COUNT 3 counter name to_machine drop
        iifname { "tap0", "port" } numgen inc mod COUNT 3 counter name from_machine drop
    }
}
"""


def make_bridge(namespace: Namespace, name: str = "br0") -> None:
    # A port that first listens and learns, or a bridge that waits for joins, loses the first
    # packets of a boot.
    namespace.ip(f"""
        link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0
        link set {name} up
    """)


@contextmanager
def router_advertisements(namespace: Namespace, bridge: str = "br0") -> Iterator[None]:
    """Tell iPXE, twice a second, that there's no IPv6 here: else it waits 16 s for a router."""
    stop = threading.Event()
    link = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((bridge, 0))

    def advertise() -> None:
        while not stop.wait(0.5):
            link.send(ROUTER_ADVERTISEMENT)

    sender = threading.Thread(target=advertise)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()
        link.close()


def router_advertisement() -> bytes:
    """Return the Ethernet frame of one that offers nothing (RFC 4861 section 4.2)."""
    source = IPv6Address("fe80::77:1").packed
    all_nodes = IPv6Address("ff02::1").packed
    # Hop limit and flags unsaid (M and O are 0); the router's lifetime is 0, so it is none.
    message = struct.pack("!BBHBBHII", 134, 0, 0, 0, 0, 0, 0, 0)
    pseudo_header = source + all_nodes + struct.pack("!II", len(message), 58)
    sums = checksum(pseudo_header + message)
    message = message[:2] + struct.pack("!H", sums) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + source + all_nodes
    ethernet = bytes.fromhex("333300000001 525400770fff 86dd")
    return ethernet + header + message


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


ROUTER_ADVERTISEMENT = router_advertisement()


def tail(text: str, lines: int) -> str:
    return "\n".join(text.splitlines()[-lines:])
