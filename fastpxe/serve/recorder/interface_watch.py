"""Watches the interfaces that ports are bound on.

A change of addresses is a reload. An interface that was replaced takes a restart, because its ports
are bound as root; a warning says so.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress

from fastpxe.net.interfaces import Interface, all_interfaces

POLL_S = 2.0

log = logging.getLogger("fastpxe")


class InterfaceWatcher:
    """Sends SIGHUP to `parent` when addresses change, and warns of each lost interface once."""

    def __init__(self, bound: Sequence[Interface], parent: int) -> None:
        self._bound = bound
        self._parent = parent
        self._warned: frozenset[str] = frozenset()
        self._readdressed: frozenset[Interface] = frozenset()

    async def start(self, _observer: object, stack: AsyncExitStack) -> None:
        """Poll until the stack is closed."""
        polling = asyncio.ensure_future(self._run())
        stack.callback(polling.cancel)

    async def _run(self) -> None:
        while True:
            with suppress(OSError):  # an interface vanished just now: the next poll shows it
                self.poll()
            await asyncio.sleep(POLL_S)

    def poll(self) -> None:
        """Compare the interfaces with those bound. Raises OSError."""
        present = all_interfaces()
        changed = frozenset(readdressed(self._bound, present))
        new = changed - self._readdressed
        if new:
            for interface in new:
                log.warning("the addresses of %s have changed: reloading", interface.name)
            os.kill(self._parent, signal.SIGHUP)
        self._readdressed = changed
        warnings = list(losses(self._bound, present, dict(socket.if_nameindex())))
        for text in warnings:
            if text not in self._warned:
                log.warning("%s", text)
        if self._warned and not warnings:
            log.info("all interfaces are served again")
        self._warned = frozenset(warnings)


def readdressed(bound: Sequence[Interface], now: Sequence[Interface]) -> Iterator[Interface]:
    """The bound interfaces whose addresses differ now, as they are now."""
    by_index = {interface.index: interface for interface in now}
    for interface in bound:
        present = by_index.get(interface.index, interface)
        if present.networks != interface.networks:
            yield present


def losses(
    bound: Sequence[Interface], now: Sequence[Interface], names: dict[int, str]
) -> Iterator[str]:
    """Warnings about bound interfaces that can't be served; `names`: of all interfaces by index."""
    served = {interface.index for interface in now}
    for interface in bound:
        name, index = interface.name, interface.index
        if index not in names and name in names.values():
            yield f"{name} was replaced by another interface: restart fastpxe to serve it"
        elif index not in names:
            yield f"{name} is gone: not served until it is back and fastpxe is restarted"
        elif index not in served:
            yield f"{name} is down or has no address: not served"
