"""dnsmasq's command line as lines of a configuration.

Sources:
  getopt_long(3): abbreviations, `--key=value` and `--key value`, joined letters; dnsmasq 2.90.
"""

from collections.abc import Iterator, Sequence

from fastpxe.dnsmasq.syntax.keywords import KEYS, Key
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import Location
from fastpxe.errors import ConfigError

SOURCE = "command line"


def read_arguments(arguments: Sequence[str]) -> Iterator[SourceLine]:
    """Each option as a line, numbered by its argument. Raises ConfigError.

    Quotes and comments have no meaning here: the value is the argument as the shell passes it.
    """
    rest = iter(enumerate(arguments, 1))
    are_over = False
    for number, argument in rest:
        where = Location(SOURCE, number)
        if are_over or argument[:1] != "-" or argument == "-":
            if argument.strip():
                raise _error(where, argument, "is not an option; write --KEY or --KEY=VALUE")
        elif argument == "--":
            are_over = True
        elif argument.startswith("--"):
            yield _long(where, argument, rest)
        else:
            yield from _letters(where, argument, rest)


def _long(where: Location, argument: str, rest: Iterator[tuple[int, str]]) -> SourceLine:
    name, equals, value = argument[2:].partition("=")
    key = _find(where, argument, name)
    if equals and key.argument == "none":
        raise _error(where, argument, f"takes no value; write --{key.name}")
    if not equals and key.argument == "required":
        return _line(where, key, argument, _next(where, argument, rest))
    return _line(where, key, argument, value if equals else None)


def _find(where: Location, argument: str, name: str) -> Key:
    if name in KEYS:
        return KEYS[name]
    keys = [key for key in KEYS.values() if key.name.startswith(name) and not key.is_newer]
    if not keys:
        raise _error(where, argument, "is not an option of dnsmasq")
    if len(keys) > 1:
        names = ", ".join(f"--{key.name}" for key in keys)
        raise _error(where, argument, f"is ambiguous; write one of {names}")
    return keys[0]


def _letters(
    where: Location, argument: str, rest: Iterator[tuple[int, str]]
) -> Iterator[SourceLine]:
    """-d, -dk, -u root, -uroot."""
    for at, letter in enumerate(argument[1:], 2):
        key = next((key for key in KEYS.values() if key.short == letter), None)
        if key is None:
            raise _error(where, argument, f"is not an option: there is no -{letter}")
        if not key.short_takes_argument:
            yield _line(where, key, argument, None)
            continue
        yield _line(where, key, argument, argument[at:] or _next(where, argument, rest))
        return


def _next(where: Location, argument: str, rest: Iterator[tuple[int, str]]) -> str:
    _, value = next(rest, (0, None))
    if value is None:
        raise _error(where, argument, "requires a value")
    return value


def _line(where: Location, key: Key, argument: str, value: str | None) -> SourceLine:
    text = argument if value is None or argument.endswith(value) else f"{argument} {value}"
    as_characters = None
    if value is not None:
        as_characters = value.encode("utf-8", "surrogateescape").decode("latin-1")
    return SourceLine(where, key.name, as_characters, text)


def _error(where: Location, argument: str, why: str) -> ConfigError:
    return ConfigError(f'"{argument}" {why}', where=str(where))
