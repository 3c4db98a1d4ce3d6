"""Where each key of a TOML text is written: tomllib doesn't say, and errors must.

Source: TOML 1.0 (tables, arrays of tables, bare and quoted keys). Tables in braces aren't read.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from fastpxe.text import printable

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w.-]+)\s*=""")


def lines_of(text: str) -> Iterator[tuple[str, int]]:
    """Each table and key, such as "boot[1]" and "boot[1].arch", and the line that has it."""
    tables: Counter[str] = Counter()
    table = ""
    for at, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            brackets, table = header.groups()
            parent, dot, name = table.partition(".")
            if tables[parent] and dot:  # of the last table of a list: "boot[1].item"
                table = f"{parent}[{tables[parent] - 1}].{name}"
            if brackets == "[[":
                tables[table] += 1
                table += f"[{tables[table] - 1}]"
            yield table, at
        elif key := _KEY.match(line):
            name = as_key(key[1][1:-1]) if key[1][0] in "\"'" else key[1]
            yield f"{table}.{name}" if table else name, at


def as_key(name: str) -> str:
    """A key as TOML has it, in quotes where they are needed."""
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else f'"{printable(name.encode())}"'


def line_of(lines: Mapping[str, int], key: str) -> int:
    """The line where a key such as "boot[1].arch[0]" is written, or that of its table."""
    while key and key not in lines:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return lines.get(key, 1)
