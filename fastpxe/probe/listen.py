"""Ask as boot clients do, and hear every server that answers, this machine's own included.

The question leaves by the kernel's IP, which also brings it to servers on this machine, through its
firewall: a broadcast by a packet socket passes them by, and so does one from a macvlan. Answers are
heard by a packet socket, before any firewall and beside a DHCP client that has port 68; it sees
our own servers' broadcasts too, as they leave.

Sources: raw(7), packet(7), <linux/filter.h>, RFC 2131 section 4.1 (the broadcast flag).
"""

import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from ipaddress import IPv4Address

from fastpxe.dhcp.constants import DHCP_CLIENT_PORT, DHCP_SERVER_PORT, Arch
from fastpxe.dhcp.identity import DOCTOR_MAC
from fastpxe.doctor.network import Wire
from fastpxe.firmware.offers import Firmware, HeardOffer, read_offer
from fastpxe.firmware.requests import Client
from fastpxe.net.interfaces import Interface, all_interfaces
from fastpxe.net.reuseport import SO_ATTACH_FILTER, attach
from fastpxe.storm.plan import UUID_PREFIX

AGAIN_S = 1.0
"""When a question that nobody answered is put again; a packet may be lost."""

_EVERYONE = "255.255.255.255"
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!4H")
_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL: what leaves is seen by no narrower socket
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_UNICAST = 263, 1, 3  # <linux/if_packet.h>

_TO_CLIENTS = [
    (0x28, 0, 0, 0xFFFFF000),  # the protocol (SKF_AD_PROTOCOL)
    (0x15, 0, 6, 0x0800),  # is IPv4
    (0x30, 0, 0, 9),
    (0x15, 0, 4, 17),  # is UDP
    (0xB1, 0, 0, 0),  # X: the size of the IP header
    (0x48, 0, 0, 2),
    (0x15, 0, 1, DHCP_CLIENT_PORT),
    (0x06, 0, 0, 0xFFFFFFFF),
    (0x06, 0, 0, 0),
]


def clients(number: bytes) -> dict[Firmware, Client]:
    """A client of each firmware; all have the same three bytes: one machine to a DHCP server."""
    arches: dict[Firmware, Arch] = {
        "bios": Arch.BIOS, "uefi": Arch.UEFI_X64, "ipxe": Arch.UEFI_X64,
    }  # fmt: skip
    mac, uuid = DOCTOR_MAC + number, UUID_PREFIX + number
    return {
        firmware: Client(arch=arch, ipxe=firmware == "ipxe", mac=mac, uuid=uuid)
        for firmware, arch in arches.items()
    }


def ask(
    clients: Mapping[Firmware, Client], interfaces: Sequence[Interface], listen_s: float
) -> list[Wire]:
    """Put every client's DISCOVER on every interface, and listen for so long."""
    own = tuple(network.ip for one in all_interfaces() for network in one.networks)
    mac = next(iter(clients.values())).mac.hex(":")

    def wire(one: "_Ear") -> Wire:
        failure = one.failure
        may_not = isinstance(failure, PermissionError)
        return Wire(
            interface=one.interface.name,
            listened_s=listen_s,
            mac=mac,
            own=own,
            heard=tuple(one.heard),
            failure="" if failure is None else f"can't ask there: {failure.strerror}",
            advice="run it as root: sudo fastpxe doctor (CAP_NET_RAW)"
            if may_not
            else "see: ip link",
        )

    with ExitStack() as stack:
        ears = [_Ear(interface, clients) for interface in interfaces]
        able = [ear for ear in ears if ear.can(partial(ear.open, stack)) and ear.can(ear.ask)]
        _listen(able, listen_s)
    return [wire(ear) for ear in ears]


def _listen(ears: Sequence["_Ear"], listen_s: float) -> None:
    began = time.monotonic()
    end = began + listen_s
    is_again = False
    with selectors.DefaultSelector() as waiting:
        for ear in ears:
            waiting.register(ear.tap, selectors.EVENT_READ, ear)
        while (now := time.monotonic()) < end:
            if not is_again and now >= began + AGAIN_S:
                is_again = True
                for ear in ears:
                    if ear.failure is None and not ear.can(ear.ask):
                        waiting.unregister(ear.tap)
            until = end if is_again else min(end, began + AGAIN_S)
            for key, _ in waiting.select(max(until - now, 0)):
                ear = key.data
                if not ear.can(ear.read):
                    waiting.unregister(ear.tap)


class _Ear:
    """The clients on one interface, and what they have heard; `failure`: why not more."""

    def __init__(self, interface: Interface, clients: Mapping[Firmware, Client]) -> None:
        self.interface = interface
        self.heard: list[HeardOffer] = []
        self.failure: OSError | None = None
        self._mac = next(iter(clients.values())).mac
        self._asked_at: dict[Firmware, float] = {}
        self._questions = {kind: _question(client) for kind, client in clients.items()}
        self._kinds = {question[4:8]: kind for kind, question in self._questions.items()}

    def can(self, step: Callable[[], None]) -> bool:
        """Take a step; False if it fails, which `failure` explains then."""
        try:
            step()
        except OSError as error:
            self.failure = error
            return False
        return True

    def open(self, stack: ExitStack) -> None:
        """Raises OSError."""
        self._mouth = stack.enter_context(
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        )
        device = self.interface.name.encode()
        self._mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        self._mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.tap = stack.enter_context(
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        )
        attach(self.tap, SO_ATTACH_FILTER, _TO_CLIENTS)
        # Some servers answer the MAC address although they are asked to broadcast.
        member = struct.pack(
            "=iHH8s", self.interface.index, _PACKET_MR_UNICAST, len(self._mac), self._mac
        )
        self.tap.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, member)
        self.tap.bind((self.interface.name, _ALL_PROTOCOLS))

    def ask(self) -> None:
        """Send for each client that has no answer yet. Raises OSError."""
        answered = {one.firmware for one in self.heard}
        for kind, question in self._questions.items():
            if kind not in answered:
                self._asked_at[kind] = time.monotonic()
                self._mouth.sendto(_datagram(question), (_EVERYONE, 0))

    def read(self) -> None:
        """Take what has come."""
        while True:
            try:
                packet = self.tap.recv(65536)
            except BlockingIOError:
                return
            self._take(packet, time.monotonic())

    def _take(self, packet: bytes, now: float) -> None:
        payload = packet[(packet[0] & 0x0F) * 4 + _UDP.size :]
        kind = self._kinds.get(payload[4:8])
        if kind is None or len(payload) < 240 or payload[:1] != b"\2":
            return
        offer = read_offer(payload, IPv4Address(packet[12:16]))
        is_repeat = any(
            (one.firmware, one.offer.sender, one.offer.gives_address)
            == (kind, offer.sender, offer.gives_address)
            for one in self.heard
        )
        if not is_repeat:
            after_s = now - self._asked_at[kind]
            self.heard.append(HeardOffer(firmware=kind, after_s=after_s, offer=offer))


def _question(client: Client) -> bytes:
    """Its DISCOVER, with a transaction of its own, and to be answered by broadcast."""
    message = client.discover()
    return message[:4] + os.urandom(4) + message[8:10] + b"\x80\0" + message[12:]


def _datagram(message: bytes) -> bytes:
    """IPv4 and UDP in front; the kernel fills in our address and the checksum of the header."""
    udp = _UDP.pack(DHCP_CLIENT_PORT, DHCP_SERVER_PORT, _UDP.size + len(message), 0)
    size = _IPV4.size + len(udp) + len(message)
    everyone = socket.inet_aton(_EVERYONE)
    ip = _IPV4.pack(0x45, 0, size, 0, 0, 64, socket.IPPROTO_UDP, 0, bytes(4), everyone)
    return ip + udp + message
