"""The hardware addresses of neighbours, as the kernel has resolved them with ARP.

Sources: proc_net(5) (/proc/net/arp), <linux/if_arp.h> (its flags).
"""

from ipaddress import IPv4Address
from pathlib import Path

NEIGHBOURS_MAX = 50_000
NEIGHBOUR_S = 30.0  # how long an address is cached

_NEIGHBOURS = Path("/proc/net/arp")
_IS_COMPLETE = 0x2  # ATF_COM: the hardware address is known


def hardware_address(client: str, interface: str, table: Path = _NEIGHBOURS) -> str | None:
    """Return a neighbour's hardware address, such as "52:54:00:12:34:56"; None if unknown.

    Raises OSError when the kernel's table can't be opened.
    """
    for line in table.read_text().splitlines()[1:]:
        address, _, flags, hardware, _, device = line.split()
        if address == client and device == interface and int(flags, 16) & _IS_COMPLETE:
            return hardware.lower()
    return None


class NeighbourCache:
    """Hardware addresses of neighbours, each read from the kernel at most every NEIGHBOUR_S."""

    def __init__(self, table: Path = _NEIGHBOURS) -> None:
        self._table = table
        self._entries: dict[tuple[IPv4Address, str], tuple[str, float]] = {}

    def find(self, address: IPv4Address, interface: str, now: float) -> str:
        """The hardware address, "" if the kernel has none or its table can't be opened.

        now: in seconds since 1970; that clock may be set back.
        """
        key = (address, interface)
        mac, until = self._entries.get(key, ("", 0.0))
        if not until - NEIGHBOUR_S <= now < until:
            mac = self._read(address, interface)
            if len(self._entries) > NEIGHBOURS_MAX:
                self._entries.clear()
            self._entries[key] = (mac, now + NEIGHBOUR_S)
        return mac

    def _read(self, address: IPv4Address, interface: str) -> str:
        try:
            return hardware_address(str(address), interface, self._table) or ""
        except OSError:  # no descriptor is left: the web page has too many readers
            return ""
