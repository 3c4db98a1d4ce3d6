"""What the journal makes of a boot: its stages, where it is stuck, and since when it is another."""

from ipaddress import IPv4Address
from itertools import permutations
from typing import Any

import msgspec
import pytest

from fastpxe.dhcp.constants import MessageType
from fastpxe.events import (
    Answered,
    HttpServed,
    Ignored,
    Progress,
    Sender,
    TransferDone,
    TransferRefused,
    Unsent,
)
from fastpxe.firmware.next_step import NextStep
from fastpxe.monitor.journal import (
    HISTORY_MAX,
    LOOP,
    MACHINES_MAX,
    NEW_BOOT_S,
    RETRIES,
    SETTLE_S,
    SILENT_S,
    STEPS_MAX,
    TEXT_MAX,
    Boot,
    Journal,
)
from fastpxe.monitor.problems import PROBLEMS

OURS, OTHERS = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.9")
CLIENT = (IPv4Address("10.0.0.100"), 4011)
MAC = "52:54:00:12:34:56"


def sender(kind: MessageType, *, mac: str = MAC, arch: int = 7, ipxe: bool = False) -> Sender:
    uuid = bytes([0, *range(16)])
    return Sender(mac=mac, xid=1, port=67, message_type=kind, arch=arch, ipxe=ipxe, uuid=uuid)


def offer(
    at: float,
    file: str = "a.efi",
    *,
    server: IPv4Address = OURS,
    next_step: NextStep = "4011",
    **who: Any,
) -> Answered:
    return Answered(
        interface="eth0", at=at, sender=sender(MessageType.DISCOVER, **who), rule="r", file=file,
        server=server, to=(IPv4Address("255.255.255.255"), 68), next_step=next_step,
    )  # fmt: skip


def ack(at: float, file: str = "a.efi", *, server: IPv4Address = OURS) -> Answered:
    return Answered(
        interface="eth0", at=at, sender=sender(MessageType.REQUEST), rule="r", file=file,
        server=server, to=CLIENT,
    )  # fmt: skip


def ignored(
    at: float, reason: str, kind: MessageType = MessageType.DISCOVER, arch: int = 7
) -> Ignored:
    return Ignored(interface="eth0", at=at, sender=sender(kind, arch=arch), reason=reason)


def takes_address(at: float, requested: IPv4Address | None = None) -> Ignored:
    asked = ignored(at, "for_other_server", MessageType.REQUEST)
    return msgspec.structs.replace(asked, requested=requested)


def transfer(at: float, outcome: Any = "done", file: str = "a.efi", **more: Any) -> TransferDone:
    return TransferDone(
        interface="eth0", at=at, client=CLIENT, file=file, options={}, size_bytes=1000,
        duration_s=0.1, retransmits=0, outcome=outcome, **more,
    )  # fmt: skip


def refused(at: float, code: int, file: str = "a.efi", **more: bool) -> TransferRefused:
    return TransferRefused(
        interface="eth0", at=at, client=CLIENT, file=file, code=code, why="no such file", **more
    )


def progress(at: float, file: str = "a.efi") -> Progress:
    return Progress(
        interface="eth0", at=at, client=CLIENT, file=file, fetched_bytes=500, size_bytes=1000
    )


def http(at: float, method: str = "GET", status: int = 200, error: str = "") -> HttpServed:
    return HttpServed(
        interface="eth0", at=at, client=CLIENT, file="/a.efi", method=method, status=status,
        size_bytes=1000, duration_s=0.1, error=error,
    )  # fmt: skip


def journal(*events: Any) -> Journal:
    made = Journal([OURS])
    for event in events:
        made.on_event(event)
    return made


def only(made: Journal) -> Boot:
    (boot,) = made.boots()
    return boot


def problem_of(made: Journal, now: float | None = None) -> str:
    if now is not None:
        made.poll(now)
    boot = only(made)
    return boot.problem.name if boot.problem else ""


def test_a_boot_goes_from_stage_to_stage() -> None:
    made, stages = Journal([OURS]), []
    for event in (
        offer(1), takes_address(2), ack(3), transfer(4, "probe"),
        Progress(interface="eth0", at=5, client=CLIENT, file="a.efi", fetched_bytes=500,
                 size_bytes=1000),
        transfer(6),
    ):  # fmt: skip
        made.on_event(event)
        stages.append(only(made).stage)
    assert stages == ["offer", "address", "ack", "probe", "tftp", "done"]
    boot = only(made)
    assert (boot.mac, boot.arch, boot.uuid) == (
        MAC, "uefi-x64", "03020100-0504-0706-0809-0a0b0c0d0e0f",
    )  # fmt: skip
    assert (boot.rule, boot.file, boot.address) == ("r", "a.efi", "10.0.0.100")
    assert (boot.began_at, boot.seen_at) == (1, 6)
    assert [step.what for step in boot.steps] == [
        "offer a.efi", "takes an address", "ack a.efi", "asks for the size of a.efi",
        "has a.efi, 1,000 bytes",
    ]  # fmt: skip
    assert made.hits == {"r": 2}


def test_a_download_shows_how_far_it_is() -> None:
    made = journal(ack(1), Progress(interface="eth0", at=2, client=CLIENT, file="a.efi",
                                    fetched_bytes=300, size_bytes=1000))  # fmt: skip
    assert (only(made).fetched_bytes, only(made).size_bytes) == (300, 1000)


def test_a_file_over_http_counts_as_one_over_tftp() -> None:
    made = journal(ack(1), http(2, "HEAD"))
    assert only(made).stage == "http"
    made.on_event(http(3))
    assert (only(made).stage, only(made).file) == ("done", "a.efi")


@pytest.mark.parametrize(
    ("events", "name"),
    [
        ([offer(1), offer(5)], "no-dhcp"),
        ([offer(1)], ""),
        ([offer(1), takes_address(2)], "no-4011"),
        ([offer(1, next_step="fetch"), takes_address(2)], "no-fetch"),
        ([offer(1, next_step="menu"), takes_address(2)], ""),
        ([offer(1, next_step="local"), takes_address(2)], ""),
        ([offer(1, next_step="none"), takes_address(2)], "dead-offer"),
        ([offer(1, ipxe=True)], ""),
        ([offer(1, server=OTHERS), takes_address(2)], ""),
        ([ack(1)], "no-fetch"),
        ([ack(1, server=OTHERS)], ""),
        ([ack(1, "http://10.0.0.9/a.efi")], ""),
        ([ack(1, "http://10.0.0.2/a.efi")], "no-fetch"),
        ([ack(1), transfer(2, "probe")], "probe-only"),
        ([ack(1), http(2, "HEAD")], "probe-only"),
        ([ack(1), http(2, "HEAD"), http(3, status=206)], ""),
        ([ack(1), http(2, status=206), http(3, "HEAD")], "probe-only"),
        ([ack(1), http(2), http(3, "HEAD")], "probe-only"),
        ([ack(1), http(2, "HEAD", 206)], "probe-only"),
        ([offer(1, "http://10.0.0.2/a.efi", next_step="fetch"), takes_address(2)], "no-fetch"),
        ([ack(1), transfer(2)], ""),
    ],
)
def test_silence_has_a_likely_cause(events: list[Any], name: str) -> None:
    last = events[-1].at
    assert problem_of(journal(*events), last + SILENT_S) == ""
    assert problem_of(journal(*events), last + SILENT_S + 1) == name


@pytest.mark.parametrize(
    ("event", "name", "detail"),
    [
        (ignored(1, "unknown_arch"), "unknown-arch", 'arch = "uefi-x64"'),
        (ignored(1, "unknown_arch", arch=4321), "unknown-arch", "arch = 4321"),
        (ignored(1, "no_rule"), "no-rule", ""),
        (ignored(1, "chose_us", MessageType.REQUEST), "chose-us", ""),
        (ignored(1, "other_server_id", MessageType.REQUEST), "two-proxies", ""),
        (refused(1, 1), "missing-file", "a.efi"),
        (refused(1, 2), "refused-file", "a.efi: no such file"),
        (refused(1, 0, is_full=True), "too-many", "a.efi: no such file"),
        (transfer(1, "timeout"), "stalled", "a.efi"),
        (transfer(1, "truncated"), "cut-file", "a.efi"),
        (transfer(1, "client-error", error="disk full"), "client-error", "disk full"),
        (http(1, status=404), "missing-file", "/a.efi"),
        (http(1, status=403, error="no"), "refused-file", "/a.efi: no"),
        (http(1, error="the client went away"), "broken-off", "/a.efi: the client went away"),
        (http(1, error="Input/output error"), "broken-off", "/a.efi: Input/output error"),
    ],
)
def test_what_went_wrong_is_named_at_once(event: Any, name: str, detail: str) -> None:
    made = journal(event)
    boot = only(made)
    assert (boot.stage, problem_of(made)) == ("stuck", name)
    assert boot.problem is not None
    assert detail in f"{boot.problem.text}; {boot.problem.advice}"
    made.poll(1 + SETTLE_S + 1)
    assert made.problems == {name: 1}


def test_what_the_doctor_asks_is_no_boot() -> None:
    made = journal(offer(1, mac="02:fa:5d:00:00:01"), offer(2, mac="02:fa:57:00:00:01"))
    assert [boot.mac for boot in made.boots()] == ["02:fa:57:00:00:01"]


def test_a_missing_autoexec_ipxe_is_no_problem() -> None:
    assert list(journal(refused(1, 1, "x/autoexec.ipxe")).boots()) == []


def test_a_machine_that_goes_on_is_stuck_no_more() -> None:
    made = journal(ack(1))
    assert problem_of(made, 100) == "no-fetch"
    made.on_event(transfer(101))
    assert (only(made).stage, only(made).problem) == ("done", None)


def test_ipxe_goes_on_with_the_boot_of_its_firmware() -> None:
    made = journal(ack(1), transfer(2, file="snponly.efi"), offer(8, "boot.ipxe", ipxe=True))
    assert len(only(made).steps) == 3
    assert not made.history


@pytest.mark.parametrize("pause", [5, NEW_BOOT_S + 5])
def test_a_discover_after_a_boot_begins_another(pause: float) -> None:
    first = ack(1) if pause > NEW_BOOT_S else transfer(1)
    made = journal(ack(1), first, offer(1 + pause))
    assert only(made).began_at == 1 + pause
    assert [boot.began_at for boot in made.history] == [1]


def test_ipxe_that_loads_ipxe_is_a_loop() -> None:
    made = Journal([OURS])
    for n in range(LOOP):
        made.on_event(offer(10 * n, "snponly.efi", ipxe=True))
        made.on_event(ack(10 * n + 0.5, "snponly.efi"))
        made.on_event(offer(10 * n + 0.6, "snponly.efi", ipxe=True))
        made.on_event(transfer(10 * n + 1, file="snponly.efi"))
    assert problem_of(made) == "ipxe-loop"


def test_asking_without_a_pause_is_a_storm_of_one() -> None:
    made = journal(*(offer(n / 10) for n in range(RETRIES)))
    assert problem_of(made) == "retry-storm"
    slow = journal(*(offer(n * 16) for n in range(RETRIES)))
    assert problem_of(slow) == ""


def test_a_problem_is_told_once_a_boot_however_often_it_comes() -> None:
    made = journal(*(offer(n / 10) for n in range(3 * RETRIES)))
    told = made.poll(10)
    assert [(boot.mac, found.name) for boot, found in told] == [(MAC, "retry-storm")]
    assert made.problems == {"retry-storm": 1}
    assert made.poll(11) == []


def test_each_problem_of_a_boot_is_told() -> None:
    made = journal(ack(1), refused(2, 1), refused(3, 2), refused(4, 1))
    assert [found.name for _, found in made.poll(9)] == ["refused-file", "missing-file"]


def test_who_looks_for_a_name_that_is_not_there_first_is_not_told() -> None:
    names = [f"pxelinux.cfg/{n}" for n in range(4)]
    made = journal(ack(1), transfer(2), *(refused(3, 1, name) for name in names))
    assert problem_of(made, 3.1) == "missing-file"
    made.on_event(transfer(3.5, file="pxelinux.cfg/default"))
    assert made.poll(3.6) == made.poll(100) == []
    assert not made.problems
    assert "it asked for pxelinux.cfg/0, which isn't there" in [s.what for s in only(made).steps]


MISSING = [f"pxelinux.cfg/{n}" for n in range(9)]


@pytest.mark.parametrize(
    "goes_on", [progress(4.5, "vmlinuz"), transfer(4.5, "probe", file="vmlinuz"), http(4.5, "HEAD")]
)
def test_who_has_found_a_name_and_goes_on_is_not_told(goes_on: Any) -> None:
    """PXELINUX has its configuration, and the kernel takes longer than a missing file is held."""
    made = journal(*(refused(3, 1, name) for name in MISSING))
    made.on_event(transfer(3.5, file="pxelinux.cfg/default"))
    made.on_event(goes_on)
    assert made.poll(3 + SETTLE_S + 1) == []
    assert not made.problems


@pytest.mark.parametrize("found", [progress(3.5), transfer(3.5, "probe"), http(3.5, status=206)])
def test_a_name_that_is_being_fetched_is_found(found: Any) -> None:
    made = journal(refused(3, 1, "grub.cfg-01"), found)
    assert made.poll(3 + SETTLE_S + 1) == []
    assert not made.problems


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_is_missing_after_a_name_that_was_there_is_told(order: tuple[int, ...]) -> None:
    """It was told as the first name that was missing, however long ago; workers tell in any order.

    What was found takes off what was missing before, and nothing after it.
    """
    events = (
        refused(3, 1, MISSING[0]), transfer(3.5, file="pxelinux.cfg/default"),
        refused(4, 1, "vmlinuz"),
    )  # fmt: skip
    made = journal(*(events[n] for n in order))
    ((_, found),) = made.poll(4 + SETTLE_S + 1)
    assert "vmlinuz" in found.text
    assert made.problems == {"missing-file": 1}


def test_a_clock_that_was_set_back_hides_no_missing_file() -> None:
    made = journal(transfer(5000))
    made.poll(1000)
    made.on_event(refused(1001, 1))
    assert [found.name for _, found in made.poll(1001 + SETTLE_S + 1)] == ["missing-file"]


def test_of_names_that_are_all_missing_the_last_is_told_in_time() -> None:
    """PXELINUX ends with pxelinux.cfg/default, which is the one to make."""
    made = journal(*(refused(3 + n / 2, 1, name) for n, name in enumerate(MISSING)))
    ((_, found),) = made.poll(3 + SETTLE_S + 0.1)
    assert MISSING[-1] in found.text
    assert made.poll(100) == []


def test_who_goes_on_to_another_way_of_booting_is_told() -> None:
    made = journal(ack(1), refused(2, 1), offer(2.5, "http://10.0.0.9/b.efi", arch=16))
    assert made.poll(3) == []
    assert [found.name for _, found in made.poll(9)] == ["missing-file"]


@pytest.mark.parametrize("order", list(permutations(range(4)))[1:])
def test_workers_may_tell_of_a_boot_in_any_order(order: tuple[int, ...]) -> None:
    """DHCP and each transfer may be another worker's, and downloads take milliseconds."""
    events = (offer(1), ack(1.01), transfer(1.02, "probe"), transfer(1.03))
    made = Journal([OURS])
    for n in order:
        made.on_event(events[n], MAC)
    assert problem_of(made, 100) == ""
    boot = only(made)
    assert (boot.stage, boot.rule, boot.file, boot.arch) == ("done", "r", "a.efi", "uefi-x64")
    assert (boot.began_at, boot.seen_at, not made.history) == (1, 1.03, True)
    assert [step.what for step in boot.steps] == [
        "offer a.efi", "ack a.efi", "asks for the size of a.efi", "has a.efi, 1,000 bytes",
    ]  # fmt: skip


def test_the_ipxe_that_was_loaded_may_be_told_of_after_its_script() -> None:
    made = Journal([OURS])
    for event in (
        offer(1), transfer(2, file="snponly.efi"), transfer(4, file="boot.ipxe"),
        offer(3, "boot.ipxe", ipxe=True),
    ):  # fmt: skip
        made.on_event(event, MAC)
    boot = only(made)
    assert (boot.stage, boot.is_ipxe, len(boot.steps), not made.history) == ("done", True, 4, True)


def test_a_client_of_whom_only_an_address_is_known_is_shown_by_it() -> None:
    assert only(journal(transfer(1))).mac == "10.0.0.100"
    made = Journal([OURS])
    made.on_event(transfer(1), "52:54:00:00:00:01")
    assert only(made).mac == "52:54:00:00:00:01"


def test_an_address_that_went_to_another_machine_is_that_one_s() -> None:
    made = journal(ack(1))
    made.on_event(transfer(2), "52:54:00:00:00:01")
    assert made.mac_of(CLIENT[0]) == "52:54:00:00:00:01"


def test_two_steps_that_take_turns_are_told_once_each() -> None:
    """A machine that asks again and again: each answer ends the problem, and the next brings it."""
    made = journal(*(offer(at) for at in range(3 * RETRIES)))
    assert [(step.at, step.what) for step in only(made).steps] == [
        (3 * RETRIES - 1, "offer a.efi"),
        (3 * RETRIES - 1, only(made).problem.text),  # type: ignore[union-attr] - a retry storm
    ]


def test_nothing_grows_for_ever() -> None:
    made = Journal([OURS])
    for n in range(MACHINES_MAX + 10):
        made.on_event(offer(n, mac=f"m{n}"))
    assert len(made) == MACHINES_MAX
    for n in range(HISTORY_MAX + 10):
        made.on_event(offer(20_000 + n * 2 * NEW_BOOT_S))
    assert len(made.history) == HISTORY_MAX
    for n in range(STEPS_MAX * 2):
        made.on_event(offer(9e6 + n, f"{n}.efi"))
    assert len(next(made.boots()).asked) == RETRIES
    assert len(next(made.boots()).steps) <= STEPS_MAX


def test_a_journal_takes_over_from_another() -> None:
    one = journal(offer(1, mac="a"), ack(2))
    other = Journal([OURS])
    other.restore(one.boots())
    assert list(other.boots()) == list(one.boots())
    assert other.mac_of(CLIENT[0]) == MAC


def test_every_problem_says_what_to_do() -> None:
    assert all(one.text and one.advice for one in PROBLEMS.values())


def test_a_clock_that_was_set_back_hides_no_stuck_machine() -> None:
    made = journal(offer(5000), takes_address(5001))
    assert made.poll(1000) == []
    ((found, _),) = made.poll(1000 + SILENT_S + 1)
    assert (found.stage, made.poll(1000 + 2 * SILENT_S)) == ("stuck", [])


def test_a_clock_that_was_set_forward_is_over_with_the_machine_s_next_step() -> None:
    made = journal(offer(1000), takes_address(1001))
    assert len(made.poll(1e9)) == 1
    made.on_event(ack(1e9))
    assert only(made).stage == "ack"


def relayed(at: float, mac: str, port: int = 67) -> Answered:
    relay = (IPv4Address("10.9.0.1"), port)
    return Answered(
        interface="eth0", at=at, sender=sender(MessageType.DISCOVER, mac=mac), rule="r",
        file="a.efi", server=OURS, to=relay, next_step="fetch",
    )  # fmt: skip


def test_the_address_of_a_relay_is_nobody_s_own() -> None:
    made = journal(relayed(1, MAC))
    assert only(made).address == ""
    assert made.mac_of(IPv4Address("10.9.0.1")) == ""


def test_a_machine_behind_a_relay_is_known_by_the_address_that_it_takes() -> None:
    """A BIOS or an iPXE asks no port 4011, and no neighbour entry tells its MAC."""
    made = journal(relayed(1, MAC), takes_address(2, CLIENT[0]), transfer(3))
    boot = only(made)
    assert (boot.mac, boot.stage, boot.address) == (MAC, "done", "10.0.0.100")
    assert problem_of(made, 100) == ""


def test_of_a_machine_behind_a_relay_without_an_address_nothing_is_claimed() -> None:
    """Its file would be fetched by somebody unknown, who has a row of their own."""
    made = journal(relayed(1, MAC), takes_address(2), transfer(3))
    assert made.poll(100) == []
    assert {boot.mac: boot.stage for boot in made.boots()} == {MAC: "address", "10.0.0.100": "done"}


def test_a_machine_behind_a_relay_whose_address_is_known_may_be_stuck() -> None:
    made = journal(relayed(1, MAC), takes_address(2, CLIENT[0]))
    assert problem_of(made, 100) == "no-fetch"


OTHER = "52:54:00:00:00:99"


def from_address(at: float, address: str) -> TransferDone:
    return msgspec.structs.replace(transfer(at), client=(IPv4Address(address), 5))


def test_an_address_that_another_has_by_now_stays_that_one_s() -> None:
    made = journal(offer(1), offer(1, mac=OTHER))
    made.on_event(from_address(2, "10.0.0.5"), MAC)
    made.on_event(from_address(3, "10.0.0.5"), OTHER)
    made.on_event(from_address(4, "10.0.0.6"), MAC)
    assert made.mac_of(IPv4Address("10.0.0.5")) == OTHER
    made.on_event(from_address(5, "10.0.0.7"), OTHER)
    assert made.mac_of(IPv4Address("10.0.0.5")) == ""


def test_a_clock_that_was_set_back_makes_no_retry_storm() -> None:
    made = journal(*(offer(10_000 + second) for second in range(RETRIES - 2)))
    made.poll(1)
    for second in (5, 15, 35):
        made.on_event(offer(second))
    assert problem_of(made) == ""


def test_what_ipxe_looks_for_at_every_boot_over_http_is_no_problem() -> None:
    missing = msgspec.structs.replace(http(2, status=404), file="/x/autoexec.ipxe", error="no")
    made = journal(ack(1), missing)
    assert (problem_of(made), only(made).stage) == ("", "ack")


def test_a_part_of_a_file_is_not_the_file() -> None:
    made = journal(ack(1), http(2, status=206), http(3, status=206))
    assert only(made).stage == "http"
    assert [step.what for step in only(made).steps][1:] == ["has part of /a.efi"]


def test_a_part_of_a_file_is_fetched_though_the_question_for_its_size_is_told_later() -> None:
    made = journal(ack(1), http(3, status=206), http(2, "HEAD"))
    assert problem_of(made, 100) == ""


def test_an_answer_that_could_not_be_sent_is_none() -> None:
    unsent = Unsent(**msgspec.structs.asdict(offer(1)), why="Network is unreachable")
    made = journal(unsent)
    assert problem_of(made) == "unsent"
    assert made.hits == {}
    made.on_event(offer(5))
    assert (problem_of(made), only(made).stage, made.hits) == ("", "offer", {"r": 1})


def test_what_clients_say_takes_so_much_memory_and_no_more() -> None:
    made = journal(ack(1))
    for at in range(2, 200):
        name = f"{at}/" + r"\xff" * 2000  # the longest that a request has, and one after the other
        made.on_event(refused(at, 2, file=name))
        made.on_event(transfer(at, "client-error", error=name))
        made.on_event(http(at, status=403, error=name))
    boot = only(made)
    assert len(boot.steps) <= STEPS_MAX
    assert max(len(step.what) for step in boot.steps) == TEXT_MAX
    assert len(msgspec.json.encode(boot)) < STEPS_MAX * 2 * TEXT_MAX + 2000
