"""Keeps the table of hosts with a boot of their own: `fastpxe host` and finished boots change it.

It runs in the recorder's process. Workers only read the table, which the parent has filled before
they start.
"""

import logging
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from ipaddress import IPv4Address

from fastpxe.errors import StoreError
from fastpxe.events import Answered, Event, HttpServed, TransferDone
from fastpxe.monitor.one_shot import OneShotTracker
from fastpxe.policy.hosts import Host, entries
from fastpxe.policy.rules import Rule
from fastpxe.serve.recorder.host_store import HostStore, HostWatch
from fastpxe.service import HostBootConfig

LINES_MAX = 20  # hosts that are logged one by one

log = logging.getLogger("fastpxe")


def fill_table(config: HostBootConfig) -> None:
    """Put the stored hosts into a new table, so that the first answer knows them.

    Errors are logged by the HostBootManager, which tries again.
    """
    with suppress(StoreError, ValueError):
        hosts = [*HostStore(config.folder).all(), *config.hosts]
        config.table.replace(entries(hosts, config.boots))


class HostBootManager:
    """Puts hosts into the table, and takes them out when a boot that was set once has started.

    rules, own: the configuration's rules and this machine's addresses, to see what has started.
    """

    def __init__(
        self, config: HostBootConfig, rules: Sequence[Rule], own: Collection[IPv4Address]
    ) -> None:
        self._config = config
        self._store = HostStore(config.folder)
        self._watch = HostWatch(self._store)
        self._tracker = OneShotTracker(rules, own)
        self._logged: dict[str, str] = {}
        self._started: set[Host] = set()  # may still be stored, if the database can't be written
        self._trouble = ""
        self._stored: list[Host] = []

    def poll(self) -> None:
        """Apply what was set or cleared since the last poll."""
        try:
            stored = self._watch.poll()
        except StoreError as error:
            self._warn(str(error))
            return
        if stored is not None:
            self._apply(stored)
        for host in self._tracker.overdue(time.time()):
            self._on_started(host)

    def on_event(self, event: Event, mac: str) -> None:
        """Handle an answer or a download; `mac` is the download's client, "" if unknown."""
        if not self._tracker.is_tracking:
            return
        match event:
            case Answered():
                host = self._tracker.on_answer(event)
            case (
                TransferDone(outcome="done", is_question=False)
                | HttpServed(method="GET", error="", is_question=False)
            ):
                began_at = event.at - event.duration_s
                host = self._tracker.on_download(mac, began_at) if mac else None
            case _:
                return
        if host is not None:
            self._on_started(host)

    def _on_started(self, host: Host) -> None:
        self._started.add(host)
        self._logged.pop(host.name, None)  # the line below says that its boot is cleared
        try:
            self._store.forget(host)
            self._apply(self._store.all())
        except StoreError as error:
            self._apply(self._stored)
            self._warn(f"{error}: {host.name} would boot {host.boot!r} again after a restart")
        log.info("host %s has started %r: its boot is cleared", host.name, host.boot)

    def _apply(self, stored: list[Host]) -> None:
        """Let the table have the stored hosts, but for those that have started."""
        self._stored = stored
        self._started &= set(stored)
        hosts = [host for host in stored if host not in self._started]
        try:
            self._config.table.replace(entries([*hosts, *self._config.hosts], self._config.boots))
        except ValueError as error:
            self._warn(f"{self._store.path}: {error}; restart to make room")
            return
        self._tracker.track(host for host in hosts if host.once)
        self._trouble = ""
        self._log_changes(
            {host.name: host.boot + (", once" if host.once else "") for host in hosts}
        )

    def _log_changes(self, boots: dict[str, str]) -> None:
        new = {name: boot for name, boot in boots.items() if self._logged.get(name) != boot}
        if len(new) > LINES_MAX:
            log.info("%d hosts have a boot of their own", len(boots))
            new = {}
        for name, boot in new.items():
            if boot.removesuffix(", once") in self._config.boots:
                log.info("host %s: boot set to %s", name, boot)
            else:
                log.warning(
                    "host %s: boot set to %s, but no rule has that name: ignored", name, boot
                )
        cleared = sorted(self._logged.keys() - boots.keys())
        if len(cleared) > LINES_MAX:
            log.info("%d hosts: boot cleared", len(cleared))
            cleared = []
        for name in cleared:
            log.info("host %s: boot cleared", name)
        self._logged = boots

    def _warn(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("hosts' boots are unchanged: %s", trouble)
        self._trouble = trouble
