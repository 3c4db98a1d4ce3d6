"""Whether the interfaces are still what they were when ports were bound on them.

They are read once, at start. What changes afterwards takes a restart, and somebody has to be told.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress

from fastpxe.serve.interfaces import Interface, all_interfaces

LOOK_S = 2.0

log = logging.getLogger("fastpxe")


class Drift:
    """Warns of what is no longer as it was, once for as long as that lasts."""

    def __init__(self, bound: Sequence[Interface]) -> None:
        self._bound = bound
        self._told: frozenset[str] = frozenset()

    async def begin(self, _observer: object, stack: AsyncExitStack) -> None:
        """Look now and then, until the stack is closed."""
        looking = asyncio.ensure_future(self._go_on())
        stack.callback(looking.cancel)

    async def _go_on(self) -> None:
        while True:
            with suppress(OSError):  # one vanished just now: the next look sees it
                self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Warn of what is new. Raises OSError."""
        found = list(changes(self._bound, all_interfaces(), dict(socket.if_nameindex())))
        for text in found:
            if text not in self._told:
                log.warning("%s", text)
        if self._told and not found:
            log.info("the interfaces are as they were at the start")
        self._told = frozenset(found)


def changes(
    bound: Sequence[Interface], now: Sequence[Interface], names: dict[int, str]
) -> Iterator[str]:
    """What became of interfaces that ports are bound on; `names` are all there are, by index."""
    by_index = {interface.index: interface for interface in now}
    for one in bound:
        found = by_index.get(one.index)
        if one.index not in names and one.name in names.values():
            yield f"{one.name} is another interface than at the start: restart fastpxe to serve it"
        elif one.index not in names:
            yield f"{one.name} is gone: nobody is answered there, until it is back and a restart"
        elif found is None:
            yield f"{one.name} is down or has no address: nobody is answered there"
        elif one.address not in {network.ip for network in found.networks}:
            yield (
                f"{one.name} has no longer the address {one.address}, from which broadcasts are "
                "answered: restart fastpxe"
            )
