"""How a machine is named: MAC addresses and UUIDs as people write them, and as the wire has them.

Sources:
  RFC 4578 section 2.3 (option 97: a type byte, then 16 bytes), SMBIOS 2.6 section 7.2.1: the
  first three fields of a UUID are little-endian. Firmware sends them so, so that the text a
  vendor prints ("Microsoft" order here) and the bytes on the wire ("RFC" order) differ.
"""

import re

import msgspec

# How the addresses of the clients begin that `fastpxe doctor` makes up: locally administered, so
# that no real machine has one.
DOCTOR_MAC = bytes.fromhex("02fa5d")

# Byte i of the text's UUID is byte MICROSOFT[i] on the wire: fields of 4, 2 and 2 bytes reversed.
MICROSOFT = (3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15)

_HEX_DIGITS = re.compile(r"[0-9a-fA-F]*")
_OPTION_97 = re.compile(r"00(?:[0-9a-fA-F]{2}|\?\?){16}")


class Pattern(msgspec.Struct, frozen=True):
    """Bytes to compare with, and which of their bits count."""

    value: bytes
    mask: bytes


def _nibbles(digits: str, size: int) -> Pattern:
    """Hex digits, `?` for any; what is missing up to `size` bytes may be anything."""
    padded = digits.ljust(2 * size, "?")
    value = bytes.fromhex(padded.replace("?", "0"))
    mask = bytes.fromhex("".join("0" if d == "?" else "f" for d in padded))
    return Pattern(value, mask)


def parse_mac(text: str) -> Pattern:
    """Read a MAC address: "18:66:da:01:02:03", "18-66-DA-*" (a prefix), "18:66:*:??:0?:*".

    Separators are `:` or `-`; an octet is two hex digits, `?` stands for any one, `*` for any
    octet, and a final `*` for any rest. Raises ValueError.
    """
    octets = re.split("[:-]", text.strip())
    is_prefix = octets[-1] == "*"
    if not (len(octets) == 6 or (is_prefix and len(octets) < 6)):
        raise ValueError(f'{text!r} is no MAC address; write "18:66:da:01:02:03" or "18:66:da:*"')
    for octet in octets:
        if octet != "*" and not re.fullmatch("[0-9a-fA-F?]{2}", octet):
            raise ValueError(f"{octet!r} in {text!r}: an octet is two hex digits, `?` or `*`")
    return _nibbles("".join("??" if octet == "*" else octet for octet in octets), 6)


def parse_uuid(text: str) -> tuple[Pattern, ...]:
    """Read a machine's UUID, whole or as a prefix that ends in `*`: what it may be on the wire.

    A UUID of 16 bytes is taken in both byte orders, since labels, BIOS screens, `dmidecode` and
    packet dumps disagree. One of 17 bytes that starts with 00 is option 97 itself, and is taken
    as it is, `??` for any byte of it. Dashes, colons and spaces don't matter. Raises ValueError.
    """
    body = text.strip().removesuffix("*")
    is_prefix = body != text.strip()
    digits = re.sub("[-: {}]", "", body)
    if _OPTION_97.fullmatch(digits):
        return (_nibbles(digits[2:], 16),)
    if not _HEX_DIGITS.fullmatch(digits) or not digits:
        raise ValueError(f'{text!r} is no UUID; write "4c4c4544-0038-3610-804e-c4c04f4a5831"')
    if len(digits) > 32 or (len(digits) < 32 and not is_prefix):
        raise ValueError(
            f"{text!r} has {len(digits)} hex digits; a UUID has 32, or fewer and a final `*`"
        )
    straight = _nibbles(digits, 16)
    swapped = Pattern(microsoft_order(straight.value), microsoft_order(straight.mask))
    return (straight,) if straight == swapped else (straight, swapped)


def microsoft_order(uuid: bytes) -> bytes:
    """Swap the 16 bytes of a UUID between the wire's order and that of its printed text."""
    return bytes(uuid[i] for i in MICROSOFT)


def format_mac(htype: int, address: bytes) -> str:
    """Write a hardware address; its type comes in front unless it is Ethernet's."""
    text = address.hex(":")
    return text if htype == 1 else f"{htype:02x}-{text}"


def format_uuid(uuid: bytes) -> str:
    """Write 16 bytes as 8-4-4-4-12 hex digits, in the order given."""
    h = uuid.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
