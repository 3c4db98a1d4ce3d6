"""When a boot that was asked for once counts as started."""

from ipaddress import IPv4Address

from fastpxe.dhcp.constants import MessageType
from fastpxe.events import Answered, Sender
from fastpxe.monitor.one_shot import FETCH_S, OneShotTracker
from fastpxe.policy import config
from fastpxe.policy.hosts import Host, parse_host

OURS, OTHERS = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.9")
EVERYBODY, CLIENT = (IPv4Address("255.255.255.255"), 68), (IPv4Address("10.0.0.100"), 4011)
MAC = "52:54:00:12:34:56"
UUID = "03020100-0504-0706-0809-0a0b0c0d0e0f"

RULES = """
[[boot]]
name = "chain"
ipxe = true
file = "script.ipxe"
[[boot]]
name = "chain"
file = "snponly.efi"
[[boot]]
name = "plain"
file = "installer.efi"
"""


def host(boot: str, name: str = MAC) -> Host:
    return Host(name=name, keys=parse_host(name)[1], boot=boot, once=True)


def following(one: Host) -> OneShotTracker:
    starts = OneShotTracker(config.parse(RULES, "test").rules, [OURS])
    starts.track([one])
    return starts


def answered(
    rule: str,
    *,
    mac: str = MAC,
    ipxe: bool = False,
    kind: MessageType = MessageType.DISCOVER,
    server: IPv4Address = OURS,
    file: str = "installer.efi",
    at: float = 0,
) -> Answered:
    sender = Sender(
        mac=mac, xid=1, port=67, message_type=kind, arch=7, ipxe=ipxe, uuid=bytes([0, *range(16)])
    )
    to = EVERYBODY if kind == MessageType.DISCOVER else CLIENT
    return Answered(
        interface="eth0", at=at, sender=sender, rule=rule, file=file, server=server, to=to
    )


def test_a_boot_has_started_when_its_file_was_fetched() -> None:
    starts = following(host("plain"))
    assert starts.on_answer(answered("plain")) is None
    assert starts.on_download("52:54:00:00:00:99", 1) is None
    assert starts.on_download(MAC, 1) == host("plain")
    assert starts.on_download(MAC, 1) is None


def test_what_is_told_late_counts_by_when_it_was() -> None:
    starts = following(host("plain"))
    assert starts.on_download(MAC, 6) is None
    assert starts.on_answer(answered("plain", at=5)) == host("plain")


def test_a_file_that_was_fetched_before_the_answer_is_none_of_it() -> None:
    starts = following(host("plain"))
    assert starts.on_download(MAC, 4) is None
    assert starts.on_answer(answered("plain", at=5)) is None
    assert starts.on_download(MAC, 4.5) is None


def test_an_answer_by_another_rule_is_none_of_it() -> None:
    starts = following(host("plain"))
    starts.on_answer(answered("usual"))
    assert starts.on_download(MAC, 1) is None


def test_of_a_chain_the_stage_of_ipxe_counts() -> None:
    starts = following(host("chain"))
    starts.on_answer(answered("chain"))
    assert starts.on_download(MAC, 1) is None
    assert starts.on_answer(answered("chain", ipxe=True, at=2)) is None
    assert starts.on_download(MAC, 3) == host("chain")


def test_a_host_may_be_known_by_its_uuid() -> None:
    starts = following(host("plain", UUID))
    starts.on_answer(answered("plain", mac="06-00:11"))
    assert starts.on_download("06-00:11", 1) == host("plain", UUID)


def test_where_another_server_has_the_file_an_ack_counts() -> None:
    starts = following(host("plain"))
    ack = answered("plain", kind=MessageType.REQUEST, server=OTHERS)
    assert starts.on_answer(ack) == host("plain")


def test_where_another_server_has_the_file_an_offer_counts_after_a_while() -> None:
    starts = following(host("plain"))
    assert starts.on_answer(answered("plain", server=OTHERS, at=5)) is None
    assert starts.overdue(now=4 + FETCH_S) == []
    assert starts.overdue(now=5 + FETCH_S) == [host("plain")]
    assert starts.overdue(now=9 + FETCH_S) == []


def test_a_url_may_lead_here_or_elsewhere() -> None:
    starts = following(host("plain"))
    starts.on_answer(answered("plain", file="http://10.0.0.2/a.efi"))
    assert starts.overdue(now=2 * FETCH_S) == []
    starts = following(host("plain"))
    starts.on_answer(answered("plain", file="http://10.0.0.9/a.efi"))
    assert starts.overdue(now=2 * FETCH_S) == [host("plain")]


def test_a_host_that_is_followed_no_more_starts_nothing() -> None:
    starts = following(host("plain"))
    starts.on_answer(answered("plain"))
    starts.track([])
    assert not starts.is_tracking
    assert starts.on_download(MAC, 1) is None


def test_a_clock_that_was_set_back_starts_nothing_twice() -> None:
    """Else an installer would run at each boot until the clock is where it was."""
    starts = following(host("plain"))
    assert starts.on_answer(answered("plain", at=5000)) is None
    assert starts.on_answer(answered("plain", at=1000)) is None
    assert starts.on_download(MAC, 1001) == host("plain")


def test_a_clock_that_was_set_back_is_waited_for_no_longer_than_another() -> None:
    starts = following(host("plain"))
    starts.on_answer(answered("plain", server=OTHERS, at=5000))
    assert starts.overdue(1000) == []
    assert starts.overdue(1000 + FETCH_S) == [host("plain")]
