"""The blocks of a file, sent to one client.

Sources:
  RFC 1350 section 2 (DATA), section 1 (netascii).
"""

import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from fastpxe.serve.files import OpenFile
from fastpxe.tftp import NetasciiBlocks
from fastpxe.wire import TftpOp

Ancillary = Sequence[tuple[int, int, bytes]]
"""What goes to sendmsg(2) beside the bytes, such as the address to send from."""


class BlockSender(Protocol):
    """Sends blocks of one file to one client; the seam where the data path is chosen."""

    @property
    def size_bytes(self) -> int | None:
        """How many bytes all blocks hold together; None while the end has not been read."""

    def send(self, first: int, count: int) -> None:
        """Send `count` blocks from `first` on, fewer if the file ends; `first` never decreases.

        Raises FileTruncated.
        """


class DataPort:
    """Where the DATA for one client leaves from."""

    def __init__(
        self, sock: socket.socket, client: tuple[str, int], ancillary: Ancillary = ()
    ) -> None:
        self._sock = sock
        self._client = client
        self._ancillary = ancillary

    def send(self, block: int, payload: bytes) -> bool:
        header = struct.pack(">HH", TftpOp.DATA, block & 0xFFFF)
        try:
            self._sock.sendmsg([header, payload], self._ancillary, 0, self._client)
        except OSError:
            # A full buffer, no route, a firewall: as good as lost on the wire. The timer sends it
            # again, or ends the transfer; the rest of the window would only come out of order.
            return False
        return True


class OctetSender:
    """Blocks of a file as it is."""

    def __init__(self, port: DataPort, file: OpenFile, blksize: int) -> None:
        self._port = port
        self._file = file
        self._blksize = blksize
        self.size_bytes: int | None = file.size_bytes

    def send(self, first: int, count: int) -> None:
        for block in range(first, first + count):
            payload = self._file.read((block - 1) * self._blksize, self._blksize)
            if not self._port.send(block, payload):
                return


class NetasciiSender:
    """Blocks of a file in netascii, converted as they are needed.

    Where a block begins in the file is known only after those before it, so the blocks that
    may be sent again are kept: those from the last `first` on, a window at most.
    """

    def __init__(self, port: DataPort, file: OpenFile, blksize: int) -> None:
        self._port = port
        self._blocks = NetasciiBlocks(file.pieces(), blksize)
        self._blksize = blksize
        self._kept: deque[bytes] = deque()
        self._first_kept = 1
        self.size_bytes: int | None = None

    @property
    def kept_blocks(self) -> int:
        """How many converted blocks are held for sending again."""
        return len(self._kept)

    def send(self, first: int, count: int) -> None:
        while self._first_kept < first:
            self._kept.popleft()
            self._first_kept += 1
        while len(self._kept) < count and self.size_bytes is None:
            self._convert_next()
        for block, payload in zip(range(first, first + count), self._kept, strict=False):
            if not self._port.send(block, payload):
                return

    def _convert_next(self) -> None:
        payload = self._blocks.next_block()
        self._kept.append(payload)
        if len(payload) < self._blksize:
            blocks_before = self._first_kept + len(self._kept) - 2
            self.size_bytes = blocks_before * self._blksize + len(payload)
