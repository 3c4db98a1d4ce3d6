"""Files under the root, opened so that no name leads out of it.

Sources:
  openat2(2) (confinement by the kernel, races included).
"""

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Self
from weakref import WeakValueDictionary

from fastpxe.errors import FileForbidden, FileNotFound, FileTruncated

Opener = Callable[[int, bytes, int], int]
"""(directory descriptor, relative path, flags) to descriptor; OSError as of open(2)."""

_SYS_OPENAT2 = 437  # the same on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_LIBC = ctypes.CDLL(None, use_errno=True)

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LOOK = os.O_PATH | os.O_CLOEXEC
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_REFUSED = (errno.EXDEV, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO)


class OpenFile:
    """A regular file as it was when it was opened: `size_bytes` doesn't follow later changes.

    A file put in its place has no effect; one cut short makes `read` raise FileTruncated.
    It may be in use more than once, and is closed when the last has closed it.
    """

    def __init__(self, fd: int, status: os.stat_result) -> None:
        self.fd = fd
        self.status = status
        self.size_bytes = status.st_size
        self._uses = 1

    @property
    def is_open(self) -> bool:
        """Whether somebody still uses it."""
        return self._uses > 0

    def shared(self) -> Self | None:
        """Return this very file for one more use; None if it was closed."""
        if not self._uses:
            return None
        self._uses += 1
        return self

    def read(self, offset: int, limit: int) -> bytes:
        """Return up to `limit` bytes from `offset`; fewer only at the size announced."""
        wanted = max(0, min(limit, self.size_bytes - offset))
        try:
            found = os.pread(self.fd, wanted, offset)
        except OSError as error:  # a failing disk, a file server that went away
            raise FileTruncated(f"the file can't be read: {error.strerror}") from error
        if len(found) < wanted:
            raise FileTruncated("the file was cut short during the transfer")
        return found

    def pieces(self, size: int = 16384) -> Iterator[bytes]:
        """Yield the whole file in pieces of `size` bytes."""
        for offset in range(0, self.size_bytes, size):
            yield self.read(offset, size)

    def close(self) -> None:
        self._uses -= 1
        if not self._uses:
            os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def in_memory(pieces: Iterable[bytes]) -> OpenFile:
    """Return a file that has these pieces, and no name. Raises OSError."""
    fd = os.memfd_create("made")
    try:
        with open(fd, "wb", closefd=False) as made:
            made.writelines(pieces)
        return OpenFile(fd, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise


class Root:
    """A directory that files are served from, and that no name leads out of.

    Symlinks are followed as long as they stay inside, absolute ones too; none is where the kernel
    is older than 5.6, or a container refuses openat2(2). Raises OSError when `path` is not a
    directory that can be opened.
    """

    def __init__(self, path: str, opener: Opener | None = None) -> None:
        self.path = path
        self._real = os.path.realpath(os.fsencode(path))
        self._fd = os.open(path, _LOOK | os.O_DIRECTORY)
        try:
            self._open = opener or _best_opener(self._fd)
        except OSError:
            os.close(self._fd)
            raise
        self._in_use: WeakValueDictionary[tuple[int, ...], OpenFile] = WeakValueDictionary()

    def open(self, path: bytes) -> OpenFile:
        """Open a relative path, as of `paths.relative_path`, or share the file if it is in use.

        Raises FileNotFound; FileForbidden for what is outside, unreadable or not a regular file;
        OSError when the machine is at fault (no descriptor left, disk error).
        """
        looked_at = self._confined(path, _LOOK)
        try:
            # Looked at before it is opened: opening a device or a FIFO may already do something.
            status = os.fstat(looked_at)
            _require_regular(status)
        finally:
            os.close(looked_at)
        in_use = self._in_use.get(version_of(status))
        if in_use is not None and (shared := in_use.shared()) is not None:
            return shared
        fd = self._confined(path, _READ)
        try:
            status = os.fstat(fd)
            _require_regular(status)
        except BaseException:
            os.close(fd)
            raise
        file = self._in_use[version_of(status)] = OpenFile(fd, status)
        return file

    def has_folder(self, path: bytes) -> bool:
        """Whether there is a directory of this name.

        A link that leads out counts too: what is asked for there gets refused, not looked for
        elsewhere.
        """
        try:
            os.close(self._confined(path, _LOOK | os.O_DIRECTORY))
        except FileNotFound:
            return False
        except FileForbidden:
            return True
        return True

    def names(self, path: bytes) -> list[bytes]:
        """Return the names in a directory; `b"."` is the root itself. Raises as `open`."""
        fd = self._confined(path, _READ | os.O_DIRECTORY)
        try:
            return [os.fsencode(name) for name in os.listdir(fd)]  # noqa: PTH208 - a descriptor
        finally:
            os.close(fd)

    def _confined(self, path: bytes, flags: int) -> int:
        try:
            return self._follow(path, flags)
        except OSError as error:
            if error.errno in _MISSING:
                raise FileNotFound("no such file", error.errno) from error
            if error.errno in _REFUSED:
                raise FileForbidden("outside the root, or not readable", error.errno) from error
            raise

    def _follow(self, path: bytes, flags: int) -> int:
        try:
            return self._open(self._fd, path, flags)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        # The kernel takes every absolute link for one that leaves. Those that come back in are
        # spelled as a path from the root, and confined once more: nothing is trusted here.
        real = os.path.realpath(os.path.join(self._real, path))  # noqa: PTH118 - bytes
        return self._open(self._fd, os.path.relpath(real, self._real), flags)

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def version_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what no two versions of a file have in common."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        why = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EACCES
        raise FileForbidden("not a regular file", why)


def _best_opener(root_fd: int) -> Opener:
    try:
        os.close(open_beneath(root_fd, b".", _LOOK))
    except OSError as error:
        # Container runtimes of the time answered EPERM to system calls that they didn't know.
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return open_by_walking
        raise
    return open_beneath


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_beneath(root_fd: int, path: bytes, flags: int) -> int:
    """Open with openat2(2): the kernel refuses, with EXDEV, whatever leads out of the root."""
    how = _OpenHow(flags=flags, resolve=_RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    for _ in range(8):
        fd: int = _LIBC.syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_int(root_fd),
            ctypes.c_char_p(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code != errno.EAGAIN:  # EAGAIN: something was renamed meanwhile; ask again
            break
    raise OSError(code, os.strerror(code))


def open_by_walking(root_fd: int, path: bytes, flags: int) -> int:
    """Open one component after the other, following no symlink at all."""
    *folders, name = path.split(b"/")
    at = os.dup(root_fd)
    try:
        for folder in folders:
            below = os.open(folder, _LOOK | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)
