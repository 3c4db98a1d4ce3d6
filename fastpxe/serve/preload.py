"""What children would import by themselves, imported before root becomes another user.

Python's own folder may be one that the other user can't enter: a Python in root's home is. Import
statements alone don't tell: codecs and event loops are looked up when they are used.
"""

import codecs
import importlib

from fastpxe.service import Front


def preload(front: Front) -> None:
    """Import all that the children of a server with this configuration use."""
    names = ["recorder.admin", "recorder.config_watch"]
    if front.http.enabled:
        names.append("http.server")
    for name in names:
        importlib.import_module(f"fastpxe.serve.{name}")
    importlib.import_module("anyio._backends._asyncio")  # watchfiles asks for it by its name
    codecs.lookup("unicode_escape")  # for names with spaces, in the log
