"""When the boot of a host was seen to start: then what was asked for once is done.

A boot may go in stages: firmware loads iPXE, and that a script. The last one counts, which is that
of iPXE where the boot has a rule for it. It has started when the file of that stage was fetched;
where another server has the file, with our ACK, or a while after an offer that is the only answer.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address
from urllib.parse import urlsplit

import msgspec

from fastpxe.dhcp.constants import MessageType
from fastpxe.events import Answered
from fastpxe.policy.hosts import Host, Key
from fastpxe.policy.rules import Rule

FETCHES_MAX = 4096  # machines whose last download is remembered
FETCH_S = 60.0  # how long a client may take from an offer to the file, which another server has


class Waiting(msgspec.Struct, kw_only=True):
    """A host that was told its file, at `since`; at `due` it counts as started anyway."""

    host: Host
    mac: str
    since: float
    due: float | None


class Starts:
    """Follows the hosts whose boot is to be forgotten once it has started.

    rules: those of the configuration. own: this machine's addresses. Times are in seconds since
    1970; what happened may be told in any order.
    """

    def __init__(self, rules: Iterable[Rule], own: Iterable[IPv4Address]) -> None:
        self._for_ipxe = {rule.name for rule in rules if rule.match.ipxe}
        self._own = frozenset(own)
        self._by_key: dict[Key, Host] = {}
        self._waiting: dict[str, Waiting] = {}
        self._fetches: dict[str, float] = {}

    def follow(self, hosts: Iterable[Host]) -> None:
        """Follow these hosts, and no others."""
        self._by_key = {key: host for host in hosts for key in host.keys}
        names = {host.name for host in self._by_key.values()}
        self._waiting = {name: one for name, one in self._waiting.items() if name in names}
        if not names:
            self._fetches.clear()

    @property
    def is_following(self) -> bool:
        """Whether there is a host to follow."""
        return bool(self._by_key)

    def answered(self, event: Answered) -> Host | None:
        """Take note of an answer; the host that has started with it, if one has."""
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
        waiting = Waiting(host=host, mac=mac, since=event.at, due=due)
        before = self._waiting.setdefault(host.name, waiting)
        # Earlier than the first: told late, or the clock was set back, and `since` was never.
        before.since = min(before.since, event.at)
        return self._started_by(mac)

    def fetched(self, mac: str, began_at: float) -> Host | None:
        """Take note of a file that a machine has fetched; the host that has started with it."""
        self._fetches[mac] = max(began_at, self._fetches.pop(mac, 0))
        if len(self._fetches) > FETCHES_MAX:
            del self._fetches[next(iter(self._fetches))]
        return self._started_by(mac)

    def _started_by(self, mac: str) -> Host | None:
        """The host of that address, if it has begun to fetch a file since it was told one."""
        if mac not in self._fetches:
            return None
        for name, one in self._waiting.items():
            if one.mac == mac and self._fetches[mac] >= one.since:
                del self._waiting[name]
                return one.host
        return None

    def overdue(self, now: float) -> list[Host]:
        """The hosts that count as started by now."""
        for one in self._waiting.values():
            if one.due:
                one.due = min(one.due, now + FETCH_S)  # unless the clock was set back, it is less
        found = [one.host for one in self._waiting.values() if one.due and one.due <= now]
        for host in found:
            del self._waiting[host.name]
        return found

    def _host_of(self, event: Answered) -> Host | None:
        sender = event.sender
        if sender.mac.count(":") == 5 and "-" not in sender.mac:
            host = self._by_key.get(bytes.fromhex(sender.mac.replace(":", "")))
            if host is not None:
                return host
        return self._by_key.get(sender.uuid[1:]) if len(sender.uuid) == 17 else None

    def _has_file(self, event: Answered) -> bool:
        """Whether the file is to be fetched from this machine."""
        if "://" in event.file:
            return urlsplit(event.file).hostname == str(event.server)
        return event.server in self._own
