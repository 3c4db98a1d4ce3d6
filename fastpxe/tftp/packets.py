"""TFTP packets, option negotiation and the netascii conversion: bytes in, values out.

Sources:
  RFC 1350 (packets, modes, errors), RFC 2347 (options, OACK), RFC 2348 (blksize),
  RFC 2349 (timeout, tsize), RFC 7440 (windowsize), RFC 764 (netascii end of line).
"""

import struct
from collections.abc import Callable, Mapping
from functools import cached_property
from ipaddress import IPv4Network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fastpxe.dhcp.constants import TftpError, TftpOp
from fastpxe.errors import MalformedPacket
from fastpxe.tftp.paths import Renaming

DEFAULT_BLKSIZE = 512  # RFC 1350 section 2
MIN_BLKSIZE = 8  # RFC 2348
MAX_BLKSIZE = 65464  # RFC 2348
MAX_IN_FLIGHT = 65536
"""Bytes of file that a window may hold, whatever was asked: what a receive buffer may take."""

MAX_REQUEST = 1500
"""RFC 2347 ends a request at 512 bytes; a whole Ethernet frame is read, no more."""

MAX_ERROR_TEXT = 500
OVERHEAD = 20 + 8 + 4
"""IPv4, UDP and TFTP headers: what a block of an unfragmented datagram leaves of the MTU."""


Port = Annotated[int, Meta(ge=1, le=65535)]
Blksize = Annotated[int, Meta(ge=MIN_BLKSIZE, le=MAX_BLKSIZE)]
Windowsize = Annotated[int, Meta(ge=1, le=64)]


class TftpClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A [[tftp.client]] table: what holds for the clients of a subnet; None is as for all."""

    subnet: Annotated[IPv4Network, Meta(description="The addresses that are meant.")]
    root: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="The directory served to them.")
    ] = None
    max_blksize: Annotated[
        Blksize | None, Meta(description="Largest block granted to them, in bytes.")
    ] = None
    max_windowsize: Annotated[
        Windowsize | None, Meta(description="Most blocks sent to them before an ACK.")
    ] = None


class TftpSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """The [tftp] table of the configuration."""

    enabled: Annotated[bool, Meta(description="Serve files over TFTP.")] = True
    interfaces: Annotated[
        tuple[str, ...],
        Meta(
            description='Interfaces on which files are served; "br*" is each that begins with br. '
            "Default: the same as for DHCP."
        ),
    ] = ()
    root: Annotated[
        str | None, Meta(description="The directory served; nothing outside it can be read.")
    ] = None
    roots: Annotated[
        dict[str, str],
        Meta(description='Other directories for single interfaces: { eth1 = "/srv/lab" }.'),
    ] = {}
    no_fail: Annotated[
        bool, Meta(description="Start although a root is missing, and serve it once it is there.")
    ] = False
    unique_root: Annotated[
        Literal["ip", "mac"] | None,
        Meta(
            description="Where the root has a folder named like the client, such as 10.0.0.5 or "
            "52-54-00-12-34-56 (lower case), the client gets files from that folder only."
        ),
    ] = None
    lowercase: Annotated[bool, Meta(description="Look for the requested name in lower case.")] = (
        False
    )
    ignore_case: Annotated[
        bool,
        Meta(
            description="Where a requested file isn't there, serve the one whose path differs in "
            "nothing but upper and lower case, if there is exactly one."
        ),
    ] = False
    remap: Annotated[
        dict[str, str],
        Meta(
            description='Files served in place of others: { "old.efi" = "new.efi", '
            '"pxelinux.cfg/*" = "menus/*" }.'
        ),
    ] = {}
    scripts: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description="A directory of iPXE scripts, *.ipxe, which are templates: a machine that "
            "asks for one gets it made for itself. They come before the files of the root."
        ),
    ] = None
    client: Annotated[
        tuple[TftpClient, ...],
        Meta(description="What holds for the clients of a subnet; the first that matches counts."),
    ] = ()
    secure: Annotated[
        bool,
        Meta(description="Serve only files of the user that fastpxe runs as, unless that is root."),
    ] = False
    world_readable: Annotated[
        bool,
        Meta(description="Serve only files that everybody may read, where fastpxe runs as root."),
    ] = False
    dialect: Annotated[
        Literal["fastpxe", "dnsmasq"],
        Meta(
            description='With "dnsmasq", a name that begins with the path of the root means that '
            "very file, refusals have the error numbers of dnsmasq, and there is no default root."
        ),
    ] = "fastpxe"
    ports: Annotated[
        Literal["shared", "single", "per-transfer"] | tuple[Port, Port],
        Meta(
            description='Where files are sent from. "shared": one port for all transfers; '
            '"single": port 69, for clients behind NAT or firewalls; "per-transfer": another free '
            "port for each; [40000, 40999]: the same, from the lowest to the highest of a range."
        ),
    ] = "shared"
    data_path: Annotated[
        Literal["auto", "gso", "mmsg", "sendfile"],
        Meta(
            description="How blocks are sent: see the explanation of file transfer. "
            '"auto" is right unless a network device is faulty.'
        ),
    ] = "auto"
    allow_blksize: Annotated[
        bool, Meta(description="Grant the blksize that a client asks for; false: always 512.")
    ] = True
    mtu: Annotated[
        Annotated[int, Meta(ge=68, le=65535)] | None,
        Meta(description="Take the network's MTU for this, in bytes, where it is larger."),
    ] = None
    max_blksize: Annotated[
        Blksize | None,
        Meta(
            description="Largest block granted, in bytes. Default: the interface's MTU less 32, "
            "since many firmware IP stacks can't put fragments together."
        ),
    ] = None
    max_windowsize: Annotated[
        Windowsize, Meta(description="Most blocks sent before an ACK, where a client asks.")
    ] = 16
    retry_timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            le=8,
            description="Seconds to the first retransmission; later ones follow the measured "
            "round trip.",
        ),
    ] = 0.25
    give_up_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds without progress after which a transfer ends."),
    ] = 30
    max_transfers: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Transfers at the same time, all clients of an interface, in each worker: "
            "each takes about a kilobyte of memory. When there are so many, one that has had no "
            "acknowledgement in its first second makes room.",
        ),
    ] = 50_000
    max_transfers_per_client: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Transfers at the same time, one address.")
    ] = 16

    @cached_property
    def renaming(self) -> Renaming:
        """`remap`, ready for use: names are told apart by case where requested ones are."""
        return Renaming(self.remap, ignore_case=self.lowercase or self.ignore_case)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What RRQ and WRQ share. `mode` and the names of `options` are in lower case."""

    filename: bytes
    mode: str
    options: dict[str, str] = {}

    def _encode(self, op: TftpOp) -> bytes:
        fields = self.filename + b"\0" + self.mode.encode("latin-1") + b"\0"
        return op.to_bytes(2, "big") + fields + _encode_options(self.options)


class Rrq(Request, frozen=True, kw_only=True):
    """A read request."""

    def __bytes__(self) -> bytes:
        return self._encode(TftpOp.RRQ)


class Wrq(Request, frozen=True, kw_only=True):
    """A write request; always refused."""

    def __bytes__(self) -> bytes:
        return self._encode(TftpOp.WRQ)


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """One block; `block` is the 16-bit number on the wire."""

    block: int
    payload: bytes

    def __bytes__(self) -> bytes:
        return struct.pack(">HH", TftpOp.DATA, self.block & 0xFFFF) + self.payload


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """`block` is the 16-bit number on the wire."""

    block: int

    def __bytes__(self) -> bytes:
        return struct.pack(">HH", TftpOp.ACK, self.block & 0xFFFF)


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """An ERROR; never answered, never sent again (RFC 1350 section 7)."""

    code: int
    text: str = ""

    def __bytes__(self) -> bytes:
        shown = "".join(c if " " <= c <= "~" else "?" for c in self.text[:MAX_ERROR_TEXT])
        return struct.pack(">HH", TftpOp.ERROR, self.code) + shown.encode("ascii") + b"\0"


class Oack(msgspec.Struct, frozen=True, kw_only=True):
    """The options that a server grants (RFC 2347)."""

    options: dict[str, str]

    def __bytes__(self) -> bytes:
        # The last byte must be 0: EDK2 reads a longer OACK as malformed (Mtftp4Option.c).
        return TftpOp.OACK.to_bytes(2, "big") + _encode_options(self.options)


Packet = Rrq | Wrq | Data | Ack | Error | Oack


def parse(datagram: bytes) -> Packet:
    """Return the packet that a datagram holds.

    Raises MalformedPacket, and nothing else; its reason is "short", "opcode", "long", "filename"
    or "mode".
    """
    parser = _PARSERS.get(datagram[:2])
    if parser is not None:
        return parser(datagram)
    if len(datagram) < 4:
        raise MalformedPacket("short", f"{len(datagram)} bytes")
    raise MalformedPacket("opcode", f"opcode {int.from_bytes(datagram[:2], 'big')}")


def _parse_ack(datagram: bytes) -> Ack:
    # Longer ones are fine: "msftwindow" clients add a byte to every ACK.
    if len(datagram) < 4:
        raise MalformedPacket("short", "ACK without a block number")
    return Ack(block=int.from_bytes(datagram[2:4], "big"))


def _parse_data(datagram: bytes) -> Data:
    if len(datagram) < 4:
        raise MalformedPacket("short", "DATA without a block number")
    return Data(block=int.from_bytes(datagram[2:4], "big"), payload=datagram[4:])


def _parse_error(datagram: bytes) -> Error:
    # A cut ERROR still says that the peer gave up: no code counts as 0, no NUL as end of text.
    code = int.from_bytes(datagram[2:4], "big") if len(datagram) >= 4 else 0
    return Error(code=code, text=datagram[4:].partition(b"\0")[0].decode("latin-1"))


def _parse_oack(datagram: bytes) -> Oack:
    return Oack(options=_parse_options(datagram[2:].split(b"\0")[:-1]))


def _parse_rrq(datagram: bytes) -> Rrq:
    filename, mode, options = _parse_request(datagram)
    return Rrq(filename=filename, mode=mode, options=options)


def _parse_wrq(datagram: bytes) -> Wrq:
    filename, mode, options = _parse_request(datagram)
    return Wrq(filename=filename, mode=mode, options=options)


_PARSERS: dict[bytes, Callable[[bytes], Packet]] = {
    TftpOp.RRQ.to_bytes(2, "big"): _parse_rrq,
    TftpOp.WRQ.to_bytes(2, "big"): _parse_wrq,
    TftpOp.DATA.to_bytes(2, "big"): _parse_data,
    TftpOp.ACK.to_bytes(2, "big"): _parse_ack,
    TftpOp.ERROR.to_bytes(2, "big"): _parse_error,
    TftpOp.OACK.to_bytes(2, "big"): _parse_oack,
}


def _parse_request(datagram: bytes) -> tuple[bytes, str, dict[str, str]]:
    if len(datagram) > MAX_REQUEST:
        raise MalformedPacket("long", f"a request of {len(datagram)} bytes")
    *fields, _unterminated = datagram[2:].split(b"\0")
    if not fields or not fields[0]:
        raise MalformedPacket("filename", "no file name that ends in NUL")
    if len(fields) < 2 or not fields[1]:
        raise MalformedPacket("mode", "no mode that ends in NUL")
    return fields[0], fields[1].decode("latin-1").lower(), _parse_options(fields[2:])


def _parse_options(fields: list[bytes]) -> dict[str, str]:
    """Read pairs up to the first that isn't one; of a repeated name the first counts."""
    options: dict[str, str] = {}
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if not name:
            break
        options.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return options


def _encode_options(options: Mapping[str, str]) -> bytes:
    return b"".join(f"{name}\0{value}\0".encode("latin-1") for name, value in options.items())


class Terms(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a transfer runs with.

    `options` is what the OACK says, in the order asked; with none there is no OACK.
    `timeout_s` is None unless the client asked for one.
    """

    blksize: int = DEFAULT_BLKSIZE
    windowsize: int = 1
    timeout_s: int | None = None
    options: dict[str, int] = {}

    @cached_property
    def oack(self) -> bytes:
        """The datagram that grants the options."""
        return bytes(Oack(options={name: str(value) for name, value in self.options.items()}))


def negotiate(
    asked: Mapping[str, str], *, max_blksize: int, max_windowsize: int, size_bytes: int | None
) -> Terms:
    """Grant what was asked and can be kept; leave out everything else (RFC 2347).

    Nothing unasked is ever granted: EDK2 ends the download with ERROR 4 "Malformatted OACK".
    `size_bytes` is None where tsize must be left out: nobody agrees on what it is in netascii.
    """
    numbers = {name: number for name, value in asked.items() if (number := _number(value)) >= 0}
    blksize = _granted_blksize(numbers.get("blksize"), max_blksize)
    windowsize = _granted_windowsize(
        numbers.get("windowsize"), min(max_windowsize, MAX_IN_FLIGHT // (blksize or 512))
    )
    timeout_s = numbers.get("timeout")
    if timeout_s is not None and not 1 <= timeout_s <= 255:
        timeout_s = None
    tsize = size_bytes if "tsize" in numbers else None
    granted = {
        "blksize": blksize,
        "windowsize": windowsize,
        "timeout": timeout_s,  # U-Boot wants its own number back
        "tsize": tsize,
    }
    return Terms(
        blksize=blksize or DEFAULT_BLKSIZE,
        windowsize=windowsize or 1,
        timeout_s=timeout_s,
        options={name: value for name in asked if (value := granted.get(name)) is not None},
    )


def _granted_blksize(asked: int | None, cap: int) -> int | None:
    return None if asked is None or asked < MIN_BLKSIZE else min(asked, cap)


def _granted_windowsize(asked: int | None, cap: int) -> int | None:
    return None if not asked else min(asked, max(cap, 1))


def _number(value: str) -> int:
    """Return a decimal ASCII value, or -1. Twenty digits are more than any option has."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else -1


def default_max_blksize(mtu: int) -> int:
    """Return the largest block whose datagram fits an MTU (bytes) unfragmented (RFC 2348)."""
    return max(MIN_BLKSIZE, min(mtu - OVERHEAD, MAX_BLKSIZE))


def netascii(octets: bytes) -> bytes:
    """Return file bytes in netascii: LF as CR LF, CR as CR NUL (RFC 764, printer and keyboard).

    Every byte is converted for itself, so a file may be converted in pieces cut anywhere, and
    the receiver gets back exactly the file, CR LF pairs included.
    """
    return octets.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def error(code: TftpError, text: str = "") -> Error:
    """Return an ERROR with the text of RFC 1350 section 5, or with `text`."""
    return Error(code=code, text=text or _ERROR_TEXTS[code])


_ERROR_TEXTS = {
    TftpError.UNDEFINED: "Not defined",
    TftpError.NOT_FOUND: "File not found",
    TftpError.ACCESS_VIOLATION: "Access violation",
    TftpError.DISK_FULL: "Disk full or allocation exceeded",
    TftpError.ILLEGAL_OPERATION: "Illegal TFTP operation",
    TftpError.UNKNOWN_TID: "Unknown transfer ID",
    TftpError.FILE_EXISTS: "File already exists",
    TftpError.NO_SUCH_USER: "No such user",
    TftpError.OPTION_NEGOTIATION: "Option negotiation failed",
}
