"""iPXE scripts made for the machine that asks, from the templates of a folder."""

import errno
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

import msgspec

from fastpxe.errors import FileRefused, MalformedPacket, ScriptFailed
from fastpxe.firmware.requests import Client
from fastpxe.net.neighbours import hardware_address
from fastpxe.policy.ipxe_templates import SUFFIX, Machine, Scripts, Unescaped, question, split_name
from fastpxe.policy.schema import HttpSettings
from fastpxe.serve.files.resolve import Files
from fastpxe.serve.files.root import OpenFile, in_memory
from fastpxe.tftp.paths import relative_path

TEMPLATE_MAX = 1 << 20  # bytes; a larger one is no script


class Place(NamedTuple):
    """Where a script was asked for: the client, our address as it knows it, and by which URL."""

    client: IPv4Address
    server: IPv4Address
    interface: str
    url: str


class Made(NamedTuple):
    """A file that was made for a machine. `is_question`: it only asks who the machine is."""

    file: OpenFile
    is_question: bool


class ScriptMaker:
    """Makes what is asked for, where there is a template of that name.

    http: where files are to be had besides TFTP. decide: the boot of a machine's own, and the rule
    that it is answered by, on an interface; "" for none.
    """

    def __init__(
        self, folder: Files, http: HttpSettings, decide: Callable[[Client, str], tuple[str, str]]
    ) -> None:
        self._folder = folder
        self._http = http
        self._decide = decide
        self._scripts = Scripts(self._load)

    def make(self, name: bytes, place: Place) -> Made | None:
        """Return a question or a script; None where there is no template of that name.

        Raises ScriptFailed, and OSError.
        """
        spelled, machine = split_name(name.decode("utf-8", "replace"))
        path = template_path(self._folder, spelled)
        if path is None:
            return None
        if machine is None:
            text = question(f"{place.url}/{path}")
        else:
            text = self._scripts.render(path, self._values(machine, place))
        return Made(in_memory([text.encode()]), machine is None)

    def check(self, name: str) -> str:
        """Return what is wrong with a template, as far as can be told without a machine."""
        try:
            self._scripts.check(name)
        except ScriptFailed as failed:
            return str(failed)
        return ""

    def _values(self, machine: Machine, place: Place) -> dict[str, object]:
        if not machine.mac:
            mac = hardware_address(str(place.client), place.interface) or ""
            machine = msgspec.structs.replace(machine, mac=mac)
        boot, rule = self._decide(machine.as_client(place.client), place.interface)
        port = f":{self._http.port}" if self._http.port != 80 else ""
        files = f"http://{place.server}{port}" if self._http.enabled else f"tftp://{place.server}"
        return {
            **msgspec.structs.asdict(machine),
            "boot": boot,
            "rule": rule,
            "server": str(place.server),
            "address": str(place.client),
            "files": Unescaped(files),
        }

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        found = read_template(self._folder, name)
        if found is None:
            return None
        text, version = found
        return text, name, lambda: version == _version(self._folder, name)


def template_path(folder: Files, name: str) -> str | None:
    """Return the path of the template that a name means, None where there is none."""
    if not name.endswith(SUFFIX):
        return None
    try:
        path = relative_path(name.encode())
        folder.open(path).close()
    except (MalformedPacket, FileRefused):
        return None
    return path.decode()


def read_template(folder: Files, name: str) -> tuple[str, object] | None:
    """Return a template's text and what tells its versions apart, None where there is none.

    Raises ScriptFailed.
    """
    try:
        file = folder.open(relative_path(name.encode()))
    except (MalformedPacket, FileRefused):
        return None
    with file:
        if file.size_bytes > TEMPLATE_MAX:
            raise ScriptFailed(f"{name}: larger than {TEMPLATE_MAX} bytes", errno.EFBIG)
        try:
            return b"".join(file.pieces()).decode(), _sign(file)
        except UnicodeDecodeError:
            raise ScriptFailed(f"{name}: not UTF-8 text", errno.EILSEQ) from None


def _version(folder: Files, name: str) -> object:
    try:
        with folder.open(relative_path(name.encode())) as file:
            return _sign(file)
    except (MalformedPacket, FileRefused, OSError):
        return None


def _sign(file: OpenFile) -> object:
    status = file.status
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
