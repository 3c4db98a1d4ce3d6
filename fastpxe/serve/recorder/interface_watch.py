"""Whether the interfaces are still what they were when ports were bound on them.

Other addresses are a reason to reload. An interface that is another takes a restart, for its ports
are bound by root: somebody has to be told.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress

from fastpxe.net.interfaces import Interface, all_interfaces

LOOK_S = 2.0

log = logging.getLogger("fastpxe")


class Drift:
    """Has `parent` reload at other addresses, and warns of what is lost, once while that lasts."""

    def __init__(self, bound: Sequence[Interface], parent: int) -> None:
        self._bound = bound
        self._parent = parent
        self._told: frozenset[str] = frozenset()
        self._moved: frozenset[Interface] = frozenset()

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
        """Do what is to be done about what is new. Raises OSError."""
        present = all_interfaces()
        moved = frozenset(readdressed(self._bound, present))
        news = moved - self._moved
        if news:
            for one in news:
                log.warning("%s has other addresses now, and fastpxe reloads", one.name)
            os.kill(self._parent, signal.SIGHUP)
        self._moved = moved
        found = list(losses(self._bound, present, dict(socket.if_nameindex())))
        for text in found:
            if text not in self._told:
                log.warning("%s", text)
        if self._told and not found:
            log.info("the interfaces are as they were at the start")
        self._told = frozenset(found)


def readdressed(bound: Sequence[Interface], now: Sequence[Interface]) -> Iterator[Interface]:
    """Those that ports are bound on and that have other addresses now, as they are now."""
    by_index = {interface.index: interface for interface in now}
    for one in bound:
        found = by_index.get(one.index, one)
        if found.networks != one.networks:
            yield found


def losses(
    bound: Sequence[Interface], now: Sequence[Interface], names: dict[int, str]
) -> Iterator[str]:
    """Why nobody is answered on ports that are bound; `names` are all interfaces, by index."""
    served = {interface.index for interface in now}
    for one in bound:
        if one.index not in names and one.name in names.values():
            yield f"{one.name} is another interface than at the start: restart fastpxe to serve it"
        elif one.index not in names:
            yield f"{one.name} is gone: nobody is answered there, until it is back and a restart"
        elif one.index not in served:
            yield f"{one.name} is down or has no address: nobody is answered there"
