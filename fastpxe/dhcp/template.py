"""A reply laid out in advance: what the request fills in is zero, or follows behind."""

import msgspec

from fastpxe.dhcp._template import Tail


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A DHCP reply but for what differs between the requests that get it.

    siaddr: our own address on the interface where it is 0 and `names_own_siaddr`.
    sname, file: header fields, which may hold options (RFC 2132 section 9.3); the zeros at their
      ends may be left out. options: those behind the cookie, to the end of the datagram where
      `tail` is empty.
    copies_header: hops, secs and flags are those of the request, as dnsmasq sends them; else hops
      and secs are 0, and of the flags the broadcast bit alone is copied, or set where the client
      has no address. forces_broadcast: it is set in any case.
    Offsets from the start of the datagram, 0 for what the reply doesn't have: `ciaddr_at` where
    the client's address goes, `server_id_at` the value of option 54, `uuid_at` that of option 97
    (17 bytes), `boot_item_at` that of 43.71 (type and layer, 4 bytes), `relay_at` option 82 with
    its code and length.
    tail: options that are appended while they fit into what the client takes, END behind them.
    """

    siaddr: int = 0
    sname: bytes = b""
    file: bytes = b""
    options: bytes
    copies_header: bool = False
    forces_broadcast: bool = False
    names_own_siaddr: bool = False
    ciaddr_at: int = 0
    server_id_at: int = 0
    uuid_at: int = 0
    boot_item_at: int = 0
    relay_at: int = 0
    tail: Tail = Tail(0)
