"""The HTTP server over real sockets on the loopback interface: statements H7 to H12."""
# ruff: noqa: N802 - H07 and the like are the numbers of the protocol statements

import os
import resource
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from served import pattern
from served_http import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    running = Served(tmp_path)
    yield running
    running.close()


def test_a_file_is_served_and_told(served: Served) -> None:
    content = served.file("boot.efi", pattern(300_000))
    assert served.ask("/boot.efi").body == content
    told = served.told()
    assert (told.file, told.method, told.status, told.size_bytes) == (
        "/boot.efi", "GET", 200, 300_000,
    )  # fmt: skip
    assert (told.client[0], told.error) == (IPv4Address("127.0.0.1"), "")


def test_H07_H10_head_says_what_get_will_send(served: Served) -> None:
    served.file("boot.efi", pattern(5000))
    head, get = served.ask("/boot.efi", "HEAD"), served.ask("/boot.efi")
    assert head.body == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
        assert head.headers[name] == get.headers[name] is not None
    assert head.headers["Content-Length"] == "5000"
    assert served.told().size_bytes == 0


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.efi", "application/efi"),
        ("A.EFI", "application/efi"),
        ("a.iso", "application/vnd.efi-iso"),
        ("a.img", "application/vnd.efi-img"),
        ("a.wim", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_H06_H08_the_media_type_has_no_parameters(
    served: Served, name: str, media_type: str
) -> None:
    served.file(name, b"x")
    assert served.ask(f"/{name}", "HEAD").headers["Content-Type"] == media_type


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("0-9", 0, 10), ("4990-", 4990, 5000), ("-3", 4997, 5000)]
)
def test_H09_a_range_is_served_with_206(served: Served, asked: str, start: int, end: int) -> None:
    content = served.file("a.iso", pattern(5000))
    answer = served.ask("/a.iso", Range=f"bytes={asked}")
    assert (answer.status, answer.body) == (206, content[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/5000"
    assert served.told().size_bytes == end - start


def test_H09_a_range_beyond_the_end_is_416(served: Served) -> None:
    served.file("a.iso", pattern(5000))
    answer = served.ask("/a.iso", Range="bytes=5000-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */5000")


def test_H09_conditions_are_honoured(served: Served) -> None:
    served.file("a.iso", pattern(5000))
    tag = served.ask("/a.iso", "HEAD").headers["ETag"]
    assert served.ask("/a.iso", If_Match='"other"', Range="bytes=0-1").status == 412
    assert served.ask("/a.iso", If_Match=tag, Range="bytes=0-1").status == 206
    assert served.ask("/a.iso", If_None_Match=tag).status == 304


def test_H10_the_etag_is_another_when_the_file_is(served: Served) -> None:
    served.file("a.iso", b"old")
    before = served.ask("/a.iso", "HEAD").headers["ETag"]
    served.file("new", b"new")
    (served.folder / "new").replace(served.folder / "a.iso")
    os.utime(served.folder / "a.iso", (1, 1))
    assert served.ask("/a.iso", "HEAD").headers["ETag"] != before


def test_H11_nothing_is_chunked_or_compressed(served: Served) -> None:
    content = served.file("a.efi", pattern(100_000))
    served.file("a.efi.gz", b"what a server that likes to save bytes would send")
    answer = served.ask("/a.efi", Accept_Encoding="gzip, br")
    assert answer.body == content
    assert answer.headers["Transfer-Encoding"] is None
    assert answer.headers["Content-Encoding"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/../secret", 403),
        ("/%2e%2e/secret", 403),
        ("/..%2fsecret", 403),
        ("/%2e%2e%5csecret", 403),
        ("/folder/../../secret", 403),
        ("/out", 403),
        ("/folder", 403),
        ("/", 403),
        ("/fifo", 403),
        ("/%252e%252e/secret", 404),
        ("/a%00.efi", 400),
        ("/a%0a", 400),
        ("/" + "x" * 300, 400),
        ("/none", 404),
    ],
)
def test_H12_no_name_leads_out_of_the_root(tmp_path: Path, path: str, status: int) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "root"
    (folder / "folder").mkdir(parents=True)
    (folder / "out").symlink_to("../secret")
    (folder / "a").write_bytes(b"a")
    os.mkfifo(folder / "fifo")
    served = Served(folder)
    try:
        answer = served.ask(path)
        assert (answer.status, answer.body) == (status, f"{status}\n".encode())
        told = served.told()
        assert told.status == status
        assert told.error
    finally:
        served.close()


@pytest.mark.parametrize("path", ["/folder/a%20b", "/folder\\a%20b", "//folder/./a%20b?x=1"])
def test_other_spellings_find_the_file(served: Served, path: str) -> None:
    (served.folder / "folder").mkdir()
    served.file("folder/a b", b"found")
    assert served.ask(path).body == b"found"


def test_names_are_found_as_tftp_finds_them(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "bcd").write_bytes(b"found")
    served = Served(tmp_path, ignore_case=True, remap={"old": "boot/bcd"})
    try:
        assert served.ask("/Boot/BCD").body == b"found"
        assert served.ask("/old").body == b"found"
    finally:
        served.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(served: Served, method: str) -> None:
    served.file("a", b"x")
    assert served.ask("/a", method).status == 405
    assert (served.folder / "a").read_bytes() == b"x"


def test_one_connection_serves_many_files(served: Served) -> None:
    contents = [served.file(f"f{i}", pattern(1000 * i)) for i in range(20)]
    assert [served.ask(f"/f{i}").body for i in range(20)] == contents


def test_a_replaced_file_is_sent_to_its_end(served: Served) -> None:
    content = served.file("a", pattern(20_000_000))
    with socket.create_connection(served.sock.getsockname()) as client:
        client.settimeout(10)
        client.sendall(b"GET /a HTTP/1.0\r\n\r\n")
        start = client.recv(100_000)
        served.file("new", b"another")
        (served.folder / "new").replace(served.folder / "a")
        parts = [start]
        while part := client.recv(1 << 20):
            parts.append(part)
    assert b"".join(parts).partition(b"\r\n\r\n")[2] == content


def test_a_client_that_goes_away_is_told(served: Served) -> None:
    served.file("a", pattern(50_000_000))
    with socket.create_connection(served.sock.getsockname()) as client:
        client.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    told = served.told()
    assert (told.size_bytes, told.error) == (0, "the client went away")
    assert served.ask("/none").status == 404


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"GET\r\n\r\n", b"GET /" + b"x" * 100_000])
def test_garbage_gets_400_and_does_no_harm(
    served: Served, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(served.sock.getsockname()) as client:
        client.settimeout(10)
        client.sendall(garbage)
        answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.0 400")
    assert b"\r\nServer: fastpxe\r\n" in answer
    told = served.told()
    assert (told.status, told.size_bytes) == (400, 0)
    assert told.error
    assert told.error.isprintable()
    assert not caplog.records
    served.file("a", b"x")
    assert served.ask("/a").body == b"x"


def test_no_descriptor_is_left_open(served: Served) -> None:
    served.file("a", b"x")
    served.ask("/a")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        served.ask("/a")
        served.ask("/a", "HEAD")
        served.ask("/none")
    limit = time.monotonic() + 10  # the last answer may be here before its file is closed
    while len(list(Path("/proc/self/fd").iterdir())) > before:
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_without_a_descriptor_the_answer_is_503_and_told_as_such(served: Served) -> None:
    content = served.file("boot.efi", pattern(5000))
    assert served.ask("/boot.efi").body == content
    served.told()
    # One is enough to find the file, and none is left to send it.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 1, hard))
    try:
        status = served.ask("/boot.efi").status
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    told = served.told()
    assert (status, told.status, told.size_bytes) == (503, 503, 0)
    assert told.error
    assert served.ask("/boot.efi").body == content


def test_a_refused_range_is_told_with_its_reason(served: Served) -> None:
    served.file("a.iso", pattern(5000))
    served.ask("/a.iso", Range="bytes=5000-")
    told = served.told()
    assert (told.status, told.size_bytes, told.error) == (416, 0, "Requested Range Not Satisfiable")
