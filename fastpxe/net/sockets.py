"""Open sockets, with error messages that name the cause and the way out.

Sources: socket(7), ip(7), capabilities(7).
"""

import errno
import os
import socket
import struct
import sys
from pathlib import Path

import psutil

from fastpxe.errors import StartError
from fastpxe.net.interfaces import Interface

# <asm-generic/socket.h> and <linux/in.h>; Python's socket module doesn't name them on 3.11.
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
SO_MEMINFO = 55
IP_PKTINFO = 8
IP_MTU_DISCOVER = 10
IP_RECVERR = 11
IP_PMTUDISC_DONT = 0

_WAYS_OUT = {
    67: ", or share the port with a DHCP server that allows it: [dhcp] share_ports = true"
    " (ISC dhcpd does, dnsmasq with bind-interfaces)",
    4011: ", or share it: [dhcp] share_ports = true",
    69: ", or switch fastpxe's TFTP off: [tftp] enabled = false",
}

_OTHER_PORT = ", or take another: [http] port = 8080"


def open_port(
    interface: Interface,
    port: int,
    *,
    receive_buffer: int,
    share: bool = False,
    group: bool = False,
) -> socket.socket:
    """Bind a UDP port on one interface: non-blocking, broadcast, IP_PKTINFO.

    receive_buffer: in bytes; it bounds the boot storm that the kernel can hold while one batch is
    answered. share: let another server bind the port too, if that allows it; without it, a second
    fastpxe fails here instead of answering every client twice. group: one of several sockets on the
    port, for workers (see fastpxe.net.reuseport). Raises StartError.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(share))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(group))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        # DF clear: behind a smaller MTU, a router would drop the packets that boot ROMs wait for.
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        enlarge(sock, receive_buffer)
        sock.bind(("0.0.0.0", port))
    except OSError as error:
        sock.close()
        raise StartError(_explain(error, interface, port)) from error
    return sock


def listen_on(interface: Interface, port: int) -> socket.socket:
    """Listen on a TCP port of one interface: non-blocking. Raises StartError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        sock.bind(("0.0.0.0", port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise StartError(_explain(error, interface, port, "TCP")) from error
    return sock


def listen_at(address: str, port: int) -> socket.socket:
    """Listen on a TCP port of one address: non-blocking. Raises StartError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise StartError(f"[admin] {address}:{port}: {error.strerror}") from error
    return sock


def receive_buffer_of(sock: socket.socket) -> int:
    """The granted size in bytes; the kernel reports the double, for its own book-keeping."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def open_group(
    interface: Interface, port: int, count: int, *, receive_buffer: int, share: bool = False
) -> list[socket.socket]:
    """Bind a port `count` times, once for each worker. Raises StartError.

    An exclusive socket first checks that the port is free: with SO_REUSEPORT, a second fastpxe of
    the same user could bind it too.
    """
    if count == 1 or not share:
        exclusive = open_port(interface, port, receive_buffer=receive_buffer, share=share)
        if count == 1:
            return [exclusive]
        exclusive.close()
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(  # noqa: PERF401 - if one fails, those before it are closed
                open_port(interface, port, receive_buffer=receive_buffer, share=share, group=True)
            )
    except StartError:
        for sock in opened:
            sock.close()
        raise
    return opened


def dropped_by_kernel(sock: socket.socket) -> int:
    """The number of datagrams dropped at a full buffer (sock_diag(7), SK_MEMINFO_DROPS)."""
    info = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 9 * 4)
    return int.from_bytes(info[8 * 4 : 9 * 4], sys.byteorder)


def full_buffers() -> int:
    """The number of datagrams dropped at full UDP buffers in this network namespace."""
    names, values = (
        line.split()
        for line in Path("/proc/self/net/snmp").read_text().splitlines()
        if line.startswith("Udp:")
    )
    return int(values[names.index("RcvbufErrors")])


def join_group(sock: socket.socket, interface: Interface, group: str) -> None:
    """Receive multicast boot-server discovery (PXE 2.1: option 43.7, port 4011)."""
    member = struct.pack(
        "4s4si", socket.inet_aton(group), interface.address.packed, interface.index
    )
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)


def enlarge(sock: socket.socket, size: int) -> None:
    """Set both buffers to `size` bytes; without CAP_NET_ADMIN, the kernel caps them."""
    for force, plain in (
        (SO_RCVBUFFORCE, socket.SO_RCVBUF),
        (SO_SNDBUFFORCE, socket.SO_SNDBUF),
    ):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, size)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, plain, size)


def _explain(error: OSError, interface: Interface, port: int, kind: str = "UDP") -> str:
    where = f"{kind} port {port} on {interface.name}"
    if error.errno == errno.EADDRINUSE:
        holder = port_holder(port, kind)
        who = (
            f"is held by {holder}" if holder else "is in use (run as root to see by which program)"
        )
        way_out = _WAYS_OUT.get(port, "") if kind == "UDP" else _OTHER_PORT
        return f"{where} {who}; stop it, or serve other interfaces{way_out}"
    if isinstance(error, PermissionError):
        return f"{where} needs a privilege. One of:\n" + "\n".join(
            f"  {way}" for way in privileged()
        )
    return f"{where}: {error.strerror}"


def privileged() -> tuple[str, ...]:
    """The ways to give fastpxe the privileges it needs."""
    return (
        "sudo fastpxe serve …",
        f"sudo setcap cap_net_bind_service,cap_net_raw,cap_net_admin+ep {_interpreter()}",
        "systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_NET_ADMIN",
    )


def _interpreter() -> str:
    """The file to set capabilities on: a venv's python is a link, which can't have any."""
    return os.path.realpath("/proc/self/exe")


def port_holder(port: int, kind: str = "UDP") -> str | None:
    """The program that has a port bound, such as "dnsmasq (pid 812)"; None if not visible."""
    try:
        connections = psutil.net_connections("udp4" if kind == "UDP" else "tcp4")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.NoSuchProcess:
                continue
    return None
