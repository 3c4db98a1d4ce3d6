"""Requests as real firmware sends them, for `explain`, `import` and rehearsals.

Sources: captures of EDK2 2022.11 (PXE and HTTP Boot) and of iPXE 2019-01 as ROM, UNDI and EFI
driver: option order, flags, sizes and classes are theirs.
"""

import struct
from ipaddress import IPv4Address

import msgspec

from fastpxe.dhcp.constants import HTTP_ARCHES, MAGIC_COOKIE, MessageType, Option
from fastpxe.dhcp.pxe_options import boot_item
from fastpxe.firmware.offers import Firmware, firmware_of

_HEADER = struct.Struct("!4BIHH4s4s4s4s16s192x")
_NOWHERE = IPv4Address(0)
_BROADCAST = 0x8000

_EDK2_PARAMETERS = bytes(
    [*range(1, 7), 12, 13, 15, 17, 18, 22, 23, 28, *range(40, 44), 50, 51, 54, *range(58, 61), 66,
     67, 97, *range(128, 136)]
)  # fmt: skip
_IPXE_PARAMETERS = bytes(
    [1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, *range(128, 136), 175, 203]
)
_IPXE_FEATURES = bytes.fromhex(
    "b105011af41000eb03010000170101220101130101110101270101190101290101100102210101150101180101120101"
)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that boots.

    arch: number of option 93. uuid: the 16 bytes as on the wire, None for a client without 97.
    vendor_class: option 60, "" for what its firmware says. user_class: option 77 as it is sent.
    ipxe: it is iPXE (77 and 175). giaddr: the relay in front of it. ciaddr: its address, once it
    has one. extra: options to add or, with None, to leave out.
    """

    arch: int = 7
    mac: bytes = bytes.fromhex("525400123456")
    uuid: bytes | None = bytes(range(16))
    vendor_class: str = ""
    user_class: bytes = b""
    ipxe: bool = False
    giaddr: IPv4Address = _NOWHERE
    ciaddr: IPv4Address = IPv4Address("192.0.2.100")
    extra: dict[int, bytes | None] = {}

    @property
    def class_text(self) -> str:
        """Option 60 as this firmware says it."""
        if self.vendor_class:
            return self.vendor_class
        family = "HTTPClient" if self.arch in HTTP_ARCHES else "PXEClient"
        version = "003010" if self.ipxe and self.arch else "002001" if self.ipxe else "003000"
        return f"{family}:Arch:{self.arch:05}:UNDI:{version}"

    @property
    def firmware(self) -> Firmware:
        """The rules it follows."""
        return firmware_of(self.arch, is_ipxe=self.ipxe, vendor_class=self.class_text)

    def discover(self) -> bytes:
        """The DHCPDISCOVER that it broadcasts to port 67."""
        flags = 0 if self.ipxe else _BROADCAST
        return self._message(MessageType.DISCOVER, flags=flags, ciaddr=_NOWHERE, server=None)

    def request(self, server: IPv4Address) -> bytes:
        """The DHCPREQUEST that it sends to port 4011 of `server`, which made the proxy offer."""
        if self.ipxe:
            return self._message(
                MessageType.REQUEST, flags=_BROADCAST, ciaddr=self.ciaddr, server=server
            )
        return self._message(MessageType.REQUEST, flags=0, ciaddr=self.ciaddr, server=None)

    def choosing(self, kind: int) -> "Client":
        """Return this client when it asks for an entry of a boot menu, by its server type."""
        item = {Option.VENDOR_SPECIFIC: boot_item(kind)}
        return msgspec.structs.replace(self, extra=self.extra | item)

    def _message(
        self, kind: MessageType, *, flags: int, ciaddr: IPv4Address, server: IPv4Address | None
    ) -> bytes:
        options = self._ipxe_options(kind) if self.ipxe else self._firmware_options(kind)
        if server is not None:
            options[Option.SERVER_ID] = server.packed
        options |= self.extra
        header = _HEADER.pack(
            1, 1, len(self.mac), 1 if int(self.giaddr) else 0, 0x66707865, 0, flags,
            ciaddr.packed, bytes(4), bytes(4), self.giaddr.packed, self.mac,
        )  # fmt: skip
        body = b"".join(
            bytes([code, len(value)]) + value
            for code, value in options.items()
            if value is not None
        )
        return header + MAGIC_COOKIE + body + b"\xff"

    def _firmware_options(self, kind: MessageType) -> dict[int, bytes | None]:
        return {
            Option.MESSAGE_TYPE: bytes([kind]),
            Option.MAX_MESSAGE_SIZE: struct.pack("!H", 1472),
            Option.PARAMETER_LIST: _EDK2_PARAMETERS,
            Option.CLIENT_UUID: self._option_97(),
            Option.CLIENT_NDI: b"\x01\x03\x00",
            Option.CLIENT_ARCH: struct.pack("!H", self.arch),
            Option.VENDOR_CLASS: self.class_text.encode("latin-1"),
            Option.USER_CLASS: self.user_class or None,
        }

    def _ipxe_options(self, kind: MessageType) -> dict[int, bytes | None]:
        return {
            Option.MESSAGE_TYPE: bytes([kind]),
            Option.MAX_MESSAGE_SIZE: struct.pack("!H", 1472),
            Option.CLIENT_ARCH: struct.pack("!H", self.arch),
            Option.CLIENT_NDI: b"\x01\x03\x0a" if self.arch else b"\x01\x02\x01",
            Option.VENDOR_CLASS: self.class_text.encode("latin-1"),
            Option.USER_CLASS: self.user_class or b"iPXE",
            Option.PARAMETER_LIST: _IPXE_PARAMETERS,
            Option.IPXE: _IPXE_FEATURES,
            Option.CLIENT_ID: b"\x01" + self.mac,
            Option.CLIENT_UUID: self._option_97(),
        }

    def _option_97(self) -> bytes | None:
        return None if self.uuid is None else b"\0" + self.uuid
