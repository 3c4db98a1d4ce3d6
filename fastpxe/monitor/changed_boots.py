"""Which boots have changed since they were last sent to a client."""

from collections.abc import Iterable

import msgspec

from fastpxe.monitor.journal import Boot


class ChangeFeed:
    """The boots that one client was sent; those that the journal drops are dropped here too."""

    def __init__(self) -> None:
        self._sent: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def changes(self, boots: Iterable[Boot]) -> list[bytes]:
        """The boots that are new or changed since the last call, each as JSON."""
        changed, seen = [], {}
        for boot in boots:
            encoded = msgspec.json.encode(boot)
            seen[boot.mac] = hash(encoded)
            if self._sent.get(boot.mac) != seen[boot.mac]:
                changed.append(encoded)
        self._sent = seen
        return changed
