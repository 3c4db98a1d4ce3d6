"""What became of interfaces since the start, in words."""

import logging
import os
from ipaddress import IPv4Interface

import pytest

from fastpxe.net.interfaces import Interface, all_interfaces
from fastpxe.serve.recorder.interface_watch import InterfaceWatcher, losses, readdressed


def interface(name: str = "eth0", index: int = 2, *networks: str) -> Interface:
    found = tuple(map(IPv4Interface, networks or ("10.0.0.1/24", "10.0.1.1/24")))
    return Interface(name=name, index=index, networks=found, mtu=1500)


@pytest.mark.parametrize(
    ("now", "names", "words"),
    [
        ([interface()], {2: "eth0"}, []),
        ([interface("eth9")], {2: "eth9"}, []),  # renamed: its ports go with it
        ([interface("eth0", 2, "10.0.1.1/24")], {2: "eth0"}, []),
        ([], {2: "eth0"}, ["is down or has no address"]),
        ([], {}, ["is gone: "]),
        ([interface("eth0", 3)], {3: "eth0"}, ["was replaced by another interface"]),
    ],
)  # fmt: skip
def test_a_lost_interface_is_warned_of(
    now: list[Interface], names: dict[int, str], words: list[str]
) -> None:
    found = list(losses([interface()], now, names))
    assert len(found) == len(words)
    for text, part in zip(found, words, strict=True):
        assert text.startswith(f"eth0 {part}")


@pytest.mark.parametrize(
    ("now", "is_another"),
    [
        (interface(), False),
        (interface("eth9"), False),
        (interface("eth0", 2, "10.0.1.1/24", "10.0.0.1/24"), True),  # broadcasts: from the first
        (interface("eth0", 2, "10.0.0.1/24", "10.0.1.1/24", "10.0.2.1/24"), True),
        (interface("eth0", 2, "10.0.0.1/16", "10.0.1.1/24"), True),
        (interface("eth0", 3, "10.0.2.1/24"), False),  # another interface
    ],
)
def test_other_addresses_are_seen(now: Interface, *, is_another: bool) -> None:
    assert list(readdressed([interface()], [now])) == [now] * is_another


def test_it_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watcher = InterfaceWatcher([*all_interfaces(), interface("nowhere0", 1 << 20)], os.getpid())
    watcher.poll()
    watcher.poll()
    assert [record.getMessage()[:17] for record in caplog.records] == ["nowhere0 is gone:"]
    assert caplog.records[0].levelno == logging.WARNING
