"""The database of hosts with a boot of their own."""

import os
from pathlib import Path

import msgspec
import pytest

from fastpxe.errors import StoreError
from fastpxe.policy.hosts import Host, parse_host
from fastpxe.serve.recorder.host_store import HostStore, HostWatch, make_folder

ONE, TWO = "52:54:00:00:00:01", "03020100-0504-0706-0809-0a0b0c0d0e0f"


def host(store: HostStore, name: str, boot: str, *, once: bool = False) -> Host:
    return Host(name=name, keys=parse_host(name)[1], boot=boot, once=once, where=str(store.path))


def plain(hosts: list[Host] | None) -> list[Host] | None:
    """Hosts without the time at which they were set."""
    return hosts and [msgspec.structs.replace(one, set_at=0) for one in hosts]


def test_what_is_set_is_kept_and_the_folder_is_made(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path / "new" / "state"))
    assert store.all() == []
    store.set(ONE, "installer", once=True)
    store.set(TWO, "rescue", once=False)
    kept = HostStore(str(tmp_path / "new" / "state")).all()
    assert plain(kept) == [host(store, TWO, "rescue"), host(store, ONE, "installer", once=True)]


def test_a_host_has_one_boot(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path))
    store.set(ONE, "installer", once=True)
    store.set(ONE, "rescue", once=False)
    assert plain(store.all()) == [host(store, ONE, "rescue")]


def test_a_boot_that_has_started_is_forgotten_unless_it_was_asked_for_anew(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path))
    store.set(ONE, "installer", once=True)
    (started,) = store.all()
    store.set(ONE, "installer", once=True)
    assert not store.forget(started)
    (anew,) = store.all()
    assert store.forget(anew)
    assert not store.forget(anew)
    assert store.all() == []


def test_a_watch_tells_of_every_change_once(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path))
    watch = HostWatch(store)
    assert watch.look() is None  # nothing was there, and nothing is
    for boot in ("a", "b", "c"):  # faster than a file's time stamp tells
        store.set(ONE, boot, once=False)
        assert plain(watch.look()) == [host(store, ONE, boot)]
        assert watch.look() is None
    store.path.unlink()
    assert watch.look() == []
    store.set(ONE, "d", once=False)
    assert plain(watch.look()) == [host(store, ONE, "d")]


def test_a_file_that_is_being_made_is_no_trouble(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path))
    store.path.touch()
    assert HostWatch(store).look() is None


def test_what_is_no_database_is_told_with_its_name(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path))
    store.path.write_bytes(b"no database at all, yet long enough to look like one" * 20)
    for use in (store.all, HostWatch(store).look):
        with pytest.raises(StoreError, match=r"hosts\.db: file is not a database"):
            use()


def test_a_folder_that_cannot_be_made_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file/state: Not a directory"):
        HostStore(str(tmp_path / "file" / "state")).set(ONE, "a", once=False)


@pytest.mark.gate
def test_what_root_makes_belongs_to_whom_the_folder_belongs_to(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    store = HostStore(str(tmp_path))
    store.set(ONE, "a", once=False)
    assert (store.path.stat().st_uid, store.path.stat().st_gid) == (65534, 65534)


def owners(folder: Path) -> list[int]:
    return [path.stat().st_uid for path in (folder, *folder.iterdir())]


@pytest.mark.gate
def test_a_folder_is_made_for_whom_root_becomes(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_folder(str(folder), 65534, 65534)
    assert owners(folder) == [65534]


@pytest.mark.gate
def test_fastpxe_s_own_folder_is_given_to_whom_root_becomes_and_no_other(tmp_path: Path) -> None:
    HostStore(str(tmp_path)).set(ONE, "a", once=True)
    make_folder(str(tmp_path), 65534, 65534)
    assert owners(tmp_path) == [0, 0]
    make_folder(str(tmp_path), 65534, 65534, own=str(tmp_path))
    assert owners(tmp_path) == [65534, 65534]


def test_a_folder_that_cannot_be_looked_into_is_no_folder_without_hosts(tmp_path: Path) -> None:
    store = HostStore(str(tmp_path / ("a" * 300)))
    for look in (store.all, HostWatch(store).look, lambda: store.forget(host(store, ONE, "a"))):
        with pytest.raises(StoreError, match=r"hosts\.db: File name too long"):
            look()
