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
    """Make the folder for another user; a folder that is there is given away only if it is `own`.

    That one has nothing else in it, and root may have made it by setting a host before the first
    start. Who can't do it has nothing to make: HostKeeper says so when it matters.
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
    """The database in a folder; both are made when the first host is set.

    Every method raises StoreError when the database can't be used.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / FILE

    def set(self, name: str, boot: str, *, once: bool) -> None:
        """Give a host a boot, in place of any that it had."""
        self._make_folder()
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")  # with the table and its first host at once
            database.execute(_TABLE)
            database.execute(
                "INSERT OR REPLACE INTO host VALUES (?, ?, ?, ?)", (name, boot, once, time.time())
            )
        self._give_away()

    def forget(self, host: Host) -> bool:
        """Take a host's boot away, unless it was set anew by now; whether it was there."""
        if not self._is_there():
            return False
        with self._opened() as database:
            done = database.execute(
                "DELETE FROM host WHERE name = ? AND set_at = ?", (host.name, host.set_at)
            )
            return done.rowcount > 0

    def all(self) -> list[Host]:
        """Every host, the last one set first."""
        if not self._is_there():
            return []
        with self._opened() as database:
            return _read(database, str(self.path))

    def _is_there(self) -> bool:
        """Whether a host was ever set: an empty file is what a full disk leaves."""
        status = _status_of(self.path)
        return status is not None and status.st_size > 0

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path.parent}: {error.strerror}") from error

    def _give_away(self) -> None:
        """What root makes belongs to the folder's owner: who serves must be able to write it."""
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
    """Looks whether the database has changed; it need not be there."""

    def __init__(self, store: HostStore) -> None:
        self._path = store.path
        self._database: sqlite3.Connection | None = None
        self._seen: tuple[object, ...] = ()

    def look(self) -> list[Host] | None:
        """Every host, if that may be news, else None. Raises StoreError."""
        status = _status_of(self._path)
        if status is None or not status.st_size:
            self._close()
            return self._news((), [])
        try:
            if self._database is None or self._seen[:2] != (status.st_dev, status.st_ino):
                self._close()
                self._database = sqlite3.connect(self._path, timeout=BUSY_S)
            version = self._database.execute("PRAGMA data_version").fetchone()[0]
            sign = (status.st_dev, status.st_ino, version)
            if sign == self._seen:
                return None
            return self._news(sign, _read(self._database, str(self._path)))
        except (sqlite3.Error, ValueError) as error:
            self._close()
            self._seen = ()
            raise StoreError(f"{self._path}: {error}") from error

    def _news(self, sign: tuple[object, ...], hosts: list[Host]) -> list[Host] | None:
        if sign == self._seen:
            return None
        self._seen = sign
        return hosts

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _status_of(path: Path) -> os.stat_result | None:
    """None for a file that isn't there. Raises StoreError where that can't be seen."""
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
