"""Text that a terminal shows and doesn't obey: names come off the wire, and out of any file."""


def escaped(text: str) -> str:
    """Text with escapes in place of what moves a cursor, or can't be seen."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable(name: bytes) -> str:
    """Return a name as text for a log line: UTF-8 where it is, escapes for everything else."""
    return escaped(name.decode("utf-8", "backslashreplace"))
