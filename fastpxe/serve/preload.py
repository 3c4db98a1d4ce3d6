"""Import the children's modules before root is dropped.

The other user may have no access to Python's own folder, for example to one in root's home. Import
statements are not enough: codecs and event loops are imported when they are first used.
"""

import codecs
import importlib

from fastpxe.service import Service


def preload(service: Service) -> None:
    """Import all modules that the children of this service use."""
    names = ["recorder.admin", "recorder.config_watch"]
    if service.http.enabled:
        names.append("http.server")
    for name in names:
        importlib.import_module(f"fastpxe.serve.{name}")
    importlib.import_module("anyio._backends._asyncio")  # watchfiles imports it by name
    codecs.lookup("unicode_escape")  # for names with spaces, in the log
