"""The lines of a dnsmasq configuration: comments, quotes, key and value.

Sources:
  dnsmasq 2.90, its manual and its behaviour: lines of 1024 bytes, `#` after white space, quotes.
"""

from collections.abc import Iterator

import msgspec

from fastpxe.dnsmasq.syntax.fields import as_text, plain, quote
from fastpxe.dnsmasq.syntax.model import Location
from fastpxe.errors import ConfigError

LINE_MAX = 1024  # bytes; the rest of a longer line is read as a separate line

_ESCAPES = {'"': '"', "\\": "\\", "t": "\t", "n": "\n", "b": "\b", "r": "\r", "e": "\x1b"}
_SPACES = " \t\n\v\f\r"


class SourceLine(msgspec.Struct, frozen=True):
    """A line: its key, its value if there is a `=`, and its text as written, without comment."""

    where: Location
    key: str
    value: str | None
    text: str

    def error(self, message: str) -> ConfigError:
        """The error for this line. The message has what to write instead."""
        return ConfigError(message, where=str(self.where), key=self.key)


def read_lines(content: bytes, file: str) -> Iterator[SourceLine]:
    """Every line that is not blank, with its key and value. Raises ConfigError."""
    for where, line in _lines(content, file):
        bare, text = _unquote(line, where)
        if bare:
            yield _key_and_value(bare, where, text)


def read_values(content: bytes, file: str, key: str) -> Iterator[SourceLine | ConfigError]:
    """The lines of a file of which each is the value of `key` (dhcp-hostsfile, dhcp-optsfile).

    For a line that can't be read its error is yielded: dnsmasq logs it and continues.
    """
    for where, line in _lines(content, file):
        try:
            bare, text = _unquote(line, where)
        except ConfigError as error:
            yield error
            continue
        if bare:
            yield SourceLine(where, key, bare, text)


def _lines(content: bytes, file: str) -> Iterator[tuple[Location, str]]:
    for number, line in enumerate(content.decode("latin-1").split("\n"), 1):
        for start in range(0, len(line) or 1, LINE_MAX):
            piece = line[start : start + LINE_MAX]
            yield Location(file, number), piece.partition("\0")[0]


def _unquote(line: str, where: Location) -> tuple[str, str]:
    """The line without quotes, comment and outer blanks; and its text with the quotes."""
    bare: list[str] = []
    is_after_space = True
    at = 0
    while at < len(line):
        char = line[at]
        if char == '"':
            inside, at = _quoted(line, at + 1, where)
            bare += inside
            if at == len(line):
                break
            char = line[at]  # even a quote: the second of two adjacent quotes opens nothing
        if char in _SPACES:
            char = " "
        elif char == "#" and is_after_space:
            break
        bare.append(char)
        is_after_space = char == " "
        at += 1
    return "".join(bare).strip(" "), as_text(line[:at].strip(_SPACES))


def _quoted(line: str, at: int, where: Location) -> tuple[list[str], int]:
    """The characters up to the closing quote, and the position after it."""
    inside: list[str] = []
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and line[at + 1 : at + 2] in _ESCAPES:
            at += 1
            inside.append(quote(_ESCAPES[line[at]]))
        else:
            inside.append(quote(line[at]))
        at += 1
    if at == len(line):
        raise ConfigError('a quote is opened and not closed; add the missing "', where=str(where))
    return inside, at + 1


def _key_and_value(bare: str, where: Location, text: str) -> SourceLine:
    key, equals, value = bare.partition("=")
    key = key.rstrip(" ")
    if key != plain(key):
        key = f'"{plain(key)}"'  # a key in quotes is not a keyword
    return SourceLine(where, key, value.lstrip(" ") if equals else None, text)
