"""The directories that files are served from: one for each interface, and those of clients."""

import errno
import logging
import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from fastpxe.errors import FileForbidden, FileNotFound, StartError
from fastpxe.serve.files.resolve import Files
from fastpxe.serve.files.root import OpenFile, Root
from fastpxe.serve.system.privileges import whoami
from fastpxe.tftp.packets import TftpSettings

log = logging.getLogger("fastpxe")

DEFAULT_ROOT = "/tftpboot"
FALLBACK_ROOT = "./tftpboot"


def make_default_root(settings: TftpSettings, interfaces: Iterable[str]) -> None:
    """Make what Roots would make, while this is still a user that may. Raises StartError."""
    if settings.dialect != "dnsmasq" and None in (
        settings.roots.get(interface, settings.root) for interface in interfaces
    ):
        try:
            _default_root()
        except OSError as error:
            raise StartError(_explain(FALLBACK_ROOT, error, "[tftp] root")) from error


class Roots:
    """The roots of the interfaces named, opened; a context manager that closes them.

    `of_clients` are those of [[tftp.client]] by path, `scripts` is the folder of templates; neither
    is opened where there is no interface. Raises StartError when one can't be.
    """

    def __init__(self, settings: TftpSettings, interfaces: Iterable[str]) -> None:
        self._settings = settings
        self._by_path: dict[str | None, Files] = {}
        self._by_interface: dict[str, Files] = {}
        self.of_clients: dict[str, Files] = {}
        self.scripts: Files | None = None
        with ExitStack() as stack:
            self._stack = stack
            for interface in interfaces:
                path = settings.roots.get(interface, settings.root)
                if path is None and settings.dialect == "dnsmasq":
                    log.warning("no tftp-root for %s: every request there is refused", interface)
                self._by_interface[interface] = self._opened(path, "[tftp] root")
            if self._by_interface:
                paths = [client.root for client in settings.client if client.root is not None]
                self.of_clients = {
                    path: self._opened(path, "[[tftp.client]] root") for path in paths
                }
                if settings.scripts is not None:
                    self.scripts = _open(settings.scripts, settings, "[tftp] scripts")
                    stack.callback(self.scripts.close)
            self._stack = stack.pop_all()

    def __getitem__(self, interface: str) -> Files:
        return self._by_interface[interface]

    def all(self) -> list[Files]:
        """Each root once."""
        return list(self._by_path.values())

    def of_interfaces(self) -> list[Files]:
        """Each root of an interface once."""
        return list(dict.fromkeys(self._by_interface.values()))

    def _opened(self, path: str | None, key: str) -> Files:
        if path not in self._by_path:
            self._by_path[path] = _open(path, self._settings, key)
            self._stack.callback(self._by_path[path].close)
        return self._by_path[path]

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MissingRoot:
    """A root that wasn't there at start (no_fail): looked for at each request."""

    def __init__(self, path: str) -> None:
        self.path = path

    def open(self, path: bytes) -> OpenFile:
        with self._found() as root:
            return root.open(path)

    def has_folder(self, path: bytes) -> bool:
        with self._found() as root:
            return root.has_folder(path)

    def names(self, path: bytes) -> list[bytes]:
        with self._found() as root:
            return root.names(path)

    def close(self) -> None:
        """Nothing is held."""

    def _found(self) -> Root:
        try:
            return Root(self.path)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as failure:
            raise FileNotFound("the root is missing", failure.errno or 0) from failure


class NoRoot:
    """What an interface has that no root is configured for, where none may be made up."""

    path = ""

    def open(self, path: bytes) -> OpenFile:  # noqa: ARG002 - any path is refused
        raise FileForbidden("no tftp-root is set for this interface", errno.EACCES)

    def has_folder(self, path: bytes) -> bool:  # noqa: ARG002 - there is none
        return False

    def names(self, path: bytes) -> list[bytes]:  # noqa: ARG002 - there are none
        return []

    def close(self) -> None:
        """Nothing is held."""


def _open(path: str | None, settings: TftpSettings, key: str) -> Files:
    if path is None and settings.dialect == "dnsmasq":
        return NoRoot()
    wanted = path or FALLBACK_ROOT
    try:
        return Root(path or _default_root())
    except OSError as error:
        if not settings.no_fail:
            raise StartError(_explain(wanted, error, key)) from error
    log.warning("TFTP root %s is missing: nothing is served from there until it is made", wanted)
    return MissingRoot(wanted)


def _explain(path: str, error: OSError, key: str) -> str:
    if path == FALLBACK_ROOT and not os.path.isdir(path):  # noqa: PTH112 - never raises
        return (
            f"there is no {DEFAULT_ROOT}, and {FALLBACK_ROOT} can't be made by user {whoami()}: "
            f"{error.strerror}; make one of them, or set {key} = …"
        )
    if isinstance(error, PermissionError):
        return (
            f"TFTP root {path}: user {whoami()} may not look into it; chmod o+rx it and the "
            f"folders above, set {key} = …, or serve as another user: --user NAME"
        )
    return f"TFTP root {path}: {error.strerror}; set {key} = …"


def _default_root() -> str:
    """/tftpboot, or ./tftpboot, which is made."""
    if Path(DEFAULT_ROOT).is_dir():
        return DEFAULT_ROOT
    fallback = Path(FALLBACK_ROOT)
    if not fallback.is_dir():
        fallback.mkdir()
        log.warning("made %s: put the boot files there", fallback.resolve())
    return FALLBACK_ROOT
