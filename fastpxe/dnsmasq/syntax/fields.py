"""Tags as the directives spell them: `tag:x`, `net:x`, `set:x`, a bare `x`, and `!x`."""

from fastpxe.dnsmasq.syntax.lines import as_text, split
from fastpxe.dnsmasq.syntax.model import Tag, Tags


def read_tag(name: str) -> Tag:
    """The tag to be tested; `!`, and of old `#`, in front of its name is a not."""
    if name[:1] in ("!", "#"):
        return Tag(as_text(name[1:]), negated=True)
    return Tag(as_text(name))


def has_test_prefix(field: str) -> bool:
    return field.startswith(("tag:", "net:"))


def without_set(field: str) -> str:
    """The name of a tag that is set: `set:x` or a bare `x`."""
    return as_text(field.removeprefix("set:"))


def leading_tags(value: str) -> tuple[Tags, str | None]:
    """The tests in front of a value, and what is left of it: None when there is nothing else."""
    tags: list[Tag] = []
    rest: str | None = value
    while rest is not None and has_test_prefix(rest):
        field, rest = split(rest)
        tags.append(read_tag(field[4:]))
    return tuple(tags), rest
