"""A changed configuration is in force by itself, however it was written."""

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from netns import Process
from started import FASTPXE
from watchfiles._rust_notify import WatchfilesRustInternalError
from wire_rig import ONE, SERVER, Wire

from fastpxe.serve.recorder import config_watch

pytestmark = pytest.mark.netns

TWO = '[[boot]]\nname = "two"\nfile = "two.efi"\n'
COMMAND = (*FASTPXE, "serve", "--user", "root")


def serving(wire: Wire, text: str) -> Process:
    wire.write(text)
    return wire.run(*COMMAND, "-c", wire.config)


def write_in_place(wire: Wire, text: str) -> None:
    wire.write(text)


def rename_into_place(wire: Wire, text: str) -> None:
    target, wire.config = wire.config, wire.config.with_suffix(".new")
    wire.write(text)
    wire.config.replace(target)
    wire.config = target


@pytest.mark.parametrize("write", [write_in_place, rename_into_place])
def test_a_change_is_a_reload_and_so_is_the_next(wire: Wire, write: object) -> None:
    process = serving(wire, ONE)
    assert wire.file_offered() == "one.efi"
    for count, (text, file) in enumerate([(TWO, "two.efi"), (ONE, "one.efi")], start=1):
        write(wire, text)  # type: ignore[operator] # one of the functions above
        wire.wait_for(process, "reloaded: 1 rule from", count=count)
        assert wire.file_offered() == file
    assert "changed: rule 'two' is new" in process.output()
    assert "changed: rule 'one' is gone" in process.output()


def test_a_change_for_the_worse_is_refused_and_one_for_the_better_is_seen(wire: Wire) -> None:
    process = serving(wire, ONE)
    wire.write("[[boot]]\nfiel = 1\n")
    wire.wait_for(process, "reload refused")
    assert wire.file_offered() == "one.efi"
    wire.write(TWO)
    wire.wait_for(process, "reloaded: 1 rule from")
    assert wire.file_offered() == "two.efi"


def test_another_file_in_the_folder_is_none_of_it(wire: Wire) -> None:
    process = serving(wire, ONE)
    (wire.folder / "fastpxe.toml.swp").write_text("x")
    (wire.folder / "other").write_text("x")
    wire.write(TWO)
    wire.wait_for(process, "reloaded: 1 rule from")
    assert process.output().count("reloaded: 1 rule from") == 1
    # The log may be in that folder too, and then a line about a change would be the next change.
    assert "detected" not in process.output()


def test_a_folder_of_dnsmasq_s_is_watched_as_a_whole(wire: Wire, tmp_path: Path) -> None:
    folder = tmp_path / "dnsmasq.d"
    folder.mkdir()
    (folder / "a.conf").write_text(
        f"port=0\ndhcp-range={SERVER},proxy\npxe-prompt=P,0\ndhcp-boot=a.efi\n"
    )
    process = wire.run(*COMMAND, "--dnsmasq-conf", folder)
    assert wire.file_offered() == "a.efi"
    (folder / "b.conf").write_text("dhcp-boot=b.efi\n")
    wire.wait_for(process, "reloaded:")
    assert wire.file_offered() == "b.efi"


def test_a_folder_that_its_user_may_not_enter_is_said_at_once_and_costs_no_line(
    wire: Wire,
) -> None:
    with tempfile.TemporaryDirectory() as private:  # mode 0700
        wire.config = Path(private) / "fastpxe.toml"
        wire.config.write_text(f"[tftp]\nenabled = false\n{ONE}")
        process = wire.run(*FASTPXE, "serve", "-c", wire.config, "--user", "nobody")
        wire.wait_for(process, "the configuration is not watched, reload it with SIGHUP: ")
        wire.ask()
        assert process.stop(signal.SIGTERM) == 0
    assert process.output().count(" offer ") == 1
    assert "Traceback" not in process.output()
    assert "reload it with SIGHUP: [Errno 13] Permission denied" in process.output()


def test_a_kernel_that_has_no_watch_left_is_said_and_the_end_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(*_: object, **__: object) -> AsyncIterator[object]:
        raise WatchfilesRustInternalError("too many open files")
        yield

    monkeypatch.setattr(config_watch, "awatch", refuse)

    async def watch() -> None:
        async with AsyncExitStack() as stack:
            config_watch.start([str(tmp_path / "fastpxe.toml")], (), os.getpid(), stack)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING, "fastpxe"):
        asyncio.run(watch())
    (record,) = caplog.records
    said = "the configuration is not watched, reload it with SIGHUP: too many open files"
    assert record.getMessage() == said
