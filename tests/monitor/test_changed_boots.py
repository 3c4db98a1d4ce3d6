"""What somebody who watches is told: what changed, and nothing is kept of who is gone."""

import msgspec

from fastpxe.monitor.changed_boots import ChangeFeed
from fastpxe.monitor.journal import Boot


def boots(*names: str, **fields: str) -> list[Boot]:
    return [Boot(mac=name, **fields) for name in names]  # type: ignore[arg-type] - texts alone


def macs(told: list[bytes]) -> list[str]:
    return [msgspec.json.decode(one, type=Boot).mac for one in told]


def test_all_are_told_at_first_and_then_those_that_changed() -> None:
    feed = ChangeFeed()
    assert macs(feed.changes(boots("a", "b"))) == ["a", "b"]
    assert feed.changes(boots("b", "a")) == []
    assert macs(feed.changes([*boots("a", file="x"), *boots("b", "c")])) == ["a", "c"]


def test_nothing_is_kept_of_machines_that_are_forgotten() -> None:
    feed = ChangeFeed()
    for number in range(100):
        feed.changes(boots(str(number), str(number + 1)))
    assert len(feed) == 2
