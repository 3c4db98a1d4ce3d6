"""Hosts with a boot of their own: how they are named, and the table that the packet path reads."""

import mmap
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.identity import microsoft_order
from fastpxe.policy._host_table import Hosts
from fastpxe.policy.hosts import Host, entries, parse_host

MAC = bytes.fromhex("525400123456")
UUID = bytes(range(16))
LABEL = "03020100-0504-0706-0809-0a0b0c0d0e0f"


def table(capacity: int = 8) -> Hosts:
    return Hosts(bytearray(Hosts.size_for(capacity)), capacity)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["52:54:00:12:34:56", "52-54-00-12-34-56", " 52:54:00:12:34:56"])
def test_a_mac_has_one_name_and_one_key(text: str) -> None:
    assert parse_host(text) == ("52:54:00:12:34:56", (MAC,))


@pytest.mark.parametrize("text", [LABEL, LABEL.upper(), LABEL.replace("-", "")])
def test_a_uuid_is_named_as_on_its_label_and_may_come_in_either_order(text: str) -> None:
    name, keys = parse_host(text)
    assert (name, set(keys)) == (LABEL, {UUID, microsoft_order(UUID)})


def test_option_97_as_bytes_is_that_machine_alone() -> None:
    assert parse_host("00:" + UUID.hex(":")) == (LABEL, (UUID,))


@pytest.mark.parametrize("text", ["52:54:00:*", "52:54:00:12:34:5?", "4c4c4544*"])
def test_more_than_one_host_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="write it whole"):
        parse_host(text)


@pytest.mark.parametrize("text", ["", "lab-pc-7", "52:54:00:12:34"])
def test_what_is_no_host_is_told_how_to_be_written(text: str) -> None:
    with pytest.raises(ValueError, match='write "18:66:da:01:02:03" or "4c4c4544-'):
        parse_host(text)


def test_of_two_wishes_for_a_host_the_first_counts_and_a_boot_that_is_none_is_left() -> None:
    hosts = [
        Host(name="a", keys=(MAC,), boot="gone"),
        Host(name="a", keys=(MAC,), boot="installer"),
        Host(name="a", keys=(MAC,), boot="rescue"),
    ]
    assert entries(hosts, {"rescue": 1, "installer": 2}) == [(MAC, 2)]


# --- the table -----------------------------------------------------------------------------------


def test_an_empty_table_has_nobody() -> None:
    assert (table().find(MAC, UUID), len(table())) == (0, 0)


def test_a_host_is_found_by_its_mac_and_else_by_its_uuid() -> None:
    hosts = table()
    hosts.replace([(MAC, 1), (UUID, 2)])
    other = MAC[::-1]
    assert [hosts.find(MAC, UUID), hosts.find(other, UUID), hosts.find(other)] == [1, 2, 0]


def test_a_uuid_that_begins_like_a_mac_is_another_key() -> None:
    hosts = table()
    hosts.replace([(MAC + bytes(10), 1)])
    assert [hosts.find(MAC), hosts.find(None, MAC + bytes(10))] == [0, 1]


def test_what_is_replaced_is_forgotten() -> None:
    hosts = table()
    hosts.replace([(MAC, 1)])
    hosts.replace([(UUID, 1)])
    assert (hosts.find(MAC), hosts.find(None, UUID), len(hosts)) == (0, 1, 1)


@pytest.mark.parametrize(
    "wrong", [[(MAC[:5], 1)], [(MAC, 0)], [(bytes([i] * 6), 1) for i in range(9)]]
)
def test_what_does_not_fit_changes_nothing(wrong: list[tuple[bytes, int]]) -> None:
    hosts = table()
    hosts.replace([(MAC, 7)])
    with pytest.raises(ValueError, match="host"):
        hosts.replace(wrong)
    assert hosts.find(MAC) == 7


def test_memory_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="8 hosts need"):
        Hosts(bytearray(Hosts.size_for(8) - 1), 8)


KEYS = st.binary(min_size=6, max_size=6) | st.binary(min_size=16, max_size=16)


@given(st.dictionaries(KEYS, st.integers(1, 2**32 - 1), max_size=40), st.lists(KEYS, max_size=20))
def test_the_table_finds_what_a_dictionary_finds(
    boots: dict[bytes, int], asked: list[bytes]
) -> None:
    hosts = table(40)
    hosts.replace(boots.items())
    for key in [*boots, *asked]:
        found = hosts.find(key) if len(key) == 6 else hosts.find(None, key)
        assert found == boots.get(key, 0)


@pytest.mark.gate
def test_other_processes_see_a_change_at_once_and_never_half_of_one() -> None:
    """Readers find a host in the first boot, or in the second, while the table changes.

    They share a core, so that one often sleeps in the middle of a look while much is changed.
    """
    macs = [i.to_bytes(6) for i in range(1, 65)]
    hosts = Hosts(mmap.mmap(-1, Hosts.size_for(64)), 64)
    hosts.replace([(mac, 1) for mac in macs])
    readers = set()
    for _ in range(3):
        reader = os.fork()
        if not reader:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            mac = macs[-1]
            seen = {hosts.find(mac) for _ in range(8_000_000)}
            while hosts.find(mac) != 3:
                pass
            os._exit(0 if seen <= {1, 2, 3} else 1)
        readers.add(reader)
    for round_ in range(150_000):
        hosts.replace([(mac, 1 + round_ % 2) for mac in macs])
    hosts.replace([(mac, 3) for mac in macs])
    assert {os.waitpid(reader, 0)[1] for reader in readers} == {0}
