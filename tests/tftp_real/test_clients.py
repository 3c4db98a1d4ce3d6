"""curl, tftp-hpa, atftp and busybox get the files byte for byte, with the options they have."""

from collections.abc import Iterator

import pytest
from netns import Process

from tests.tftp_real.cable import Cable, Log, digest
from tests.tftp_real.clients import CURL, Client, atftp, busybox, curl, hpa

pytestmark = pytest.mark.netns

JUMBO_SERVER = "10.88.9.1"  # on dqs1, whose MTU is 9000
CURL_ILLEGAL_OPERATION = 71

# tftp-hpa has no options; busybox must be able to put its request into a block.
CLIENTS = (
    curl("--tftp-no-options"),
    curl(granted="blksize=512 timeout=6"),
    curl("--tftp-blksize", "8", blksize=8, granted="blksize=8 timeout=6"),
    curl("--tftp-blksize", "1428", blksize=1428, granted="blksize=1428 timeout=6"),
    # More than a frame holds: granted is less than was asked.
    curl("--tftp-blksize", "8192", blksize=1468, granted="blksize=1468 timeout=6"),
    curl("--tftp-blksize", "8192", blksize=8192, granted="blksize=8192", server=JUMBO_SERVER),
    hpa(),
    atftp(),
    atftp("blksize 8", "windowsize 16", blksize=8, granted="blksize=8 windowsize=16"),
    atftp("tsize", "blksize 1428", "windowsize 4", blksize=1428, granted="windowsize=4"),
    atftp("blksize 1468", "windowsize 64", blksize=1468, granted="blksize=1468 windowsize=16"),
    busybox(),
    busybox("-b", "128", blksize=128, granted="blksize=128"),
    busybox("-b", "1468", blksize=1468, granted="blksize=1468"),
)  # fmt: skip
PROGRAMS = (curl(), hpa(), atftp(), busybox())


@pytest.fixture(scope="module", params=["shared", "single", "per-transfer"])
def server(cable: Cable, request: pytest.FixtureRequest) -> Iterator[Process]:
    """Run fastpxe with each setting of `ports`."""
    with cable.serving(ports=request.param) as process:
        yield process


def sizes(client: Client) -> list[int]:
    """The edges of a last block; with small blocks also more of them than 16 bits can number."""
    found = {0, 1, 511, 512, 513, 5 * client.blksize, 100_000}
    if client.blksize <= 512:
        found.add(65_540 * client.blksize)
    if is_curl_with_tsize(client):
        found.remove(0)
    return sorted(found)


def is_curl_with_tsize(client: Client) -> bool:
    """Whether it is the client that asks for the size, and takes the answer 0 for an error."""
    return client.program == CURL and client.options != ("--tftp-no-options",)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_client_gets_the_very_bytes(cable: Cable, server: Process, client: Client) -> None:
    log = Log(server)
    for size in sizes(client):
        name = cable.file(size)
        download = client.get(cable.client, cable.folder, name)
        assert download.status == 0, download.said
        assert digest(download.content) == cable.digests[name]
        told = log.line(f"file={name} ")
        assert "tftp-done " in told
        assert f" bytes={size} " in told
        assert f" {client.granted} " in told or not client.granted


@pytest.mark.usefixtures("server")
def test_curl_refuses_an_empty_file_whose_size_it_asked(cable: Cable) -> None:
    """It does so with every server; this is here to be seen when curl changes."""
    download = curl().get(cable.client, cable.folder, cable.file(0))
    assert download.status == CURL_ILLEGAL_OPERATION
    assert download.content == b""


@pytest.mark.parametrize("client", PROGRAMS, ids=str)
@pytest.mark.parametrize(("name", "code"), [("missing", 1), ("../outside.txt", 2), ("link-out", 2)])
def test_client_tells_of_the_refusal(
    cable: Cable, server: Process, client: Client, name: str, code: int
) -> None:
    log = Log(server)
    download = client.get(cable.client, cable.folder, name)
    assert download.status == client.program.fails_with[code]
    assert client.program.says[code] in download.said
    assert download.content == b""
    assert f" file={name} error={code} " in log.line("tftp-refused")
