"""The lines of a dnsmasq configuration, and the fields of a line.

Text is kept as one character for each byte of the file. A character that stood in quotes and would
mean something to a directive is held with bit 8 set, so that neither the search for a comma nor
the guess at a value's type sees it; `plain`, `as_text` and `as_bytes` give what was meant.

Sources:
  dnsmasq 2.90, its manual and its behaviour: lines of 1024 bytes, `#` after white space, quotes.
"""

import re
from collections.abc import Iterator

import msgspec

from fastpxe.dnsmasq.syntax.model import Location
from fastpxe.errors import ConfigError

LINE_MAX = 1024  # bytes; the rest of a longer line is read as a line of its own
INT_BITS = 32
LONG_MAX = (1 << 63) - 1

_QUOTED = 0x100
_HIDDEN_BY_QUOTES = frozenset("0123456789abcdefABCDEF :,.")
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

    A line that can't be read is given as its error: dnsmasq logs it and goes on.
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
    """The line without quotes, comment and outer blanks; and the same with its quotes."""
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
            char = line[at]  # even a quote: the second of two side by side opens nothing
        if char in _SPACES:
            char = " "
        elif char == "#" and is_after_space:
            break
        bare.append(char)
        is_after_space = char == " "
        at += 1
    return "".join(bare).strip(" "), _decode(line[:at].strip(_SPACES))


def _quoted(line: str, at: int, where: Location) -> tuple[list[str], int]:
    """The characters up to the closing quote, and where the text goes on."""
    inside: list[str] = []
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and line[at + 1 : at + 2] in _ESCAPES:
            at += 1
            inside.append(_hide(_ESCAPES[line[at]]))
        else:
            inside.append(_hide(line[at]))
        at += 1
    if at == len(line):
        raise ConfigError('a quote is opened and not closed; add the missing "', where=str(where))
    return inside, at + 1


def _key_and_value(bare: str, where: Location, text: str) -> SourceLine:
    key, equals, value = bare.partition("=")
    key = key.rstrip(" ")
    if key != plain(key):
        key = f'"{plain(key)}"'  # a key in quotes is none
    return SourceLine(where, key, value.lstrip(" ") if equals else None, text)


# --- fields -------------------------------------------------------------------------------------


def split(value: str, separator: str = ",") -> tuple[str, str | None]:
    """What stands before the first separator, and what after it; None when there is none."""
    first, found, rest = value.partition(separator)
    if not found:
        return value, None
    return first.rstrip(" "), rest.lstrip(" ")


def fields(value: str, at_most: int = 0) -> list[str]:
    """The comma-separated parts; of `at_most` parts the last one keeps its commas."""
    found: list[str] = []
    rest: str | None = value
    while rest is not None and len(found) + 1 != at_most:
        first, rest = split(rest)
        found.append(first)
    return found if rest is None else [*found, rest]


def hide(value: str) -> str:
    """The text as if it had stood in quotes."""
    return "".join(map(_hide, value))


def plain(value: str) -> str:
    """The text with what was quoted made ordinary again."""
    return "".join(chr(ord(char) & 0xFF) for char in value)


def as_bytes(value: str) -> bytes:
    """What the file said, quotes and escapes resolved."""
    return plain(value).encode("latin-1")


def as_text(value: str) -> str:
    """The same as a str: UTF-8, and what is not UTF-8 as os.fsdecode does."""
    return _decode(plain(value))


def whole_number(value: str) -> int | None:
    """A number of digits only, quoted or not; an empty text counts as 0. None for anything else."""
    digits = plain(value)
    return leading_number(digits) if re.fullmatch("[0-9]*", digits) else None


def leading_number(value: str) -> int:
    """What C's atoi makes of a text, wrapped to 32 bits; 0 when it doesn't start with a number."""
    found = re.match("([+-]?)0*([0-9]{1,20})", value)  # 20 digits are too many already
    wide = max(-LONG_MAX - 1, min(int(found[1] + found[2]) if found else 0, LONG_MAX))
    half = 1 << INT_BITS - 1
    return (wide + half) % (2 * half) - half


def _hide(char: str) -> str:
    return chr(ord(char) | _QUOTED) if char in _HIDDEN_BY_QUOTES else char


def _decode(value: str) -> str:
    return value.encode("latin-1").decode("utf-8", "surrogateescape")
