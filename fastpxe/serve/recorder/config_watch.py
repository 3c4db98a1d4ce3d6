"""A change of the configuration's files is a reload: the parent is told by SIGHUP.

It runs in the recorder's process. The kernel tells of changes at once, and every second the files
are looked at: a change may have come before the kernel was asked, or on a file server.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from watchfiles import awatch

from fastpxe.serve.system.config_stamp import Sign, sign_of

DEBOUNCE_MS = 300  # an editor's several steps are one change
LOOK_MS = 1000

log = logging.getLogger("fastpxe")


def begin(paths: Sequence[str], seen: Sign, parent: int, stack: AsyncExitStack) -> None:
    """Watch files, and folders with all that is in them, until the stack is closed.

    seen: how they were when they were read.
    """
    stopped = asyncio.Event()
    watching = asyncio.ensure_future(_watch(paths, seen, parent, stopped))

    async def stop() -> None:
        stopped.set()
        await watching

    stack.push_async_callback(stop)


async def _watch(paths: Sequence[str], seen: Sign, parent: int, stopped: asyncio.Event) -> None:
    try:
        # Folders: editors put a new file in place of the old one, and a watch on that sees no more.
        folders = {str(path if path.is_dir() else path.parent) for path in map(Path, paths)}
        async for _ in awatch(
            *folders, debounce=DEBOUNCE_MS, rust_timeout=LOOK_MS, yield_on_timeout=True,
            stop_event=stopped, recursive=False,
        ):  # fmt: skip
            now = sign_of(paths)
            if now != seen:
                seen = now
                os.kill(parent, signal.SIGHUP)
    except Exception as error:  # noqa: BLE001 - watchfiles has errors of its own for the kernel's
        log.warning("the configuration is not watched, SIGHUP reloads it: %s", error)
