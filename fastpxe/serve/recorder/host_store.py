"""Hosts that `fastpxe host set` gave a boot: a small database, outside the packet path."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from fastpxe.errors import StoreError
from fastpxe.policy.hosts import Host, parse_host
from fastpxe.policy.schema import STATE

FILE = "hosts.db"
BUSY_S = 5.0

_TABLE = """
CREATE TABLE IF NOT EXISTS host (
    name TEXT PRIMARY KEY,          -- a MAC address or a UUID, as parse_host names it
    boot TEXT NOT NULL,
    once INTEGER NOT NULL,
    set_at REAL NOT NULL            -- seconds since 1970
) STRICT
"""


def make_folder(folder: str, uid: int, gid: int, *, own: str = STATE) -> None:
    """Create the folder for another user. An existing folder changes its owner only if it is `own`.

    That folder holds nothing else, and root may have created it by `fastpxe host set` before the
    first start. Errors are ignored: HostBootManager logs them when the folder is needed.
    """
    path = Path(folder)
    with suppress(OSError):
        try:
            path.mkdir(mode=0o755, parents=True)
        except FileExistsError:
            if folder != own:
                return
        os.chown(path, uid, gid)
        os.chown(path / FILE, uid, gid)


class HostStore:
    """The database in a folder; both are created when the first host is set.

    Every method raises StoreError when the database can't be used.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / FILE

    def set(self, name: str, boot: str, *, once: bool) -> None:
        """Set a host's boot, in place of the one before."""
        self._create_folder()
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")  # with the table and its first host at once
            database.execute(_TABLE)
            database.execute(
                "INSERT OR REPLACE INTO host VALUES (?, ?, ?, ?)", (name, boot, once, time.time())
            )
        self._change_owner()

    def forget(self, host: Host) -> bool:
        """Clear a host's boot, unless it was set again since; returns whether it was there."""
        if not self._exists():
            return False
        with self._opened() as database:
            done = database.execute(
                "DELETE FROM host WHERE name = ? AND set_at = ?", (host.name, host.set_at)
            )
            return done.rowcount > 0

    def all(self) -> list[Host]:
        """All hosts, the last one set first."""
        if not self._exists():
            return []
        with self._opened() as database:
            return _read(database, str(self.path))

    def _exists(self) -> bool:
        """Whether a host was ever set: a full disk leaves an empty file."""
        status = _status_of(self.path)
        return status is not None and status.st_size > 0

    def _create_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path.parent}: {error.strerror}") from error

    def _change_owner(self) -> None:
        """Give a file created by root to the folder's owner: the server must be able to write."""
        folder, file = self.path.parent.stat(), self.path.stat()
        if file.st_uid == 0 != folder.st_uid and os.geteuid() == 0:
            os.chown(self.path, folder.st_uid, folder.st_gid)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as database, database:
                yield database
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: {error}") from error


class HostWatch:
    """Detects changes of the database, which may not exist yet."""

    def __init__(self, store: HostStore) -> None:
        self._path = store.path
        self._database: sqlite3.Connection | None = None
        self._stamp: tuple[object, ...] = ()

    def poll(self) -> list[Host] | None:
        """Return all hosts if they may have changed, else None. Raises StoreError."""
        status = _status_of(self._path)
        if status is None or not status.st_size:
            self._close()
            return self._changed((), [])
        try:
            if self._database is None or self._stamp[:2] != (status.st_dev, status.st_ino):
                self._close()
                self._database = sqlite3.connect(self._path, timeout=BUSY_S)
            version = self._database.execute("PRAGMA data_version").fetchone()[0]
            stamp = (status.st_dev, status.st_ino, version)
            if stamp == self._stamp:
                return None
            return self._changed(stamp, _read(self._database, str(self._path)))
        except (sqlite3.Error, ValueError) as error:
            self._close()
            self._stamp = ()
            raise StoreError(f"{self._path}: {error}") from error

    def _changed(self, stamp: tuple[object, ...], hosts: list[Host]) -> list[Host] | None:
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        return hosts

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _status_of(path: Path) -> os.stat_result | None:
    """None for a file that doesn't exist. Raises StoreError when that is unknown."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def _read(database: sqlite3.Connection, path: str) -> list[Host]:
    rows = database.execute("SELECT name, boot, once, set_at FROM host ORDER BY set_at DESC, name")
    return [
        Host(
            name=name, keys=parse_host(name)[1], boot=boot, once=bool(once), where=path,
            set_at=set_at,
        )
        for name, boot, once, set_at in rows
    ]  # fmt: skip
