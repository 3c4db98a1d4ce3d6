"""Watches the configuration's files: a change reloads the server, by SIGHUP to the parent.

It runs in the recorder's process. The kernel reports changes at once. The files are polled every
second as well: a change may come before the watch is set up, or be made on a file server.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from watchfiles import awatch

from fastpxe.serve.system.config_stamp import FileStamp, file_stamp

DEBOUNCE_MS = 300  # an editor's several steps are one change
POLL_MS = 1000

log = logging.getLogger("fastpxe")


def start(paths: Sequence[str], stamp: FileStamp, parent: int, stack: AsyncExitStack) -> None:
    """Watch files, and folders with the files in them, until the stack is closed.

    stamp: the files' state when they were read.
    """
    stopped = asyncio.Event()
    watching = asyncio.ensure_future(_watch(paths, stamp, parent, stopped))

    async def stop() -> None:
        stopped.set()
        await watching

    stack.push_async_callback(stop)


async def _watch(
    paths: Sequence[str], stamp: FileStamp, parent: int, stopped: asyncio.Event
) -> None:
    try:
        # Folders: an editor replaces the file, and a watch on the old one reports nothing more.
        folders = {str(path if path.is_dir() else path.parent) for path in map(Path, paths)}
        async for _ in awatch(
            *folders, debounce=DEBOUNCE_MS, rust_timeout=POLL_MS, yield_on_timeout=True,
            stop_event=stopped, recursive=False,
        ):  # fmt: skip
            now = file_stamp(paths)
            if now != stamp:
                stamp = now
                os.kill(parent, signal.SIGHUP)
    except Exception as error:  # noqa: BLE001 - watchfiles wraps the kernel's errors in its own
        log.warning("the configuration is not watched, reload it with SIGHUP: %s", error)
