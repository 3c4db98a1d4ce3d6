"""Files in netascii, converted whole before the first block: a block can't be found again in part.

Sources:
  RFC 764 (end of line), RFC 1350 section 1 (the mode).
"""

import errno
from weakref import WeakValueDictionary

from fastpxe.errors import FileForbidden
from fastpxe.serve.files.root import OpenFile, in_memory, version_of
from fastpxe.tftp.packets import netascii

FILE_MAX = 16 << 20
"""Bytes of a file that is converted."""

HELD_MAX = 64 << 20
"""Bytes in memory at the same time. A request of 28 bytes may ask for any file in netascii."""


class NetasciiFiles:
    """Files in netascii, each converted once for all that are sent it at the time."""

    def __init__(self, held_max: int = HELD_MAX) -> None:
        self._held_max = held_max
        self._in_use: WeakValueDictionary[tuple[int, ...], OpenFile] = WeakValueDictionary()

    @property
    def held_bytes(self) -> int:
        """How much is in memory."""
        return sum(file.size_bytes for file in self._in_use.values() if file.is_open)

    def of(self, file: OpenFile) -> OpenFile:
        """Return a file as netascii; `file` is closed, unless this raises.

        Raises FileForbidden for one larger than FILE_MAX, FileTruncated, and OSError, also where
        too much is held.
        """
        if file.size_bytes > FILE_MAX:
            why = "too large for netascii; clients should ask for octet"
            raise FileForbidden(why, errno.EACCES)
        version = version_of(file.status)
        in_use = self._in_use.get(version)
        found = in_use.shared() if in_use is not None else None
        if found is None:
            if self.held_bytes + 2 * file.size_bytes > self._held_max:  # CR is CR NUL in netascii
                raise OSError(errno.ENOMEM, "too much in netascii at the same time")
            found = in_memory(netascii(piece) for piece in file.pieces())
            self._in_use[version] = found
        file.close()
        return found
