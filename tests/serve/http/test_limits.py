"""What a client may keep of the HTTP server: threat S16."""
# ruff: noqa: N802 - S16 is the number of a threat in docs/explanation/security.md

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from served import pattern
from served_http import Served

from fastpxe.events import HttpServed, Notice
from fastpxe.serve.http.limits import FIELD_MAX, MOST_HEADERS, Limits

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
Serve = Callable[[Limits], Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(limits: Limits) -> Served:
            served = Served(tmp_path, limits)
            stack.callback(served.close)
            served.file("a", b"a file")
            return served

        yield start


def connected(served: Served) -> socket.socket:
    sock = socket.create_connection(served.sock.getsockname())
    sock.settimeout(10)
    return sock


def is_served(sock: socket.socket) -> bool:
    sock.sendall(GET)
    answer = b""
    while not answer.endswith(b"a file"):
        answer += sock.recv(1000)
    return answer.startswith(b"HTTP/1.1 200")


def is_turned_away(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def is_over_after(sock: socket.socket, drop: bytes) -> bool:
    """Whether the connection is over, a moment after some more was sent."""
    try:
        sock.sendall(drop)
        sock.settimeout(0.01)
        return sock.recv(1000) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "limits", [Limits(connections_per_client=3), Limits(connections=3)], ids=["client", "all"]
)
def test_S16_connections_are_limited_and_the_rest_reset(serve: Serve, limits: Limits) -> None:
    served = serve(limits)
    with ExitStack() as stack:
        kept = [stack.enter_context(connected(served)) for _ in range(3)]
        assert all(map(is_served, kept))
        assert is_turned_away(stack.enter_context(connected(served)))
        assert all(map(is_served, kept))


def test_S16_a_connection_that_ended_makes_room(serve: Serve) -> None:
    served = serve(Limits(connections_per_client=1))
    for _ in range(5):
        with connected(served) as sock:
            sock.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            while sock.recv(1000):
                pass


def test_S16_each_client_has_its_own_limit(serve: Serve) -> None:
    served = serve(Limits(connections_per_client=1))
    with ExitStack() as stack:
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            to = served.sock.getsockname()
            sock = socket.create_connection(to, source_address=(address, 0))
            stack.enter_context(sock).settimeout(10)
            assert is_served(sock)


@pytest.mark.parametrize("begun", [b"", b"G", GET[:-2], GET[:-2] + b"X: "])
def test_S16_a_request_that_never_ends_is_given_up(serve: Serve, begun: bytes) -> None:
    served = serve(Limits(request_s=0.2))
    with connected(served) as sock:
        sock.sendall(begun)
        assert is_turned_away(sock)


def test_S16_a_connection_that_waits_after_an_answer_is_closed(serve: Serve) -> None:
    served = serve(Limits(request_s=0.2))
    with connected(served) as sock:
        assert is_served(sock)
        while sock.recv(1000):
            pass


def test_S16_bytes_that_trickle_extend_nothing(serve: Serve) -> None:
    served = serve(Limits(request_s=0.3))
    with connected(served) as sock:
        sock.sendall(GET[:-2] + b"X: ")
        assert any(is_over_after(sock, b"y") for _ in range(1000))


def test_S16_a_body_that_never_ends_is_not_waited_for(serve: Serve) -> None:
    served = serve(Limits())
    with connected(served) as sock:
        sock.sendall(GET[:-2] + b"Content-Length: 1000000\r\n\r\nx")
        while sock.recv(1000):
            pass


def test_S16_a_client_that_takes_nothing_is_given_up(serve: Serve) -> None:
    served = serve(Limits(stalled_s=0.5))
    served.file("a", pattern(20_000_000))
    with connected(served) as sock:
        sock.sendall(GET)
        event = served.events.get(timeout=60)
        assert isinstance(event, HttpServed)
        assert (event.size_bytes, event.error) == (0, "the client went away")


@pytest.mark.parametrize(
    "headers",
    [
        b"X: " + b"y" * (FIELD_MAX + 1) + b"\r\n",
        b"X: y\r\n" * (MOST_HEADERS + 1),
    ],
    ids=["long", "many"],
)
def test_S16_headers_are_limited(serve: Serve, headers: bytes) -> None:
    served = serve(Limits())
    with connected(served) as sock:
        sock.sendall(b"GET /a HTTP/1.1\r\n" + headers + b"\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.0 400")


def test_connections_that_were_turned_away_are_told_at_the_end(tmp_path: Path) -> None:
    served = Served(tmp_path, Limits(connections=0))
    with connected(served) as sock:
        assert is_turned_away(sock)
    served.close()
    event = served.events.get_nowait()
    assert isinstance(event, Notice)
    assert event.text == "HTTP connections beyond the limits, reset: 1"
