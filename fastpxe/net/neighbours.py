"""The hardware addresses of neighbours, as the kernel has resolved them with ARP.

Sources: proc_net(5) (/proc/net/arp), <linux/if_arp.h> (its flags).
"""

from pathlib import Path

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
