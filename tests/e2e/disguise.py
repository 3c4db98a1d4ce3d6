"""A network card's ROM that doesn't say it is an iPXE.

Those of real cards don't; of QEMU's ROMs every one is an iPXE, and the rules for a BIOS without one
would never be tried. So its packets get other option numbers on their way, between the machine's
tap and a port of the bridge. The rest is as iPXE does it.
"""

import json
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from netns import Namespace

ETH_P_ALL = 3  # linux/if_ether.h
PACKET_OUTGOING = 4  # linux/if_packet.h
MAGIC = bytes.fromhex("63825363")
PAD, END = 0, 255
# User class and iPXE's features, to numbers that a site may use as it likes (RFC 3942).
OTHER = {77: 224, 175: 225}
UDP_DESTINATION, UDP_CHECKSUM = slice(36, 38), slice(40, 42)  # of an Ethernet frame
PORT_4011 = (4011).to_bytes(2, "big")


@contextmanager
def disguise(bridge: Namespace) -> Iterator[None]:
    """Forward what passes the machine's tap, which is then no port of the bridge any more."""
    (tap,) = json.loads(bridge.run("ip", "-json", "link", "show", "tap0"))
    bridge.ip(f"""
        link add plug type veth peer name port
        link set tap0 nomaster
        link set port master {tap["master"]} up
        link set plug up
    """)
    machine, network = packets(bridge, "tap0"), packets(bridge, "plug")
    stop, stopped = socket.socketpair()
    forwarder = threading.Thread(target=forward, args=(machine, network, stopped))
    forwarder.start()
    try:
        yield
    finally:
        stop.close()
        forwarder.join()
        for end in machine, network, stopped:
            end.close()
        bridge.ip(f"""
            link delete plug
            link set tap0 master {tap["master"]}
        """)


def packets(namespace: Namespace, interface: str) -> socket.socket:
    end = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW)
    end.bind((interface, ETH_P_ALL))
    return end


def forward(machine: socket.socket, network: socket.socket, stopped: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(machine, selectors.EVENT_READ, (network, without_ipxe))
        selector.register(network, selectors.EVENT_READ, (machine, bytes))
        selector.register(stopped, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    return
                to, change = key.data
                assert isinstance(key.fileobj, socket.socket)
                frame, (_, _, kind, *_) = key.fileobj.recvfrom(0x10000)
                if kind != PACKET_OUTGOING:
                    with suppress(OSError):  # a machine that is off takes none
                        to.send(change(frame))


def without_ipxe(frame: bytes) -> bytes:
    """Return the frame as another ROM would have sent it.

    An iPXE that was loaded stays what it is: its vendor class is no more than "PXEClient". That is
    the ROM's too where it asks for an item of a menu, which goes to port 4011.
    """
    is_roms = b"PXEClient:Arch" in frame or frame[UDP_DESTINATION] == PORT_4011
    if not is_roms or (at := frame.find(MAGIC)) < 0:
        return frame
    changed = bytearray(frame)
    at += len(MAGIC)
    while changed[at] != END:
        code = changed[at]
        changed[at] = OTHER.get(code, code)
        at += 1 if code == PAD else 2 + changed[at + 1]
    changed[UDP_CHECKSUM] = bytes(2)  # none
    return bytes(changed)
