"""A real browser without a window, driven over a pipe (Chrome DevTools Protocol)."""

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from netns import GUARD, Namespace

LIMIT_S = 30


class Browser:
    """Chromium in a namespace. As root it has no sandbox; what it shows is ours alone."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        theirs, self._to = os.pipe()
        self._from, theirs_too = os.pipe()
        options = (
            "--headless=new --no-sandbox --disable-gpu --hide-scrollbars --disable-dev-shm-usage "
            f"--remote-debugging-pipe --window-size=1200,1000 --user-data-dir={folder}/browser"
        )
        # It reads commands from descriptor 3 and writes answers to 4.
        script = f"exec chromium {options} 3<&{theirs} 4>&{theirs_too}"
        self._process = subprocess.Popen(
            [*GUARD, *namespace.command("bash", "-c", script)],
            pass_fds=(theirs, theirs_too), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(theirs_too)
        self._left = b""
        self._number = 0
        self._session: dict[str, str] = {}
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        self._call("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session = {}
        self._send("Browser.close", {})
        self._process.wait(LIMIT_S)
        os.close(self._to)
        os.close(self._from)

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """Return what a JavaScript expression is on the page."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until it is true."""
        limit = time.monotonic() + LIMIT_S
        while not self.evaluate(expression):
            assert time.monotonic() < limit, self.evaluate("document.body.innerText")
            time.sleep(0.05)

    def screenshot(self) -> bytes:
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def _call(self, method: str, **parameters: object) -> Any:
        number = self._send(method, parameters)
        while (answer := self._receive()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _send(self, method: str, parameters: dict[str, object]) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._number

    def _receive(self) -> Any:
        while b"\0" not in self._left:
            piece = os.read(self._from, 1 << 16)
            assert piece, "the browser ended"
            self._left += piece
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)
