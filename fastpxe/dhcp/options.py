"""Options in their form on the wire: a code, a length, a value.

Sources: RFC 2132 section 2; PXE 2.1, RFC 3046 and iPXE use the form for sub-options too.
"""

from collections.abc import Iterator

from fastpxe.dhcp.constants import Option


def walk(area: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Code, value and offset of each option, up to END or an option that overruns; END is last."""
    at = 0
    while at < len(area):
        code = area[at]
        if code == Option.PAD:
            at += 1
            continue
        if code == Option.END:
            yield code, b"", at
            return
        if at + 2 > len(area) or at + 2 + area[at + 1] > len(area):
            return
        size = area[at + 1]
        yield code, area[at + 2 : at + 2 + size], at
        at += 2 + size


def tlvs(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option, without END."""
    return ((code, value) for code, value, _ in walk(area) if code != Option.END)


def first_of_each(area: bytes) -> dict[int, bytes]:
    """The first value of each code: firmware doesn't join the parts of RFC 3396."""
    values: dict[int, bytes] = {}
    for code, value in tlvs(area):
        values.setdefault(code, value)
    return values
