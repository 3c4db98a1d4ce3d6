"""Distribute datagrams to workers, each with its own socket on the same port.

SO_REUSEPORT alone is wrong for a broadcast: every socket gets a copy, so a client gets as many
answers. Therefore each socket has a filter that passes its share. For unicast, the group selects
the socket by the same number; else the kernel would choose one whose filter drops the datagram.

Sources: socket(7), <linux/filter.h>. A filter's data starts at the UDP header, the group's at the
payload; both reach the IP header at SKF_NET_OFF.
"""

import ctypes
import socket
import struct

SO_ATTACH_FILTER = 26
SO_ATTACH_REUSEPORT_CBPF = 51

_LOAD_WORD, _LOAD_HALF, _LOAD_LENGTH = 0x20, 0x28, 0x80
_MODULO, _JUMP_EQUAL, _JUMP_AT_LEAST = 0x94, 0x15, 0x35
_RETURN, _RETURN_A = 0x06, 0x16
_NETWORK = 0xFFF00000  # SKF_NET_OFF: offsets from the IP header, here without options
_ALL, _NOTHING = 0xFFFFFFFF, 0

_UDP = 20
_XID = _NETWORK + _UDP + 8 + 4
_SOURCE_PORT = _NETWORK + _UDP
_HEADER = 8  # UDP: holds the source port
_SHORTEST = _HEADER + 8  # a message up to its xid

Instruction = tuple[int, int, int, int]


def share_by_xid(group: list[socket.socket]) -> None:
    """Give socket i the DHCP messages with xid % count == i."""
    _share(group, (_LOAD_WORD, 0, 0, _XID), _SHORTEST)


def share_by_source_port(group: list[socket.socket]) -> None:
    """Give socket i the TFTP packets with source port % count == i.

    Short packets too: on a shared port, an ACK of four bytes follows its request.
    """
    _share(group, (_LOAD_HALF, 0, 0, _SOURCE_PORT), _HEADER)


def _share(group: list[socket.socket], load: Instruction, shortest: int) -> None:
    """Attach a filter to each socket, and to the group the same selection, in order of binding."""
    count = len(group)
    for index, sock in enumerate(group):
        short = _ALL if index == 0 else _NOTHING  # one socket passes them, to be counted
        attach(
            sock,
            SO_ATTACH_FILTER,
            [
                (_LOAD_LENGTH, 0, 0, 0),
                (_JUMP_AT_LEAST, 1, 0, shortest),
                (_RETURN, 0, 0, short),
                load,
                (_MODULO, 0, 0, count),
                (_JUMP_EQUAL, 0, 1, index),
                (_RETURN, 0, 0, _ALL),
                (_RETURN, 0, 0, _NOTHING),
            ],
        )
    choose = [
        (_LOAD_LENGTH, 0, 0, 0),
        (_JUMP_AT_LEAST, 1, 0, shortest - _HEADER),
        (_RETURN, 0, 0, 0),
        load,
        (_MODULO, 0, 0, count),
        (_RETURN_A, 0, 0, 0),
    ]
    attach(group[0], SO_ATTACH_REUSEPORT_CBPF, choose)


def attach(sock: socket.socket, option: int, program: list[Instruction]) -> None:
    """Attach a classic BPF program to a socket."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, option, head)
