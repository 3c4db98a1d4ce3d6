"""Neighbours are found by address and interface, as the kernel lists them."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from fastpxe.net.neighbours import NEIGHBOUR_S, NeighbourCache, hardware_address

ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.5         0x1         0x2         52:54:00:AB:cd:ef     *        eth0
10.0.0.5         0x1         0x2         52:54:00:00:00:01     *        eth1
10.0.0.6         0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.0.50        0x1         0x6         52:54:00:00:00:50     *        eth0
"""


@pytest.mark.parametrize(
    ("client", "interface", "found"),
    [
        ("10.0.0.5", "eth0", "52:54:00:ab:cd:ef"),
        ("10.0.0.5", "eth1", "52:54:00:00:00:01"),
        ("10.0.0.5", "eth2", None),
        ("10.0.0.50", "eth0", "52:54:00:00:00:50"),
        ("10.0.0.6", "eth0", None),  # asked for, and not answered yet
        ("10.0.0.7", "eth0", None),
    ],
)
def test_a_neighbour_is_known_by_address_and_interface(
    tmp_path: Path, client: str, interface: str, found: str | None
) -> None:
    table = tmp_path / "arp"
    table.write_text(ARP)
    assert hardware_address(client, interface, table) == found


def test_the_table_of_this_machine_is_read() -> None:
    assert hardware_address("192.0.2.1", "lo") is None


def test_a_cached_address_is_read_again_after_a_while_and_when_the_clock_is_set_back(
    tmp_path: Path,
) -> None:
    table, client = tmp_path / "arp", IPv4Address("10.0.0.5")
    table.write_text(ARP)
    cache = NeighbourCache(table)
    assert cache.find(client, "eth0", 1000) == "52:54:00:ab:cd:ef"
    table.write_text(ARP.replace("52:54:00:AB:cd:ef", "52:54:00:00:00:99"))
    assert cache.find(client, "eth0", 1000 + NEIGHBOUR_S - 1) == "52:54:00:ab:cd:ef"
    assert cache.find(client, "eth0", 1000 + NEIGHBOUR_S) == "52:54:00:00:00:99"
    table.write_text(ARP)
    assert cache.find(client, "eth0", 1000) == "52:54:00:ab:cd:ef"


def test_a_table_that_cannot_be_opened_has_no_neighbours(tmp_path: Path) -> None:
    assert NeighbourCache(tmp_path / "gone").find(IPv4Address("10.0.0.5"), "eth0", 1000) == ""
