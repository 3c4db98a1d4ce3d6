"""The boots of machines, stage by stage, and where one is stuck: made from events, kept in memory.

A boot begins with a DISCOVER of firmware. iPXE that the firmware has loaded asks DHCP again, which
is a later stage of the same boot. A boot is done when a file was fetched whole, until the machine
goes on; what a kernel does then isn't seen from here.
"""

from bisect import bisect_right
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from ipaddress import IPv4Address
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import msgspec

from fastpxe.dhcp.constants import DHCP_CLIENT_PORT, DHCP_SERVER_PORT, MessageType, TftpError
from fastpxe.dhcp.decode import arch_name
from fastpxe.dhcp.identity import DOCTOR_MAC, format_uuid, microsoft_order
from fastpxe.events import (
    Answered,
    DhcpEvent,
    Event,
    HttpServed,
    Ignored,
    Progress,
    TransferDone,
    TransferRefused,
    Unsent,
    is_routine,
)
from fastpxe.firmware.binaries import is_ipxe_binary
from fastpxe.firmware.next_step import NextStep
from fastpxe.monitor.problems import PROBLEM_OF_SILENCE, Problem, problem

_DOCTOR = DOCTOR_MAC.hex(":")

MACHINES_MAX = 10_000
STEPS_MAX = 40
HISTORY_MAX = 500
TEXT_MAX = 200  # characters of what a client said: with all of the above, 80 MB at the most

SILENT_S = (
    30.0  # nothing heard for so long after an answer: stuck. EDK2 gives up after 4 + 8 + 16 + 32 s.
)
STUCK_S = 3600.0  # a machine not seen for longer was moved or switched off
NEW_BOOT_S = 300.0  # a DISCOVER after such a pause is another boot
LOOP = 3  # downloads of iPXE's own binary in one boot
RETRIES, RETRIES_S = 20, 60.0
LATE_S = 60.0  # how late the events of one worker may be; more is a clock that was set back
SETTLE_S = 3.0  # PXELINUX and GRUB look for ten names before the one that is there

Stage = Literal[
    "discover", "offer", "address", "ack", "probe", "tftp", "http", "elsewhere", "done", "stuck"
]
STAGES: tuple[str, ...] = get_args(Stage)


class Step(msgspec.Struct, frozen=True):
    """What a machine did, and when, in seconds since 1970."""

    at: float
    what: str


class Boot(msgspec.Struct, kw_only=True):
    """A machine's boot. Times are in seconds since 1970; sizes in bytes; texts may be empty.

    problems: the names of those that it has had, the present one too. found_at: when a file that it
    requested was last there, 0 if none was. is_elsewhere: its file is on another server, so that
    its download isn't seen. is_relayed: it was answered through a relay. next_step: what it does
    once it has an address.
    """

    mac: str
    uuid: str = ""
    arch: str = ""
    interface: str = ""
    is_ipxe: bool = False
    is_elsewhere: bool = False
    is_relayed: bool = False
    next_step: NextStep = "fetch"
    stage: Stage = "discover"
    rule: str = ""
    file: str = ""
    address: str = ""
    began_at: float = 0
    seen_at: float = 0
    found_at: float = 0
    fetched_bytes: int = 0
    size_bytes: int = 0
    problem: Problem | None = None
    steps: list[Step] = []
    asked: list[float] = []
    problems: list[str] = []
    loads_of_ipxe: int = 0


class PendingMissingFile(NamedTuple):
    """A missing file that is not reported yet: the machine may find the next name that it tries.

    since: when the first name was missing. at: when this one was.
    """

    boot: Boot
    problem: Problem
    since: float
    at: float


class Journal:
    """The last boot of each machine, the boots before, and the number of answers by rule.

    own: this machine's addresses: downloads from other servers can't be seen.
    """

    def __init__(self, own: Iterable[IPv4Address] = ()) -> None:
        self.own = frozenset(own)
        self.history: deque[Boot] = deque(maxlen=HISTORY_MAX)
        self.hits: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self._boots: OrderedDict[str, Boot] = OrderedDict()
        self._stuck: list[tuple[Boot, Problem]] = []
        self._missing: dict[str, PendingMissingFile] = {}
        self._macs: dict[IPv4Address, str] = {}

    def __len__(self) -> int:
        return len(self._boots)

    def boots(self) -> Iterator[Boot]:
        """Each machine's last boot, the most recent first."""
        return reversed(self._boots.values())

    def restore(self, boots: Iterable[Boot]) -> None:
        """Add the boots of another journal, in the order of its `boots`."""
        for boot in reversed(list(boots)):
            self._boots[boot.mac] = boot
            if boot.address:
                self._macs[IPv4Address(boot.address)] = boot.mac

    def mac_of(self, address: IPv4Address) -> str:
        """The machine that last had an address, by DHCP; "" if unknown."""
        return self._macs.get(address, "")

    def on_event(self, event: Event, mac: str = "") -> None:
        """Handle an event; `mac` is the hardware address of a download's client, "" if unknown."""
        match event:
            case Answered() | Ignored() if event.sender.mac.startswith(_DOCTOR):
                pass  # `fastpxe doctor` asks, and boots nothing
            case Answered():
                self._answered(event)
            case Unsent():
                self._is_stuck(self._boot_of_sender(event), problem("unsent", event.why), event.at)
            case Ignored():
                self._ignored(event)
            case TransferDone():
                self._transfer_done(event, mac)
            case TransferRefused():
                self._refused(event, mac)
            case HttpServed():
                self._http_served(event, mac)
            case Progress():
                self._progress(event, mac)

    def poll(self, now: float) -> list[tuple[Boot, Problem]]:
        """Find machines that have fallen silent; returns the problems since the last poll."""
        for boot in self._boots.values():
            # The clock may have been set back.
            boot.seen_at, boot.found_at = min(boot.seen_at, now), min(boot.found_at, now)
            if boot.problem is None and now - boot.seen_at > SILENT_S:
                name = _silence(boot)
                if name:
                    self._is_stuck(boot, problem(name), boot.seen_at)
        for mac, missing in list(self._missing.items()):
            if not missing.since <= now <= missing.since + SETTLE_S:
                del self._missing[mac]
                if missing.boot.found_at < missing.at:
                    self._report(missing.boot, missing.problem)
        reported, self._stuck = self._stuck, []
        return reported

    # --- DHCP -------------------------------------------------------------------------------------

    def _answered(self, event: Answered) -> None:
        boot = self._boot_of_sender(event)
        self.hits[event.rule] += 1
        if not _is_late(boot, event.at):
            boot.rule, boot.file = event.rule, event.file
        boot.rule = boot.rule or event.rule
        is_offer = event.sender.message_type == MessageType.DISCOVER
        boot.is_relayed = event.to[1] == DHCP_SERVER_PORT
        if event.to[1] not in (DHCP_CLIENT_PORT, DHCP_SERVER_PORT):
            self._has_address(boot, event.to[0])
        if is_offer:
            boot.next_step = event.next_step
        boot.is_elsewhere = not self._is_ours(event)
        stage: Stage = "offer" if is_offer else "elsewhere" if boot.is_elsewhere else "ack"
        self._step(boot, event.at, stage, f"{'offer' if is_offer else 'ack'} {event.file}")
        if len(boot.asked) >= RETRIES:
            self._is_stuck(boot, problem("retry-storm", len(boot.asked)), event.at)

    def _ignored(self, event: Ignored) -> None:
        boot = self._boot_of_sender(event)
        if event.reason == "for_other_server":  # it takes the address that a DHCP server offered
            if event.requested:
                self._has_address(boot, event.requested)
            if boot.stage == "offer":
                self._step(boot, event.at, "address", "takes an address")
        elif event.reason in PROBLEM_OF_SILENCE:
            found = problem(PROBLEM_OF_SILENCE[event.reason], _arch_text(event))
            self._is_stuck(boot, found, event.at)
        else:
            self._step(boot, event.at, boot.stage, f"ignored: {event.reason}")

    def _boot_of_sender(self, event: DhcpEvent) -> Boot:
        """Return the boot that a DHCP message belongs to."""
        sender = event.sender
        boot = self._boots.get(sender.mac)
        is_discover = sender.message_type == MessageType.DISCOVER
        if boot is None or (is_discover and _is_another(boot, event)):
            boot = self._begin(sender.mac, event.at)
        self._boots.move_to_end(sender.mac)
        boot.interface = event.interface
        if sender.arch is not None:
            boot.arch = arch_name(sender.arch)
        if len(sender.uuid) == 17:
            boot.uuid = format_uuid(microsoft_order(sender.uuid[1:]))
        boot.is_ipxe = sender.ipxe or (boot.is_ipxe and _is_late(boot, event.at))
        if is_discover:
            # Not far ahead either: the clock may have been set back.
            lately = [at for at in boot.asked if abs(event.at - at) < RETRIES_S]
            boot.asked = [*lately, event.at][-RETRIES:]
        return boot

    # --- files ------------------------------------------------------------------------------------

    def _transfer_done(self, event: TransferDone, mac: str) -> None:
        boot = self._boot_of_client(event.client[0], mac, event)
        if not _is_late(boot, event.at):
            boot.file, boot.fetched_bytes = _cut(event.file), event.size_bytes
            boot.size_bytes = event.options.get("tsize", event.size_bytes)
        if event.outcome == "probe":
            self._found(boot, event.at)
            self._step(boot, event.at, "probe", f"asks for the size of {event.file}")
        elif event.outcome == "done":
            self._has_file(boot, event.at, event.file, event.size_bytes)
        elif event.outcome == "timeout":
            self._is_stuck(boot, problem("stalled", event.file), event.at)
        elif event.outcome == "truncated":
            self._is_stuck(boot, problem("cut-file", event.file), event.at)
        elif event.outcome == "client-error":
            self._is_stuck(boot, problem("client-error", event.error or event.file), event.at)

    def _refused(self, event: TransferRefused, mac: str) -> None:
        if is_routine(event):
            return
        boot = self._boot_of_client(event.client[0], mac, event)
        if event.is_full:
            self._is_stuck(boot, problem("too-many", f"{event.file}: {event.why}"), event.at)
        elif event.code == TftpError.NOT_FOUND:
            self._is_stuck(boot, problem("missing-file", event.file), event.at)
        else:
            self._is_stuck(boot, problem("refused-file", f"{event.file}: {event.why}"), event.at)

    def _http_served(self, event: HttpServed, mac: str) -> None:
        if is_routine(event):
            return
        boot = self._boot_of_client(event.client[0], mac, event)
        boot.file = _cut(event.file.lstrip("/"))
        if event.status == 404:
            self._is_stuck(boot, problem("missing-file", event.file), event.at)
        elif event.status >= 400:
            self._is_stuck(boot, problem("refused-file", f"{event.file}: {event.error}"), event.at)
        elif event.error:
            self._is_stuck(boot, problem("broken-off", f"{event.file}: {event.error}"), event.at)
        else:
            self._http_sent(boot, event)

    def _http_sent(self, boot: Boot, event: HttpServed) -> None:
        if not _is_late(boot, event.at):
            boot.fetched_bytes = boot.size_bytes = event.size_bytes if event.method == "GET" else 0
        self._found(boot, event.at)
        if event.method != "GET":
            self._step(boot, event.at, "http", f"asks for the size of {event.file}")
        elif event.status == HTTPStatus.PARTIAL_CONTENT:
            self._step(boot, event.at, "http", f"has part of {event.file}")
        else:
            self._has_file(boot, event.at, event.file, event.size_bytes)

    def _progress(self, event: Progress, mac: str) -> None:
        boot = self._boot_of_client(event.client[0], mac, event)
        self._found(boot, event.at)
        if _is_late(boot, event.at):
            return
        boot.file, boot.stage, boot.seen_at = _cut(event.file), "tftp", event.at
        boot.fetched_bytes, boot.size_bytes = event.fetched_bytes, event.size_bytes
        boot.problem = None

    def _found(self, boot: Boot, at: float) -> None:
        """Record that a file is there: names that were missing before were only tries."""
        boot.found_at = max(boot.found_at, at)

    def _has_file(self, boot: Boot, at: float, file: str, size: int) -> None:
        self._found(boot, at)
        self._step(boot, at, "done", f"has {file}, {size:,} bytes")
        if boot.is_ipxe and is_ipxe_binary(file):
            boot.loads_of_ipxe += 1
            if boot.loads_of_ipxe >= LOOP:
                self._is_stuck(boot, problem("ipxe-loop", boot.loads_of_ipxe), at)

    def _boot_of_client(self, address: IPv4Address, mac: str, event: Event) -> Boot:
        """Return the boot of a file's client, by its MAC or else by its address."""
        key = mac or self._macs.get(address) or str(address)
        boot = self._boots.get(key) or self._begin(key, event.at)
        self._boots.move_to_end(key)
        boot.interface = event.interface or boot.interface
        self._has_address(boot, address)
        return boot

    # --- boots ------------------------------------------------------------------------------------

    def _begin(self, mac: str, at: float) -> Boot:
        before = self._boots.pop(mac, None)
        if before is not None:
            self.history.appendleft(before)
        boot = self._boots[mac] = Boot(mac=mac, began_at=at, seen_at=at)
        if before is not None:
            boot.address, boot.loads_of_ipxe = before.address, _loads_so_far(before, at)
        while len(self._boots) > MACHINES_MAX:
            _, oldest = self._boots.popitem(last=False)
            self._has_no_address(oldest)
        return boot

    def _has_address(self, boot: Boot, address: IPv4Address) -> None:
        if boot.address != str(address):
            self._has_no_address(boot)
        boot.address = str(address)
        self._macs[address] = boot.mac

    def _has_no_address(self, boot: Boot) -> None:
        """Forget the boot's address, unless another machine has it now."""
        if boot.address and self._macs.get(IPv4Address(boot.address)) == boot.mac:
            del self._macs[IPv4Address(boot.address)]

    def _step(self, boot: Boot, at: float, stage: Stage, what: str) -> None:
        """Record a step, which ends a problem."""
        if not _is_late(boot, at):
            boot.stage, boot.problem = stage, None
        self._note(boot, at, what)

    def _is_stuck(self, boot: Boot, found: Problem, at: float) -> None:
        found = msgspec.structs.replace(found, text=_cut(found.text))
        if found.name == "missing-file":
            self._is_missing(boot, found, at)
        else:
            self._report(boot, found)
        if not _is_late(boot, at):
            boot.stage, boot.problem = "stuck", found
        self._note(boot, at, found.text)

    def _is_missing(self, boot: Boot, found: Problem, at: float) -> None:
        """Record a missing file; the last of several is reported, SETTLE_S after the first."""
        before = self._missing.get(boot.mac)
        if before is None or before.boot is not boot or before.at <= boot.found_at:
            self._missing[boot.mac] = PendingMissingFile(boot, found, at, at)
        elif before.at <= at:
            self._missing[boot.mac] = PendingMissingFile(boot, found, before.since, at)

    def _report(self, boot: Boot, found: Problem) -> None:
        if found.name not in boot.problems:  # else it recovers and gets stuck in turns
            boot.problems.append(found.name)
            self.problems[found.name] += 1
            self._stuck.append((boot, found))

    def _note(self, boot: Boot, at: float, what: str) -> None:
        boot.began_at = min(boot.began_at, at)
        place = len(boot.steps)
        if _is_late(boot, at):
            place = bisect_right(boot.steps, at, key=lambda step: step.at)
        boot.seen_at = max(boot.seen_at, at)
        # A repetition of one of the last two steps replaces it: two may take turns.
        what = _cut(what)
        last = slice(max(place - 2, 0), place)
        kept = [step for step in boot.steps[last] if step.what != what]
        boot.steps[last] = [*kept, Step(at, what)]
        if len(boot.steps) > STEPS_MAX:
            del boot.steps[1]  # the first says how it began

    def _is_ours(self, event: Answered) -> bool:
        if "://" in event.file:
            return urlsplit(event.file).hostname in {str(address) for address in self.own}
        return event.server in self.own


def is_stuck(boot: Boot, now: float) -> bool:
    """Whether a machine is stuck, and was seen lately enough to be worth a look."""
    return boot.problem is not None and now - boot.seen_at <= STUCK_S


def _is_late(boot: Boot, at: float) -> bool:
    """Whether an event is older than the boot's last one: workers are not in step."""
    return boot.seen_at - LATE_S < at < boot.seen_at


def _cut(text: str) -> str:
    """Shorten a text that a client chose: until it is refused, it has any length."""
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"


def _is_another(boot: Boot, event: DhcpEvent) -> bool:
    """Whether a DISCOVER starts another boot."""
    if _is_late(boot, event.at):
        return False
    if event.at - boot.seen_at > NEW_BOOT_S:
        return True
    is_next_stage = event.sender.ipxe and not boot.is_ipxe  # iPXE, loaded by the firmware
    return boot.stage == "done" and not is_next_stage


def _arch_text(event: DhcpEvent) -> str:
    """An architecture as a configuration names it: by its name, else by its number."""
    number = event.sender.arch
    name = "none" if number is None else arch_name(number)
    return str(number) if name == "unknown" else f'"{name}"'


def _loads_so_far(before: Boot, at: float) -> int:
    """The count of iPXE's downloads of iPXE, which continues: each looks like a new boot."""
    is_loop = before.is_ipxe and is_ipxe_binary(before.file) and at - before.seen_at < NEW_BOOT_S
    return before.loads_of_ipxe if is_loop else 0


def _fetches_unseen(boot: Boot) -> bool:
    """Whether its download can't be recognised: behind a router, its MAC is unknown."""
    return boot.is_relayed and not boot.address


_SILENT_AFTER: dict[NextStep, str] = {"4011": "no-4011", "fetch": "no-fetch", "none": "dead-offer"}
"""The problem of a machine that is silent after a step; at a menu a person may be choosing."""


def _silence(boot: Boot) -> str:
    """The problem of a machine that fell silent in its stage; "" for none."""
    match boot.stage:
        case "offer":
            return "no-dhcp" if len(boot.asked) > 1 else ""
        case "address" if not boot.is_elsewhere:
            name = _SILENT_AFTER.get(boot.next_step, "")
            return "" if name == "no-fetch" and _fetches_unseen(boot) else name
        case "ack":
            return "" if _fetches_unseen(boot) else "no-fetch"
        case "probe":
            return "probe-only"
        case "http":  # some clients fetch parts of a file, and the last is not marked
            return "" if boot.fetched_bytes else "probe-only"
    return ""
