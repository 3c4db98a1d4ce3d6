"""Read the command line and the files of a dnsmasq configuration into a DnsmasqConfig.

A line that dnsmasq 2.90 refuses is refused, with its location and a correct form.

Sources:
  dnsmasq 2.90, its manual and its behaviour: the command line is read first, an included file at
  the line that includes it, and dhcp-hostsfile, dhcp-optsfile and hosts files last.
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
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Location
from fastpxe.dnsmasq.syntax.names import ETC_HOSTS, hosts_file_names, resolve
from fastpxe.errors import ConfigError


def read_config(
    files: Sequence[str] = (), *, arguments: Sequence[str] = (), disk: Disk
) -> DnsmasqConfig:
    """Read dnsmasq's arguments, then each file; a directory is read as by conf-dir.

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
            raise ConfigError(
                f'"{path}" can\'t be read; does it exist, and is it readable?', where=where
            )
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
        """A file may repeat an option of the command line."""
        if (line.key, is_argument) in self.once:
            raise line.error("this keyword can be used only once; remove the other line")
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
            raise line.error(f'"{path}" is not a directory that can be read')
        for name in chosen(names, suffixes):
            self.read_file(f"{path}/{name}", where=str(line.where))

    # --- files that are read last ---------------------------------------------------------------

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
        fqdn = next((note for note in self.builder.notes if note.key == "dhcp-fqdn"), None)
        if fqdn is not None and not self.builder.domain:
            raise ConfigError(
                "a domain for all hosts is required; add domain=NAME",
                where=str(fqdn.where),
                key=fqdn.key,
            )

    def _read_values(self, line: SourceLine, key: str) -> None:
        """A line of these files that can't be read is skipped, with a note."""
        for path, content in self._contents(line):
            for value in read_values(content, path, key):
                try:
                    if isinstance(value, ConfigError):
                        raise value
                    DIRECTIVES[key](value, self.builder)
                except ConfigError as error:
                    file, _, number = error.where.rpartition(":")
                    where = Location(file, int(number))
                    self.builder.note_skipped(where, key, error.message)

    def _contents(self, line: SourceLine) -> Iterator[tuple[str, bytes]]:
        """The file of the line, or all files of its directory."""
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
        in_files = (pair for content in contents for pair in hosts_file_names(content, domain))
        return resolve([*builder.names, *in_files])


def _key(line: SourceLine) -> Key:
    key = KEYS.get(line.key)
    if key is None:
        raise line.error(_unknown(line.key))
    if key.argument == "none" and line.value is not None:
        raise line.error("the keyword takes no value; remove the `=` and the text after it")
    if key.argument == "required" and line.value is None:
        raise line.error(f"the value is missing; write {key.name}=VALUE")
    return key


def _unknown(name: str) -> str:
    if name.startswith("-"):
        return f"a keyword in a file has no leading dashes; write {name.lstrip('-')}"
    if name.lower() in KEYS:
        return f"keywords are in lower case; write {name.lower()}"
    close = difflib.get_close_matches(name, KEYS, n=1)
    return f"unknown keyword; did you mean {close[0]}?" if close else "unknown keyword"


def _check_number(line: SourceLine) -> None:
    if line.value is not None and whole_number(line.value) is None:
        raise line.error(f'"{as_text(line.value)}" is not a number')
