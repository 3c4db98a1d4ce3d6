"""Keeps the table of hosts with a boot of their own, as `fastpxe host` and their boots change it.

It lives in the recorder's process; the workers only read the table. The parent has filled it before
they began.
"""

import logging
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from ipaddress import IPv4Address

import msgspec

from fastpxe.errors import StoreError
from fastpxe.events import Answered, Event, HttpServed, TransferDone
from fastpxe.monitor.one_shot import Starts
from fastpxe.policy._host_table import Hosts
from fastpxe.policy.hosts import Host, entries
from fastpxe.policy.rules import Rule
from fastpxe.serve.recorder.host_store import HostStore, HostWatch

TOLD_ONE_BY_ONE = 20

log = logging.getLogger("fastpxe")


class HostBoots(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration says of hosts with a boot of their own.

    table: where workers look. boots: its numbers by name. hosts: those of the configuration.
    folder: where the others are kept.
    """

    table: Hosts
    boots: dict[str, int]
    hosts: tuple[Host, ...]
    folder: str


def put_in_force(boots: HostBoots) -> None:
    """Put the hosts that are kept into a new table, so that the first answer knows of them.

    What is in the way of that is said by the HostKeeper, which looks again.
    """
    with suppress(StoreError, ValueError):
        hosts = [*HostStore(boots.folder).all(), *boots.hosts]
        boots.table.replace(entries(hosts, boots.boots))


class HostKeeper:
    """Puts hosts into the table, and takes them out when what they asked for once has started.

    By the configuration's `rules` and this machine's own addresses it sees that a boot has started.
    """

    def __init__(
        self, boots: HostBoots, rules: Sequence[Rule], own: Collection[IPv4Address]
    ) -> None:
        self._boots = boots
        self._store = HostStore(boots.folder)
        self._watch = HostWatch(self._store)
        self._starts = Starts(rules, own)
        self._told: dict[str, str] = {}
        self._started: set[Host] = set()  # that the database may still have, if it can't be written
        self._trouble = ""
        self._kept: list[Host] = []

    def look(self) -> None:
        """Obey what was asked for since the last look."""
        try:
            kept = self._watch.look()
        except StoreError as error:
            self._warn(str(error))
            return
        if kept is not None:
            self._put_in_force(kept)
        for host in self._starts.overdue(time.time()):
            self._forget(host)

    def saw(self, event: Event, mac: str) -> None:
        """Take note of what a worker or the HTTP server did; `mac` is that of a file's client."""
        if not self._starts.is_following:
            return
        match event:
            case Answered():
                host = self._starts.answered(event)
            case (
                TransferDone(outcome="done", is_question=False)
                | HttpServed(method="GET", error="", is_question=False)
            ):
                host = self._starts.fetched(mac, event.at - event.duration_s) if mac else None
            case _:
                return
        if host is not None:
            self._forget(host)

    def _forget(self, host: Host) -> None:
        self._started.add(host)
        self._told.pop(host.name, None)  # what is said of it is that it has started
        try:
            self._store.forget(host)
            self._put_in_force(self._store.all())
        except StoreError as error:
            self._put_in_force(self._kept)
            self._warn(f"{error}: {host.name} would boot {host.boot!r} again after a restart")
        log.info("host %s has started %r, and is back to the usual", host.name, host.boot)

    def _put_in_force(self, kept: list[Host]) -> None:
        self._kept = kept
        self._started &= set(kept)
        kept = [host for host in kept if host not in self._started]
        hosts = [*kept, *self._boots.hosts]
        try:
            self._boots.table.replace(entries(hosts, self._boots.boots))
        except ValueError as error:
            self._warn(f"{self._store.path}: {error}; restart to make room")
            return
        self._starts.follow(host for host in kept if host.once)
        self._trouble = ""
        self._tell({host.name: host.boot + (", once" if host.once else "") for host in kept})

    def _tell(self, kept: dict[str, str]) -> None:
        news = {name: boot for name, boot in kept.items() if self._told.get(name) != boot}
        if len(news) > TOLD_ONE_BY_ONE:
            log.info("%d hosts are to boot something of their own", len(kept))
            news = {}
        for name, boot in news.items():
            if boot.removesuffix(", once") in self._boots.boots:
                log.info("host %s is to boot %s", name, boot)
            else:
                log.warning("host %s is to boot %s, which no rule is named: as usual", name, boot)
        gone = sorted(self._told.keys() - kept.keys())
        if len(gone) > TOLD_ONE_BY_ONE:
            log.info("%d hosts are as usual", len(gone))
            gone = []
        for name in gone:
            log.info("host %s is as usual", name)
        self._told = kept

    def _warn(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("hosts as they were: %s", trouble)
        self._trouble = trouble
