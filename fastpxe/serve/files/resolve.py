"""Which file below a root a request means, and who may read it."""

import errno
import os
import stat
from typing import Protocol

from fastpxe.dhcp.constants import TftpError
from fastpxe.dnsmasq.engine import tftp as dnsmasq
from fastpxe.errors import FileForbidden, FileNotFound, FileRefused
from fastpxe.net.neighbours import hardware_address
from fastpxe.serve.files.root import OpenFile
from fastpxe.text import printable
from fastpxe.tftp.packets import Error, TftpSettings, error
from fastpxe.tftp.paths import relative_path

MOST_SPELLINGS = 16
"""Where more paths match in any case, the search ends: links to `.` double them at each step."""


class Files(Protocol):
    """A directory that files are served from; `path` is how the configuration spells it."""

    path: str

    def open(self, path: bytes) -> OpenFile:
        """Open a file by relative path. Raises FileRefused, and OSError."""

    def has_folder(self, path: bytes) -> bool:
        """Whether there is a directory of this name."""

    def names(self, path: bytes) -> list[bytes]:
        """Return what a directory holds, `b"."` for this one. Raises as `open`."""

    def close(self) -> None:
        """Serve nothing more."""


def open_requested(
    files: Files, settings: TftpSettings, name: bytes, *, client: str, interface: str
) -> tuple[bytes, OpenFile]:
    """Open the file that a client means by a name; return its path below the root with it.

    Raises MalformedPacket, FileRefused, and OSError.
    """
    folder, below = requested_path(files, settings, name, client=client, interface=interface)
    path = folder + below
    try:
        return path, open_for(files, settings, path)
    except FileNotFound:
        spellings = _spellings(files, folder, below) if settings.ignore_case else []
        if not spellings:
            raise
    if len(spellings) > 1:
        shown = ", ".join(printable(one) for one in sorted(spellings)[:3])
        raise FileNotFound(f"more than one in upper and lower case: {shown}", errno.ENOENT)
    return spellings[0], open_for(files, settings, spellings[0])


def requested_path(
    files: Files, settings: TftpSettings, name: bytes, *, client: str, interface: str
) -> tuple[bytes, bytes]:
    """Return the client's own folder (`b""`, or a slash at its end), and the path in there.

    Raises MalformedPacket and FileForbidden.
    """
    folder = _folder_of(files, settings, client, interface)
    if settings.dialect == "dnsmasq":
        prefix = os.path.join(os.fsencode(files.path), folder)  # noqa: PTH118 - bytes
        below = dnsmasq.path_below(name, prefix, lowercase=settings.lowercase)
    else:
        path = relative_path(name.lower() if settings.lowercase else name)
        below = settings.renaming(path)
    return folder, below


def open_for(files: Files, settings: TftpSettings, path: bytes) -> OpenFile:
    """Open a file that the settings allow to be read. Raises as `Files.open`."""
    file = files.open(path)
    if not _may_be_read(file.status, settings, os.geteuid()):
        file.close()
        raise FileForbidden("its owner or its mode keeps it from being served", errno.EACCES)
    return file


def refusal(refused: FileRefused, settings: TftpSettings) -> Error:
    """Return the ERROR for a refused file; the text gives nothing of this machine away."""
    if settings.dialect == "dnsmasq":
        code = dnsmasq.error_code(refused)
        return error(code, "Not a readable file" if code == TftpError.UNDEFINED else "")
    match refused:
        case FileNotFound():
            return error(TftpError.NOT_FOUND)
        case FileForbidden():
            return error(TftpError.ACCESS_VIOLATION)
    return error(TftpError.UNDEFINED)


def write_refusal(settings: TftpSettings) -> Error:
    """Return the ERROR for a write request."""
    is_dnsmasq = settings.dialect == "dnsmasq"
    return error(dnsmasq.WRITE_REFUSED if is_dnsmasq else TftpError.ACCESS_VIOLATION)


def _folder_of(files: Files, settings: TftpSettings, client: str, interface: str) -> bytes:
    """Return the client's own folder with a slash at the end, or nothing."""
    if settings.unique_root is None:
        return b""
    name: str | None = client
    if settings.unique_root == "mac":
        hardware = hardware_address(client, interface)
        name = hardware.replace(":", "-") if hardware else None
    if name is None or not files.has_folder(name.encode()):
        return b""
    return name.encode() + b"/"


def _spellings(files: Files, folder: bytes, path: bytes) -> list[bytes]:
    """Return what is there in a folder and differs from `path` in nothing but case.

    Nothing is remembered between requests, so that nothing can be out of date. Raises as
    `Files.names`, but for a folder that isn't there.
    """
    found = [folder.rstrip(b"/")]
    for component in path.split(b"/"):
        wanted = component.lower()
        found = [
            os.path.join(place, name)  # noqa: PTH118 - bytes
            for place in found
            for name in _names(files, place)
            if name.lower() == wanted
        ]
        if len(found) > MOST_SPELLINGS:
            break
    return found


def _names(files: Files, folder: bytes) -> list[bytes]:
    try:
        return files.names(folder or b".")
    except FileNotFound:  # a file, where the path goes on
        return []


def _may_be_read(status: os.stat_result, settings: TftpSettings, user: int) -> bool:
    """Root may read everything, so its files are judged by mode; what others serve by owner."""
    if user == 0:
        return not settings.world_readable or bool(status.st_mode & stat.S_IROTH)
    return not settings.secure or status.st_uid == user
