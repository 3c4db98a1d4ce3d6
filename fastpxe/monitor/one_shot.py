"""When the boot of a host has started: a boot that was set once is then cleared.

A boot may have stages: firmware loads iPXE, which loads a script. The last stage counts: iPXE's, if
the boot has a rule for iPXE. It has started when the stage's file was fetched. If another server
has the file, it has started with our ACK, or FETCH_S after an offer that is our only answer.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address
from urllib.parse import urlsplit

import msgspec

from fastpxe.dhcp.constants import MessageType
from fastpxe.events import Answered
from fastpxe.policy.hosts import Host, Key
from fastpxe.policy.rules import Rule

FETCHES_MAX = 4096  # machines whose last download is kept
FETCH_S = 60.0  # how long a client may take from an offer to the file, which another server has


class PendingBoot(msgspec.Struct, kw_only=True):
    """A host that was offered its file at `since`; at `due` it counts as started anyway."""

    host: Host
    mac: str
    since: float
    due: float | None


class OneShotTracker:
    """Tracks the hosts whose boot was set once.

    rules: those of the configuration. own: this machine's addresses. Times are in seconds since
    1970; events may come in any order.
    """

    def __init__(self, rules: Iterable[Rule], own: Iterable[IPv4Address]) -> None:
        self._for_ipxe = {rule.name for rule in rules if rule.match.ipxe}
        self._own = frozenset(own)
        self._by_key: dict[Key, Host] = {}
        self._pending: dict[str, PendingBoot] = {}
        self._fetches: dict[str, float] = {}

    def track(self, hosts: Iterable[Host]) -> None:
        """Track these hosts, and no others."""
        self._by_key = {key: host for host in hosts for key in host.keys}
        names = {host.name for host in self._by_key.values()}
        self._pending = {name: boot for name, boot in self._pending.items() if name in names}
        if not names:
            self._fetches.clear()

    @property
    def is_tracking(self) -> bool:
        """Whether there is a host to track."""
        return bool(self._by_key)

    def on_answer(self, event: Answered) -> Host | None:
        """Handle an answer; returns the host that has started with it, if any."""
        host = self._host_of(event)
        if host is None or event.rule != host.boot:
            return None
        if event.rule in self._for_ipxe and not event.sender.ipxe:
            return None
        is_here = self._has_file(event)
        is_offer = event.sender.message_type == MessageType.DISCOVER
        if not is_here and not is_offer:
            return host
        mac, due = event.sender.mac, None if is_here else event.at + FETCH_S
        pending = PendingBoot(host=host, mac=mac, since=event.at, due=due)
        before = self._pending.setdefault(host.name, pending)
        # Earlier than the first: it came late, or the clock was set back.
        before.since = min(before.since, event.at)
        return self._started_by(mac)

    def on_download(self, mac: str, began_at: float) -> Host | None:
        """Handle a machine's download; returns the host that has started with it, if any."""
        self._fetches[mac] = max(began_at, self._fetches.pop(mac, 0))
        if len(self._fetches) > FETCHES_MAX:
            del self._fetches[next(iter(self._fetches))]
        return self._started_by(mac)

    def _started_by(self, mac: str) -> Host | None:
        """The host of a MAC address, if it began a download after it was offered the file."""
        if mac not in self._fetches:
            return None
        for name, pending in self._pending.items():
            if pending.mac == mac and self._fetches[mac] >= pending.since:
                del self._pending[name]
                return pending.host
        return None

    def overdue(self, now: float) -> list[Host]:
        """Return the hosts that count as started by now, and stop tracking them."""
        for boot in self._pending.values():
            if boot.due:
                boot.due = min(boot.due, now + FETCH_S)  # later only if the clock was set back
        hosts = [boot.host for boot in self._pending.values() if boot.due and boot.due <= now]
        for host in hosts:
            del self._pending[host.name]
        return hosts

    def _host_of(self, event: Answered) -> Host | None:
        sender = event.sender
        if sender.mac.count(":") == 5 and "-" not in sender.mac:
            host = self._by_key.get(bytes.fromhex(sender.mac.replace(":", "")))
            if host is not None:
                return host
        return self._by_key.get(sender.uuid[1:]) if len(sender.uuid) == 17 else None

    def _has_file(self, event: Answered) -> bool:
        """Whether the file is on this machine."""
        if "://" in event.file:
            return urlsplit(event.file).hostname == str(event.server)
        return event.server in self._own
