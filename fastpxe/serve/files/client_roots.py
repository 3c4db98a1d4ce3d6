"""What each client of TFTP is served from, and with which limits: the [[tftp.client]] tables."""

from collections.abc import Mapping
from typing import NamedTuple

from fastpxe.serve.files.resolve import Files
from fastpxe.tftp.packets import TftpClient, TftpSettings


class Share(NamedTuple):
    """A root and the limits that go with it; `max_blksize` is None where the MTU decides."""

    files: Files
    max_blksize: int | None
    max_windowsize: int


class Shares:
    """The share of each client: that of the first table with its subnet, else the usual one.

    `files` is for those that no table gives a root; `roots` are the others by path.
    """

    def __init__(self, settings: TftpSettings, files: Files, roots: Mapping[str, Files]) -> None:
        self._usual = Share(files, settings.max_blksize, settings.max_windowsize)
        self._by_subnet = [
            (
                int(client.subnet.netmask),
                int(client.subnet.network_address),
                self._share_of(client, roots),
            )
            for client in settings.client
        ]

    def of(self, address: int) -> Share:
        """Return what the client of an IPv4 address is served."""
        for mask, network, share in self._by_subnet:
            if address & mask == network:
                return share
        return self._usual

    def _share_of(self, client: TftpClient, roots: Mapping[str, Files]) -> Share:
        usual = self._usual
        return Share(
            usual.files if client.root is None else roots[client.root],
            client.max_blksize or usual.max_blksize,
            client.max_windowsize or usual.max_windowsize,
        )
