"""What the admin port of a running server says: its machines' boots, as they change.

Sources: the HTML standard's server-sent events; RFC 6750 section 2.1 (bearer tokens).
"""

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from fastpxe.errors import FastpxeError
from fastpxe.monitor.journal import Boot
from fastpxe.policy.schema import TOKEN_MIN
from fastpxe.text import printable

URL = "http://127.0.0.1:8067"
TIMEOUT_S = 10.0  # the server says something every second
AGAIN_S = 1.0
TEXT_MAX = 200  # bytes of what a server says to its refusal


class NoServer(FastpxeError):  # noqa: N818 - what there isn't
    """No server to watch; the text says what to do."""


class Refused(NoServer):
    """A server that doesn't want to be watched; another try wouldn't help."""


class BootUpdate(NamedTuple):
    """The boots that changed, or all of them; `is_lost`: none, for there is no connection."""

    boots: list[Boot]
    is_all: bool = False
    is_lost: bool = False


class AdminClient:
    """Asks a server's [admin] port; `token_file` holds its token, "" or None for none."""

    def __init__(self, url: str, token_file: str | None) -> None:
        self.url = url
        self._token = _token(token_file) if token_file else None

    def boots(self) -> list[Boot]:
        """All boots that there are now. Raises NoServer."""
        with self._opened("/api/boots", "application/json") as response:
            return msgspec.json.decode(response.read(), type=list[Boot])

    def news(self) -> Iterator[BootUpdate]:
        """The boots for ever: a server that reloads or is started again ends each connection.

        Raises NoServer where there was none from the first.
        """
        was_there = False
        while True:
            try:
                for news in self._changes():
                    was_there = True
                    yield news
            except Refused:
                raise
            except NoServer:
                if not was_there:
                    raise
                yield BootUpdate([], is_lost=True)
            if not was_there:
                raise self._no_fastpxe()
            time.sleep(AGAIN_S)

    def _changes(self) -> Iterator[BootUpdate]:
        """All boots, then those that changed, about once a second."""
        is_all = True
        with self._opened("/api/events", "text/event-stream") as response:
            for line in response:
                if line.startswith(b"data: "):
                    yield BootUpdate(msgspec.json.decode(line[6:], type=list[Boot]), is_all)
                elif line.startswith(b":"):
                    yield BootUpdate([], is_all)
                is_all = False

    @contextmanager
    def _opened(self, path: str, kind: str) -> Iterator[http.client.HTTPResponse]:
        """Open what a server has there; what goes wrong until it is closed is a NoServer."""
        url = self.url
        try:
            with _opener().open(self._request(path), timeout=TIMEOUT_S) as response:
                if response.headers.get_content_type() != kind:
                    raise self._no_fastpxe()
                yield response
        except urllib.error.HTTPError as error:
            raise Refused(f"{url}: {error.code}: {_text_of(error)}") from None
        except msgspec.MsgspecError:
            raise self._no_fastpxe() from None
        except (ValueError, http.client.InvalidURL):  # a host's name may be none, too
            raise Refused(f"{url}: no URL of a server; write one such as {URL}") from None
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise NoServer(
                f"{url}: {reason}; is `fastpxe serve` running, and is [admin] enabled there?"
            ) from None

    def _request(self, path: str) -> urllib.request.Request:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(self.url)
        request = urllib.request.Request(f"{self.url.rstrip('/')}{path}")  # noqa: S310 - see _opener
        if self._token is not None:
            # As the server reads it; http.client would write Latin-1.
            bearer = f"Bearer {self._token}".encode().decode("latin-1")
            request.add_header("Authorization", bearer)
        return request

    def _no_fastpxe(self) -> Refused:
        return Refused(f"{self.url}: no fastpxe answers there")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address is an error: whoever is there is to see no token."""

    def redirect_request(self, *_: object) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    """HTTP alone, and by no proxy: the token goes to the server and nowhere else."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def _text_of(error: urllib.error.HTTPError) -> str:
    """What a server says to its refusal, for a terminal."""
    try:
        return printable(error.read(TEXT_MAX).strip())
    except (OSError, http.client.HTTPException):
        return ""


def _token(path: str) -> str:
    """A token, which is not to be seen in any message. Raises Refused."""
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path}: not UTF-8 text") from None
    if re.search(r"[\x00-\x1f\x7f]", token):
        raise Refused(f"{path}: a token is one line")
    if len(token) < TOKEN_MIN:
        raise Refused(f"{path}: a token has {TOKEN_MIN} characters or more")
    return token
