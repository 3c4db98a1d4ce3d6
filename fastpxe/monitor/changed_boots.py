"""Which boots have changed since somebody was told of them."""

from collections.abc import Iterable

import msgspec

from fastpxe.monitor.journal import Boot


class News:
    """What one who watches was told. Machines that are forgotten are forgotten here too."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._told)

    def of(self, boots: Iterable[Boot]) -> list[bytes]:
        """Those of all boots that are new or changed since the last call, as JSON."""
        changed, seen = [], {}
        for boot in boots:
            encoded = msgspec.json.encode(boot)
            seen[boot.mac] = hash(encoded)
            if self._told.get(boot.mac) != seen[boot.mac]:
                changed.append(encoded)
        self._told = seen
        return changed
