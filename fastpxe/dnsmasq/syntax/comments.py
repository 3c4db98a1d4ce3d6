"""The comments directly above the lines of a dnsmasq configuration."""

from collections.abc import Iterator, Mapping

from fastpxe.dnsmasq.syntax.model import Location

Comments = Mapping[Location, tuple[str, ...]]


def comments(content: bytes, file: str) -> dict[Location, tuple[str, ...]]:
    """The comments of a file, by the line below them."""
    return dict(_blocks(content.decode("utf-8", "replace").splitlines(), file))


def _blocks(lines: list[str], file: str) -> Iterator[tuple[Location, tuple[str, ...]]]:
    above: list[str] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.startswith("#"):
            above.append(_clean(line))
        else:
            if above and line:
                yield Location(file, number), tuple(above)
            above = []


def _clean(line: str) -> str:
    """The comment without its `#` and without characters that TOML forbids in comments."""
    return "".join(c for c in line.lstrip("#").strip() if c.isprintable())
