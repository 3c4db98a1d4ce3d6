"""What tells one state of a configuration's files from another, without reading them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

Sign = tuple[tuple[str, int, int, int], ...]


def sign_of(paths: Sequence[str]) -> Sign:
    """Of files, and of those in folders, their inode, time and size; of a missing one nothing."""
    return tuple(sorted(_signs(paths)))


def _signs(paths: Sequence[str]) -> Iterator[tuple[str, int, int, int]]:
    for path in map(Path, paths):
        try:
            for file in path.iterdir() if path.is_dir() else (path,):
                status = file.stat()
                yield str(file), status.st_ino, status.st_mtime_ns, status.st_size
        except OSError:  # gone meanwhile, or not to be read: that is a state too
            continue
