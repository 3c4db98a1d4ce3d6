"""A dnsmasq configuration, its command line and files, becomes a DnsmasqConfig, or is refused.

What dnsmasq 2.90 refuses is refused, with the place and what to write instead.

Sources:
  dnsmasq 2.90, its manual and its behaviour: the command line is read first, included files where
  they are named, and dhcp-hostsfile, dhcp-optsfile and hosts files after everything else.
"""

import difflib
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from fastpxe.dnsmasq.syntax.arguments import read_arguments
from fastpxe.dnsmasq.syntax.builder import ConfigBuilder
from fastpxe.dnsmasq.syntax.directives import DIRECTIVES
from fastpxe.dnsmasq.syntax.disk import DEBIAN_LEFTOVERS, Disk, chosen
from fastpxe.dnsmasq.syntax.fields import as_text, split_all, whole_number
from fastpxe.dnsmasq.syntax.host import ETC_ETHERS, read_ethers
from fastpxe.dnsmasq.syntax.keywords import KEYS, Key
from fastpxe.dnsmasq.syntax.lines import SourceLine, read_lines, read_values
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Location, Note
from fastpxe.dnsmasq.syntax.names import ETC_HOSTS, hosts_file_names, resolve
from fastpxe.errors import ConfigError


def read_config(
    files: Sequence[str] = (), *, arguments: Sequence[str] = (), disk: Disk
) -> DnsmasqConfig:
    """Read dnsmasq's own arguments, then each file; a directory is read as by conf-dir.

    Raises ConfigError.
    """
    reader = _Reader(disk)
    reader.read_arguments(arguments)
    for file in files:
        reader.read_file_or_directory(file)
    return reader.finish()


class _Reader:
    """The state of reading: the builder, the files read, and the keywords that may not repeat."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.builder = ConfigBuilder()
        self.files: set[object] = set()
        self.once: set[tuple[str, bool]] = set()
        self.bind_lines: dict[str, SourceLine] = {}

    def read_arguments(self, arguments: Sequence[str]) -> None:
        """The first conf-file is read after all arguments, as dnsmasq reads it."""
        main: SourceLine | None = None
        for line in read_arguments(arguments):
            if line.key == "conf-file" and main is None:
                main = line
            else:
                self.take(line, is_argument=True)
        if main is not None:
            self.take(main, is_argument=True)

    def read_file_or_directory(self, path: str) -> None:
        names = self.disk.list_dir(path)
        if names is None:
            self.read_file(path, where=path)
            return
        for name in chosen(names, DEBIAN_LEFTOVERS):
            self.read_file(f"{path}/{name}", where=path)

    def read_file(self, path: str, *, where: str) -> None:
        identity = self.disk.identity(path)
        if identity in self.files:
            return
        self.files.add(identity)
        content = self.disk.read(path)
        if content is None:
            raise ConfigError(f'"{path}" can\'t be read; is it there, and readable?', where=where)
        for line in read_lines(content, path):
            self.take(line, is_argument=False)

    def take(self, line: SourceLine, *, is_argument: bool) -> None:
        key = _key(line)
        if key.is_once:
            self._check_once(line, is_argument=is_argument)
        if key.is_number:
            _check_number(line)
        if key.part != "implemented":
            self.builder.note(line, key.why)
        elif key.name == "conf-file":
            self._include_file(line)
        elif key.name == "conf-dir":
            self._include_directory(line)
        else:
            DIRECTIVES[key.name](line, self.builder)
            self._check_binding(line)

    def _check_once(self, line: SourceLine, *, is_argument: bool) -> None:
        """A file may say again what the command line said."""
        if (line.key, is_argument) in self.once:
            raise line.error("it stands here a second time, and may only once; remove one")
        self.once.add((line.key, is_argument))

    def _check_binding(self, line: SourceLine) -> None:
        if line.key in ("bind-interfaces", "bind-dynamic"):
            self.bind_lines[line.key] = line
            if len(self.bind_lines) == 2:
                raise line.error("bind-interfaces and bind-dynamic exclude each other; remove one")

    def _include_file(self, line: SourceLine) -> None:
        if line.value:
            self.read_file(as_text(line.value), where=str(line.where))

    def _include_directory(self, line: SourceLine) -> None:
        if not line.value:
            return
        path, *suffixes = map(as_text, split_all(line.value))
        if not path:
            return
        names = self.disk.list_dir(path)
        if names is None:
            raise line.error(f'"{path}" is no directory that can be read')
        for name in chosen(names, suffixes):
            self.read_file(f"{path}/{name}", where=str(line.where))

    # --- what is read last ----------------------------------------------------------------------

    def finish(self) -> DnsmasqConfig:
        self._check_domain()
        if self.builder.reads_etc_ethers:
            read_ethers(self.disk.read(ETC_ETHERS) or b"", self.builder)
        for line in self.builder.hosts_files:
            self._read_values(line, "dhcp-host")
        for line in self.builder.options_files:
            self._read_values(line, "dhcp-option")
        return self.builder.finish(self._names())

    def _check_domain(self) -> None:
        asking = next((note for note in self.builder.notes if note.key == "dhcp-fqdn"), None)
        if asking is not None and not self.builder.domain:
            raise ConfigError(
                "it needs a domain for all hosts; write domain=NAME, too",
                where=str(asking.where),
                key=asking.key,
            )

    def _read_values(self, line: SourceLine, key: str) -> None:
        """A line of these files that can't be read is left out, with a note."""
        for path, content in self._contents(line):
            for value in read_values(content, path, key):
                try:
                    if isinstance(value, ConfigError):
                        raise value
                    DIRECTIVES[key](value, self.builder)
                except ConfigError as error:
                    self._note_left_out(error, key)

    def _note_left_out(self, error: ConfigError, key: str) -> None:
        file, _, number = error.where.rpartition(":")
        why = f"this line is left out: {error.message}"
        self.builder.notes.append(Note(Location(file, int(number)), key, why))

    def _contents(self, line: SourceLine) -> Iterator[tuple[str, bytes]]:
        """The file that the line names, or all files of the directory."""
        path = as_text(line.value or "")
        names = self.disk.list_dir(path)
        for file in [path] if names is None else [f"{path}/{name}" for name in chosen(names)]:
            content = self.disk.read(file)
            if content is None:
                self.builder.note(line, f'"{file}" can\'t be read')
            else:
                yield file, content

    def _names(self) -> dict[str, IPv4Address]:
        builder = self.builder
        if not builder.has_names:
            return {}
        domain = builder.domain if builder.expands_hosts else ""
        contents = [c for line in builder.names_files for _, c in self._contents(line)]
        if builder.reads_etc_hosts:
            contents.insert(0, self.disk.read(ETC_HOSTS) or b"")
        found = (pair for content in contents for pair in hosts_file_names(content, domain))
        return resolve([*builder.names, *found])


def _key(line: SourceLine) -> Key:
    key = KEYS.get(line.key)
    if key is None:
        raise line.error(_unknown(line.key))
    if key.argument == "none" and line.value is not None:
        raise line.error("it takes no value; leave out the `=` and what follows")
    if key.argument == "required" and line.value is None:
        raise line.error(f"its value is missing; write {key.name}=VALUE")
    return key


def _unknown(name: str) -> str:
    if name.startswith("-"):
        return f"a keyword has no dashes in front here; write {name.lstrip('-')}"
    if name.lower() in KEYS:
        return f"keywords are in small letters; write {name.lower()}"
    close = difflib.get_close_matches(name, KEYS, n=1)
    return f"no such keyword; is {close[0]} meant?" if close else "no such keyword"


def _check_number(line: SourceLine) -> None:
    if line.value is not None and whole_number(line.value) is None:
        raise line.error(f'"{as_text(line.value)}" is no number')
