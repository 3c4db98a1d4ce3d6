"""Downloads after a storm, from a real responder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from storm_rig import SERVERS, Lan, freeze

from fastpxe.firmware.offers import BootFile
from fastpxe.probe.download import download
from fastpxe.storm.report import Downloads

pytestmark = pytest.mark.netns

EFI = BootFile(file="ipxe.efi", server=SERVERS[0])
BIOS = BootFile(file="undionly.kpxe", server=SERVERS[0])  # a multiple of the block size
MISSING = BootFile(file="none.efi", server=SERVERS[0])


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


def fetch(lan: Lan, *offers: BootFile, at_once: int = 16, **limits: float) -> Downloads:
    return lan.inside(
        lambda: download(offers, lan.interface(), at_once, lambda _done: None, **limits)
    )


def test_every_file_is_fetched_whole(lan: Lan) -> None:
    lan.serve()
    done = fetch(lan, *[EFI, BIOS] * 25)
    assert (done.started, done.completed, done.failures) == (50, 50, {})
    assert done.sizes == {"ipxe.efi": 100_000, "undionly.kpxe": 4 * 1468}
    assert done.size_bytes == 25 * (100_000 + 4 * 1468)
    assert sum(one.count for one in done.duration.histogram) == 50


def test_a_file_that_is_missing_is_counted_with_the_server_s_words(lan: Lan) -> None:
    lan.serve()
    done = fetch(lan, MISSING, EFI, MISSING)
    assert done.completed == 1
    assert done.failures == {"none.efi: ERROR 1 File not found": 2}


def test_a_server_that_is_silent_is_counted(lan: Lan) -> None:
    freeze(lan.serve())
    assert fetch(lan, EFI, EFI, retry_s=0.01).failures == {"ipxe.efi: no answer": 2}


def test_what_takes_too_long_is_given_up(lan: Lan) -> None:
    freeze(lan.serve())
    done = fetch(lan, EFI, EFI, at_once=1, limit_s=0.01)
    assert done.failures == {"ipxe.efi: not finished in time": 2}


def test_an_address_that_can_t_be_asked_is_counted(lan: Lan) -> None:
    done = fetch(lan, BootFile(file="a", server="255.255.255.255"))
    assert done.failures == {"a: Permission denied": 1}


def test_without_offers_nothing_is_fetched(lan: Lan) -> None:
    assert fetch(lan).started == 0
