"""Run a storm: the sockets of its clients, the generator in slices, the result.

Sources: packet(7), socket(7), RFC 826 for the server's MAC address.
"""

import errno
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

from fastpxe.errors import StartError
from fastpxe.firmware.offers import boot_file, read_offer
from fastpxe.net.interfaces import Interface
from fastpxe.net.sockets import SO_RCVBUFFORCE, SO_SNDBUFFORCE, port_holder, receive_buffer_of
from fastpxe.probe._storm import Generator
from fastpxe.storm import plan as storm
from fastpxe.storm.plan import BROADCAST_MAC, DESTINATION_PORT, SOURCE_PORT, Kind, Plan
from fastpxe.storm.report import KindResult, Result, spread

SLICE_MS = 50
SETTLE_S = 0.5
"""How long a second answer is waited for after everybody has the first."""

ARP_TRIES, ARP_WAIT_S = 20, 0.05
DISCARD_PORT = 9
SO_TIMESTAMPNS = 35  # <asm-generic/socket.h>; Python's socket module doesn't name it on 3.11
ETH_P_IP = 0x0800
SEND_BUFFER = 64 << 20
BUFFER_PER_CLIENT = 2560
"""Bytes to ask for: the kernel doubles them and charges 1,280 for a queued packet of this size, so
that four answers for each client find room while the generator only sends."""


def rehearse(plan: Plan, interface: Interface, saw: Callable[[Generator], None]) -> Result:
    """Run the storm to its end or to Ctrl-C; `saw` is called every SLICE_MS. Raises StartError."""
    with open_answers(plan, interface) as answers, open_requests(interface) as requests:
        generator = generator_of(plan, interface, requests, answers)
        was_interrupted = False
        try:
            while not is_over(plan, generator):
                generator.run(SLICE_MS)
                saw(generator)
        except KeyboardInterrupt:
            was_interrupted = True
        except OSError as error:
            raise StartError(f"sending on {interface.name}: {error.strerror}") from error
        warnings = _warnings(plan, answers)
    return result_of(plan, interface, generator, was_interrupted=was_interrupted, warnings=warnings)


def is_over(plan: Plan, generator: Generator) -> bool:
    """Whether all are answered, or nobody will ask again and the last answer had its time."""
    if generator.answered == plan.clients:
        return generator.quiet_s > SETTLE_S
    return generator.is_sent and generator.quiet_s > plan.wait_s


def open_answers(plan: Plan, interface: Interface) -> socket.socket:
    """The port where answers come, on this interface alone. Raises StartError."""
    port = SOURCE_PORT[plan.via]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # Broadcast answers reach every socket on the port: a DHCP client may keep its own.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(plan.via == "broadcast"))
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        _enlarge(sock, SO_RCVBUFFORCE, socket.SO_RCVBUF, _receive_buffer(plan))
        sock.bind(("0.0.0.0", port))
    except OSError as error:
        sock.close()
        raise StartError(_explain(error, f"UDP port {port} on {interface.name}", port)) from error
    return sock


def open_requests(interface: Interface) -> socket.socket:
    """A socket that takes whole Ethernet frames for this interface. Raises StartError."""
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        # Told what it sends, the kernel needn't look; what it then hears is dropped unseen.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        sock.bind((interface.name, ETH_P_IP))
        _enlarge(sock, SO_SNDBUFFORCE, socket.SO_SNDBUF, SEND_BUFFER)
    except OSError as error:
        raise StartError(_explain(error, f"sending on {interface.name}")) from error
    return sock


def generator_of(
    plan: Plan, interface: Interface, requests: socket.socket, answers: socket.socket
) -> Generator:
    """The generator for a plan.

    It writes frames itself, which is faster, unless the server is behind a router: then it leaves
    the way to the kernel.
    """
    destination = None
    header_of: Callable[[int], bytes] = _no_header
    if plan.server is None or is_neighbour(plan.server, interface):
        header_of = framing(plan, interface, requests)
    else:
        destination = (int(plan.server), DESTINATION_PORT[plan.via])
    return Generator(
        (requests if destination is None else answers).fileno(),
        answers.fileno(),
        destination,
        [shape_of(kind, plan, interface.address, header_of) for kind in plan.kinds],
        storm.kind_of_each(plan),
        storm.waves(plan),
        answer_type=storm.ANSWER[plan.via],
        xid=int.from_bytes(os.urandom(4)),
        rate=plan.rate,
    )


def shape_of(
    kind: Kind, plan: Plan, own: IPv4Address, header_of: Callable[[int], bytes]
) -> tuple[bytes, int, tuple[int, ...]]:
    """A kind's request as Generator takes it: header_of gives what stands before so many bytes."""
    message, holes = storm.template(partial(storm.message, kind, plan, own))
    header = header_of(len(message))
    return header + message, len(header), tuple(len(header) + at for at in holes)


def framing(plan: Plan, interface: Interface, requests: socket.socket) -> Callable[[int], bytes]:
    """The headers from this interface to the plan's server. Raises StartError."""
    return partial(
        storm.headers,
        plan,
        own=interface.address,
        own_mac=requests.getsockname()[4],
        server_mac=BROADCAST_MAC if plan.server is None else mac_of(plan.server, interface),
    )


def _no_header(_size: int) -> bytes:
    return b""


def is_neighbour(address: IPv4Address, interface: Interface) -> bool:
    """Whether frames reach it without a router."""
    return any(address in network.network for network in interface.networks)


def mac_of(address: IPv4Address, interface: Interface) -> bytes:
    """The MAC address of a neighbour, by the kernel's ARP. Raises StartError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        for _ in range(ARP_TRIES):
            probe.sendto(b"", (str(address), DISCARD_PORT))
            time.sleep(ARP_WAIT_S)
            for line in Path("/proc/thread-self/net/arp").read_text().splitlines()[1:]:
                ip, _type, flags, mac, _mask, device = line.split()
                if (ip, device) == (str(address), interface.name) and int(flags, 16) & 2:
                    return bytes.fromhex(mac.replace(":", ""))
    raise StartError(f"{address} doesn't answer ARP on {interface.name}")


def result_of(
    plan: Plan,
    interface: Interface,
    generator: Generator,
    *,
    was_interrupted: bool,
    warnings: tuple[str, ...],
) -> Result:
    """What the generator has seen, as people want it."""
    latencies = generator.latencies()
    kind_of_each = storm.kind_of_each(plan)
    answered_of = [0] * len(plan.kinds)
    for number, latency in zip(kind_of_each, latencies, strict=True):
        answered_of[number] += latency >= 0
    answers = generator.answers()

    def kind_result(number: int, kind: Kind) -> KindResult:
        return KindResult(
            name=kind.name,
            clients=kind_of_each.count(number),
            answered=answered_of[number],
            offer=boot_file(kind.firmware, read_offer(answers[number])),
        )

    return Result(
        plan=", ".join(storm.describe(plan, interface.name)),
        clients=plan.clients,
        sent=generator.sent,
        answered=generator.answered,
        duplicates=generator.duplicates,
        plain=generator.plain,
        servers={str(IPv4Address(at)): count for at, count in generator.servers().items()},
        sending_s=generator.sending_s,
        last_answer_s=generator.last_answer_s,
        latency=spread([latency for latency in latencies if latency >= 0]),
        kinds=tuple(kind_result(number, kind) for number, kind in enumerate(plan.kinds)),
        was_interrupted=was_interrupted,
        warnings=warnings,
    )


def _receive_buffer(plan: Plan) -> int:
    return max(1 << 20, plan.clients * BUFFER_PER_CLIENT)


def _enlarge(sock: socket.socket, force: int, plain: int, size: int) -> None:
    """Ask past net.core.rmem_max, which CAP_NET_ADMIN may, else up to it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, plain, size)


def _warnings(plan: Plan, answers: socket.socket) -> tuple[str, ...]:
    wanted, granted = _receive_buffer(plan), receive_buffer_of(answers)
    if granted >= wanted:
        return ()
    text = (
        f"the receive buffer here is {granted:,} of {wanted:,} bytes, so that some of the lost "
        "may be this machine's fault; run as root, or raise net.core.rmem_max"
    )
    return (text,)


def _explain(error: OSError, what: str, port: int = 0) -> str:
    if isinstance(error, PermissionError):
        return (
            f"{what} needs a privilege. One of:\n"
            "  sudo fastpxe storm …\n"
            "  sudo setcap cap_net_bind_service,cap_net_raw,cap_net_admin+ep "
            f"{os.path.realpath('/proc/self/exe')}"
        )
    if error.errno == errno.EADDRINUSE:
        holder = port_holder(port)
        return f"{what} is held by {holder or 'another program'}; stop it, or use another machine"
    return f"{what}: {error.strerror}"
