"""What one recorder leaves to the next: bytes in memory that outlive its process."""

import fcntl
import os
import struct

_SIZE = struct.Struct("=Q")


class HandoverBuffer:
    """Memory shared by fork. One process at a time holds it; the next waits for that one's end.

    A write that was cut short, because the process was killed, is not read.
    """

    def __init__(self) -> None:
        self._fd = os.memfd_create("handover")

    def hold(self) -> None:
        """Wait until no other process holds the buffer; hold it until this process ends."""
        # Opened anew: a lock belongs to an open file, which a fork would share.
        self._fd = os.open(f"/proc/self/fd/{self._fd}", os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def read(self) -> bytes:
        """Return the last content written, b"" if there is none."""
        head = os.pread(self._fd, _SIZE.size, 0)
        return os.pread(self._fd, _SIZE.unpack(head)[0], _SIZE.size) if head else b""

    def write(self, content: bytes) -> None:
        """Replace the content."""
        os.pwrite(self._fd, _SIZE.pack(0), 0)
        os.pwrite(self._fd, content, _SIZE.size)
        os.pwrite(self._fd, _SIZE.pack(len(content)), 0)
        os.ftruncate(self._fd, _SIZE.size + len(content))
