"""The exceptions of fastpxe.

FastpxeError
├── ConfigError        the configuration is refused; says where and what to write instead
├── MalformedPacket    a datagram that can't be read; never leaves the receive loop
├── StartError         a socket, file or privilege is missing; says how to get it
├── StoreError         what fastpxe keeps on disk can't be read or written
├── FileTruncated      a file that can't be read as far as its size at open promised
└── FileRefused        a TFTP file name that is not served
    ├── FileNotFound   nothing of that name under the root
    ├── ScriptFailed   a template that can't be made a script; says where
    └── FileForbidden  outside the root, or not a regular file
"""

from fastpxe.text import escaped


class FastpxeError(Exception):
    """Anything that fastpxe raises on purpose."""


class ConfigError(FastpxeError):
    """A configuration that is refused.

    `where` is "file:line", or the file alone when no line can be named; `key` is the path of the
    key, such as "boot[0].arch".
    """

    def __init__(self, message: str, *, where: str, key: str = "") -> None:
        self.message = message
        self.where = where
        self.key = key
        text = f"{where}: {key}: {message}" if key else f"{where}: {message}"
        super().__init__(escaped(text))  # the file may be no configuration at all


class MalformedPacket(FastpxeError):  # noqa: N818 - a packet is malformed; "Error" adds nothing
    """A datagram that is not a message of its protocol. `reason` is a short word for counters."""

    def __init__(self, reason: str, message: str = "") -> None:
        self.reason = reason
        super().__init__(message or reason)


class StartError(FastpxeError):
    """The server can't start; the text says what to do."""


class StoreError(FastpxeError):
    """What fastpxe keeps on disk can't be read or written; the text names the file."""


class FileRefused(FastpxeError):  # noqa: N818 - see MalformedPacket
    """A requested file that is not served. `errno` is as of open(2), 0 where nothing was opened."""

    def __init__(self, message: str, errno: int = 0) -> None:
        self.errno = errno
        super().__init__(message)


class FileNotFound(FileRefused):
    """No file of that name under the root: TFTP ERROR 1."""


class ScriptFailed(FileRefused):
    """A template that can't be made a script; the text is "name:line: why". TFTP ERROR 0."""


class FileForbidden(FileRefused):
    """A name that leaves the root, or that is not a regular file: TFTP ERROR 2."""


class FileTruncated(FastpxeError):  # noqa: N818 - like FileRefused: what happened to the file
    """A file that no longer holds what was announced, or that can't be read any more."""
