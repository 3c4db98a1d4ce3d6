"""A second reading of RFC 2131 and its relatives: slow, plain, and without a look at the first.

What the Cython parser says about any bytes must be what this says. Sources: RFC 2131, 2132, 3396
(repeated options), 3004 (77), 3046 (82), 3925 (124, 125), 4578 (93, 97), PXE 2.1 (43.71).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAGIC = bytes.fromhex("63825363")
JOINED_MAX = 4096
ARCHES_MAX = 16
SMALLEST_DATAGRAM, ETHERNET, IP_AND_UDP = 576, 1500, 28


class RefusedError(Exception):
    """No DHCP request; the reason is its text."""


class Facts(NamedTuple):
    options: dict[int, bytes]
    message_type: int
    family: str
    arches: tuple[int, ...]
    uuid: bytes | None
    user_classes: tuple[bytes, ...]
    is_ipxe: bool
    ipxe_features: tuple[int, ...]
    boot_item: tuple[int, int] | None
    server_id: int
    requested_address: int
    subnet_selection: int
    link_selection: int
    server_id_override: int
    reply_limit: int
    is_truncated: bool
    vendor_classes: tuple[tuple[int, bytes], ...]
    vendor_infos: tuple[tuple[int, bytes], ...]


def read(datagram: bytes) -> Facts:
    if len(datagram) < 240:
        raise RefusedError("short")
    if len(datagram) > 65507:
        raise RefusedError("too_long")
    if datagram[236:240] != MAGIC:
        raise RefusedError("bad_magic")
    if datagram[0] != 1:
        raise RefusedError("not_a_request")
    if datagram[2] > 16:
        raise RefusedError("bad_hlen")
    if datagram[3] > 16:
        raise RefusedError("bad_hops")
    pairs, is_truncated = all_options(datagram)
    options = joined(pairs)
    features = tuple(sorted({c for c in dict(tlvs(options.get(175, b""))[0]) if 16 <= c < 48}))
    classes = user_classes(options.get(77, b""))
    relay = whole_tlvs(options.get(82, b"")) or {}
    family = next(
        (f for f in ("PXEClient", "HTTPClient") if options.get(60, b"").startswith(f.encode())), ""
    )
    return Facts(
        options=options,
        message_type=message_type(options.get(53, b"")),
        family=family,
        arches=arches(options.get(93, b""), options.get(60, b"")),
        uuid=guid(options.get(97, b"")),
        user_classes=classes,
        is_ipxe=b"iPXE" in classes or bool(features),
        ipxe_features=features,
        boot_item=boot_item(options.get(43, b"")) if family == "PXEClient" else None,
        server_id=address(options.get(54)),
        requested_address=address(options.get(50)),
        subnet_selection=address(options.get(118)),
        link_selection=address(relay.get(5)),
        server_id_override=address(relay.get(11)),
        reply_limit=reply_limit(options.get(57, b"")),
        is_truncated=is_truncated,
        vendor_classes=tuple(enterprises(options.get(124, b""), is_nested=False)),
        vendor_infos=tuple(enterprises(options.get(125, b""), is_nested=True)),
    )


def tlvs(area: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """The options up to END, the end, or the first that overruns; and whether one did."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(area) and area[at] != 255:
        if area[at] == 0:
            at += 1
            continue
        head, at = area[at : at + 2], at + 2
        if len(head) < 2 or at + head[1] > len(area):
            return found, True
        found.append((head[0], area[at : at + head[1]]))
        at += head[1]
    return found, False


def all_options(datagram: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    pairs, is_truncated = tlvs(datagram[240:])
    overloads = [value for code, value in pairs if code == 52]
    areas = {b"\1": [(108, 236)], b"\2": [(44, 108)], b"\3": [(108, 236), (44, 108)]}
    # Which area would the second of two overloads speak of? RFC 2132 knows no answer: none.
    for start, end in areas.get(overloads[0], []) if len(overloads) == 1 else []:
        more, overran = tlvs(datagram[start:end])
        pairs = pairs + [(code, value) for code, value in more if code != 52]
        is_truncated |= overran
    return pairs, is_truncated


def joined(pairs: list[tuple[int, bytes]]) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    for code, value in pairs:
        options[code] = options.get(code, b"") + value
    if any(len(value) > JOINED_MAX for value in options.values()):
        raise RefusedError("option_too_long")
    return options


def message_type(value: bytes) -> int:
    return value[0] if len(value) == 1 and value[0] <= 8 else 0


def address(value: bytes | None) -> int:
    return int.from_bytes(value) if value is not None and len(value) == 4 else 0


def arches(listed: bytes, vendor_class: bytes) -> tuple[int, ...]:
    if listed and len(listed) % 2 == 0:
        return tuple(int.from_bytes(listed[i : i + 2]) for i in range(0, len(listed), 2))[
            :ARCHES_MAX
        ]
    found = re.match(rb"(?:PXE|HTTP)Client:Arch:([0-9A-Fa-f]{5})", vendor_class)
    if found is None:
        return ()
    number = int(found[1], 10 if found[1].isdigit() else 16)
    return (number,) if number <= 0xFFFF else ()


def guid(value: bytes) -> bytes | None:
    return value[1:] if len(value) == 17 and value[0] == 0 else None


def user_classes(value: bytes) -> tuple[bytes, ...]:
    found = []
    at = 0
    while at < len(value):
        size = value[at]
        if size == 0 or at + 1 + size > len(value):
            return (value,)
        found.append(value[at + 1 : at + 1 + size])
        at += 1 + size
    return tuple(found)


def whole_tlvs(value: bytes) -> dict[int, bytes] | None:
    """Code, length, value without pad or end; None unless they fill `value` exactly.

    An entry of another size than 4 is left out: all that is read here are addresses.
    """
    found = {}
    at = 0
    while at < len(value):
        if at + 2 > len(value) or at + 2 + value[at + 1] > len(value):
            return None
        if value[at + 1] == 4:
            found[value[at]] = value[at + 2 : at + 6]
        at += 2 + value[at + 1]
    return found


def boot_item(value: bytes) -> tuple[int, int] | None:
    for code, content in tlvs(value)[0]:
        if code == 71 and len(content) >= 4:
            return int.from_bytes(content[:2]), int.from_bytes(content[2:4])
    return None


def reply_limit(value: bytes) -> int:
    asked = int.from_bytes(value) if len(value) == 2 else 0
    return min(max(asked, SMALLEST_DATAGRAM), ETHERNET) - IP_AND_UDP


def enterprises(value: bytes, *, is_nested: bool) -> Iterator[tuple[int, bytes]]:
    found = []
    at = 0
    while at < len(value):
        if at + 5 > len(value) or at + 5 + value[at + 4] > len(value):
            return
        content = value[at + 5 : at + 5 + value[at + 4]]
        if is_nested and whole_tlvs(content) is None:
            return
        found.append((int.from_bytes(value[at : at + 4]), content))
        at += 5 + value[at + 4]
    yield from found
