"""Every download ends well on a wire that loses datagrams, each way."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from tftp_rig import CLIENT, SERVER

from tests.tftp_real.cable import Cable, digest
from tests.tftp_real.clients import ATFTP, Client, atftp, busybox, curl, hpa
from tests.tftp_real.patient import PatientClient

pytestmark = pytest.mark.netns

ATTEMPTS = 5
"""Few datagrams may all get through; then it is done once more."""

AT_ONCE = 8
# By the percentage that is lost. So many that some are lost each way: that none is has a chance of
# one in a million at most.
WINDOWS = {1: 200, 5: 60, 10: 30, 20: 10}

SPARE_ACK_0 = "@th,64,32 != 0x00040000"

CLIENTS = (
    curl(),
    curl("--tftp-blksize", "1428"),
    hpa(),
    atftp(),
    atftp("blksize 1428", "windowsize 8"),
    busybox(),
    busybox("-b", "1428"),
)


@pytest.mark.parametrize("windowsize", [1, 4, 16])
@pytest.mark.parametrize("percent", WINDOWS)
def test_every_download_is_complete(cable: Cable, percent: int, windowsize: int) -> None:
    with cable.serving():
        download_at_once(cable, percent, windowsize)


@pytest.mark.parametrize("ports", ["single", "per-transfer"])
def test_every_download_is_complete_from_other_ports(cable: Cable, ports: str) -> None:
    with cable.serving(ports=ports):
        download_at_once(cable, 5, 4)


@pytest.mark.parametrize("data_path", ["mmsg", "sendfile"])
def test_every_download_is_complete_in_other_ways(cable: Cable, data_path: str) -> None:
    with cable.serving(data_path=data_path):
        download_at_once(cable, 5, 4)


def download_at_once(cable: Cable, percent: int, windowsize: int) -> None:
    """Download a file with several clients. A last ACK may be lost, so the log isn't asked."""
    name = cable.file(512 * windowsize * WINDOWS[percent])
    options = {"windowsize": windowsize} if windowsize > 1 else {}
    with cable.losing(percent), ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        clients = []
        for _ in range(AT_ONCE):
            sock = stack.enter_context(cable.client.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((CLIENT, 0))
            clients.append(PatientClient(sock, (SERVER, 69), stays=False))
        for _ in range(ATTEMPTS):
            downloads = [threads.submit(client.fetch, name, options) for client in clients]
            for download in downloads:
                assert digest(download.result()) == cable.digests[name]
            if all(cable.lost().values()):
                return
    raise AssertionError("the rules dropped nothing: this run proves nothing")


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_real_client_gets_the_very_bytes(cable: Cable, client: Client) -> None:
    """The log isn't asked: a client that has all is gone, though its last ACK may be lost."""
    name = cable.file(100 * client.blksize)
    # atftp aborts with "unexpected OACK" where that comes again, as it must when ACK 0 was lost.
    spared = SPARE_ACK_0 if client.program == ATFTP else ""
    with cable.serving(), cable.losing(5, spared):
        for _ in range(ATTEMPTS):
            download = client.get(cable.client, cable.folder, name)
            assert download.status == 0, download.said
            assert digest(download.content) == cable.digests[name]
            if sum(cable.lost().values()):
                return
    raise AssertionError("the rules dropped nothing: this run proves nothing")
