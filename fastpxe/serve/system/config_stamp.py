"""The state of a configuration's files, compared without reading them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

FileStamp = tuple[tuple[str, int, int, int], ...]
"""Path, inode, time of modification (ns) and size (bytes) of each file."""


def file_stamp(paths: Sequence[str]) -> FileStamp:
    """The state of files, and of the files in folders; a missing file has none."""
    return tuple(sorted(_entries(paths)))


def _entries(paths: Sequence[str]) -> Iterator[tuple[str, int, int, int]]:
    for path in map(Path, paths):
        try:
            for file in path.iterdir() if path.is_dir() else (path,):
                status = file.stat()
                yield str(file), status.st_ino, status.st_mtime_ns, status.st_size
        except OSError:  # gone, or not readable: that is a state too
            continue
