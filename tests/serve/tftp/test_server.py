"""The TFTP server over real sockets on the loopback interface, under asyncio and uvloop."""
# ruff: noqa: N802 - T1 and the like are the numbers of the protocol statements

import os
import random
import socket
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from served import LOOPBACK, PATIENT, Served, pattern
from tftp_client import Client, Refused, fetch

from fastpxe.dhcp.constants import TftpError
from fastpxe.events import Event, Notice, TransferDone
from fastpxe.serve.files.root import Root
from fastpxe.serve.tftp.ports import open_transfer_socket
from fastpxe.serve.tftp.server import TokenBucket
from fastpxe.tftp.packets import Ack, Data, Error, Oack, Rrq, Wrq, netascii


def error_of(served: Served, name: str | bytes, mode: str = "octet") -> int:
    with pytest.raises(Refused) as caught:
        fetch(served.address, name, mode=mode)
    assert served.refused().code == caught.value.error.code
    return caught.value.error.code


def test_a_file_is_served_and_told(served: Served) -> None:
    content = served.file("a", pattern(5000))
    download = fetch(served.address, "a", options={"blksize": 1432, "tsize": 0})
    assert download.data == content
    assert download.options == {"blksize": "1432", "tsize": "5000"}
    done = served.done()
    assert (done.outcome, done.file, done.size_bytes) == ("done", "a", 5000)
    assert done.options == {"blksize": 1432, "tsize": 5000}
    assert (done.interface, done.retransmits, done.error) == ("lo", 0, "")


def test_T1_the_answer_comes_from_the_address_asked(served: Served) -> None:
    served.file("a", b"x")
    port = served.address[1]
    for name, packet in (("a", Data(block=1, payload=b"x")), ("none", None)):
        with Client(("127.0.0.2", port)) as client:
            client.request(name)
            answer = client.receive()
            assert packet is None or answer == packet
            assert client.tid is not None
            assert client.tid[0] == "127.0.0.2"


def test_T1_a_broadcast_is_answered_from_the_interface_address(served: Served) -> None:
    served.file("a", b"x")
    with Client(("127.255.255.255", served.address[1])) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.request("a")
        client.receive()
        assert client.tid is not None
        assert client.tid[0] == "127.0.0.1"


def test_T2_mode_and_options_have_no_case(served: Served, client: Client) -> None:
    served.file("a", b"x")
    client.send(b"\0\1a\0OCTET\0TSIZE\x000\0")
    assert client.receive() == Oack(options={"tsize": "1"})


@pytest.mark.parametrize("mode", ["mail", "binary", "\xff"])
def test_T3_other_modes_get_error_4(served: Served, mode: str) -> None:
    served.file("a", b"x")
    assert error_of(served, "a", mode) == TftpError.ILLEGAL_OPERATION


def test_T4_a_write_request_gets_error_2_and_writes_nothing(served: Served, client: Client) -> None:
    client.send(Wrq(filename=b"new", mode="octet"))
    answer = client.receive()
    assert isinstance(answer, Error)
    assert answer.code == TftpError.ACCESS_VIOLATION
    assert served.refused().file == "new"
    assert list(served.folder.iterdir()) == []


def test_T5_T12_the_oack_has_only_what_was_asked_and_is_known(
    served: Served, client: Client
) -> None:
    served.file("a", b"x")
    client.request("a", blksize=1468, windowsize=4, multicast="", msftwindow=31416)
    assert client.receive_datagram() == b"\0\6blksize\x001468\0windowsize\x004\0"


@pytest.mark.parametrize("options", [{}, {"multicast": ""}, {"blksize": 0}])
def test_T6_with_nothing_granted_data_1_comes_at_once(
    served: Served, client: Client, options: dict[str, str | int]
) -> None:
    served.file("a", b"x")
    client.request("a", "octet", **options)
    assert client.receive() == Data(block=1, payload=b"x")


def test_T7_T28_the_default_block_fits_the_mtu(served: Served, client: Client) -> None:
    served.file("a", b"x")
    client.request("a", blksize=65464)
    assert client.receive() == Oack(options={"blksize": "1468"})


def test_T7_the_cap_on_blksize_can_be_set(served: Served) -> None:
    content = served.file("a", pattern(200_000))
    served.use(max_blksize=65464)
    download = fetch(served.address, "a", options={"blksize": 65464})
    assert download.options == {"blksize": "65464"}
    assert download.data == content


def test_T8_invalid_options_do_not_fail_the_transfer(served: Served) -> None:
    content = served.file("a", pattern(2000))
    options = {"blksize": "abc", "windowsize": "-1", "timeout": "0", "tsize": "0"}
    download = fetch(served.address, "a", options=options)
    assert (download.data, download.options) == (content, {"tsize": "2000"})


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024])
def test_T9_T14_tsize_and_the_last_block_are_exact(served: Served, size: int) -> None:
    content = served.file("a", pattern(size))
    download = fetch(served.address, "a", options={"tsize": 0})
    assert (download.data, download.options) == (content, {"tsize": str(size)})


def test_T9_netascii_has_no_tsize(served: Served) -> None:
    content = served.file("a", b"one\ntwo\r" * 300)
    download = fetch(served.address, "a", mode="NetASCII", options={"tsize": 0, "windowsize": 3})
    assert download.options == {"windowsize": "3"}
    assert download.data == netascii(content)
    assert served.done().size_bytes == len(download.data)


def test_row44_netascii_of_bare_crs_survives_loss(served: Served) -> None:
    content = served.file("a", b"\r" * 30_000)
    served.use(retry_timeout_s=0.02)
    download = fetch(
        served.address, "a", mode="netascii", options={"windowsize": 5}, loss=0.1, seed=4
    )
    assert download.data == netascii(content)


def test_T10_timeout_is_echoed(served: Served, client: Client) -> None:
    served.file("a", b"x")
    client.request("a", timeout=5)
    assert client.receive() == Oack(options={"timeout": "5"})


def test_T11_windowsize_is_capped(served: Served, client: Client) -> None:
    served.file("a", b"x")
    client.request("a", windowsize=65535, blksize=8)
    assert client.receive() == Oack(options={"windowsize": "16", "blksize": "8"})


def test_row36_a_window_is_capped_by_bytes_too(served: Served, client: Client) -> None:
    served.file("a", b"x")
    served.use(max_blksize=65464)
    client.request("a", windowsize=16, blksize=32768)
    assert client.receive() == Oack(options={"windowsize": "2", "blksize": "32768"})


def test_T13_an_ack_with_a_fifth_byte_counts(served: Served, client: Client) -> None:
    served.file("a", pattern(600))
    client.request("a")
    assert client.receive_blocks(1) == [1]
    client.send(b"\0\4\0\1\x08")
    assert client.receive_blocks(1) == [2]


@pytest.mark.gate
@pytest.mark.parametrize("windowsize", [1, 16])
def test_T15_more_than_65535_blocks_arrive(served: Served, windowsize: int) -> None:
    content = served.file("a", pattern(8 * 65_560 + 3))
    download = fetch(served.address, "a", options={"blksize": 8, "windowsize": windowsize})
    assert download.data == content
    assert served.done().outcome == "done"


def test_T16_duplicate_ack_is_not_answered_in_lockstep(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(5000))
    client.request("a")
    assert client.receive_blocks(1) == [1]
    for block in (1, 1, 1, 0, 2):
        client.send(Ack(block=block))
    assert client.receive_blocks(2) == [2, 3]


def test_T17_ack_within_a_window_gets_a_full_window(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(50_000))
    client.request("a", windowsize=4)
    client.receive()
    client.send(Ack(block=0))
    assert client.receive_blocks(4) == [1, 2, 3, 4]
    client.send(Ack(block=2))
    assert client.receive_blocks(4) == [3, 4, 5, 6]


def test_T18_a_burst_of_duplicate_acks_gets_one_window(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(50_000))
    client.request("a", windowsize=4)
    client.receive()
    client.send(Ack(block=0))
    client.receive_blocks(4)
    for block in (4, 4, 4, 4, 4, 8):
        client.send(Ack(block=block))
    assert client.receive_blocks(12) == [5, 6, 7, 8, 5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("windowsize", [1, 4])
def test_T19_row39_an_ack_storm_is_not_answered(
    served: Served, client: Client, windowsize: int
) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(50_000))
    client.request("a", windowsize=windowsize)
    client.receive()
    client.send(Ack(block=0))
    client.receive_blocks(windowsize)
    client.send(Ack(block=windowsize))
    client.receive_blocks(windowsize)
    for block in (0, 30, 40_000, 65_535) * 25:
        client.send(Ack(block=block))
    client.send(Ack(block=2 * windowsize))
    assert client.receive_blocks(1) == [2 * windowsize + 1]


def test_T20_an_unanswered_transfer_is_retried_then_dropped(served: Served, client: Client) -> None:
    served.use(retry_timeout_s=0.02, give_up_s=0.3)
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()
    client.send(Ack(block=1))
    done = served.done()
    assert (done.outcome, done.size_bytes) == ("timeout", 512)
    assert client.receive_blocks(1 + done.retransmits) == [2] * (1 + done.retransmits)
    assert served.run(lambda: served.server.active) == 0
    client.tid = None
    client.request("none")  # its answer is the next thing that comes
    assert isinstance(client.receive(), Error)


def test_T21_the_oack_is_sent_again(served: Served, client: Client) -> None:
    served.use(retry_timeout_s=0.02)
    served.file("a", b"x")
    client.request("a", tsize=0)
    assert [client.receive(), client.receive()] == [Oack(options={"tsize": "1"})] * 2
    client.send(Ack(block=0))
    while isinstance(packet := client.receive(), Oack):
        pass
    assert packet == Data(block=1, payload=b"x")


def test_T22_T23_the_probe_of_edk2_is_a_normal_end(served: Served, client: Client) -> None:
    content = served.file("a", pattern(5000))
    client.request("a", tsize=0, blksize=1468, windowsize=4)
    assert client.receive() == Oack(options={"tsize": "5000", "blksize": "1468", "windowsize": "4"})
    client.send(Error(code=8, text="User aborted the transfer"))
    done = served.done()
    assert (done.outcome, done.size_bytes, done.error) == ("probe", 0, "")
    download = fetch(served.address, "a", options={"blksize": 1468, "windowsize": 4})
    assert download.data == content
    assert download.acks == 2


@pytest.mark.parametrize("datagram", [b"\0\5", b"\0\5\0", b"\0\5\0\3Disk full"])
def test_row42_any_error_frees_the_transfer(
    served: Served, client: Client, datagram: bytes
) -> None:
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()
    client.send(datagram)
    assert served.done().outcome == "client-error"
    assert served.run(lambda: served.server.active) == 0


def test_T24_row40_a_stranger_gets_error_5_and_changes_nothing(
    served: Served, client: Client
) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()
    with Client(served.address) as stranger:
        stranger.send(Error(code=0), client.tid)  # never answered
        stranger.send(b"garbage", client.tid)
        stranger.send(Ack(block=1), client.tid)
        answer = stranger.receive()
        assert isinstance(answer, Error)
        assert answer.code == TftpError.UNKNOWN_TID
        assert stranger.tid == client.tid
    client.send(Ack(block=1))
    assert client.receive_blocks(1) == [2]


def test_T24_errors_to_strangers_are_rationed() -> None:
    bucket = TokenBucket(per_s=20, burst=40)
    assert sum(bucket.take(100.0) for _ in range(1000)) == 40
    assert sum(bucket.take(101.0) for _ in range(1000)) == 20


def test_T25_a_repeated_request_is_answered_from_the_same_port(
    served: Served, client: Client
) -> None:
    served.use(**PATIENT)
    served.file("a", b"x")
    client.request("a", tsize=0)
    first = client.receive(), client.tid
    client.tid = None
    client.request("a", tsize=0)
    assert (client.receive(), client.tid) == first
    assert served.run(lambda: served.server.active) == 1


def test_T26_a_new_request_in_a_transfer_begins_anew(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()
    client.send(Ack(block=1))
    assert client.receive_blocks(1) == [2]
    client.sock.settimeout(0.05)
    for _ in range(200):  # a ROM that starts again repeats its request until it is answered
        client.request("a")
        try:
            if client.receive_blocks(1) == [1]:  # and not the old transfer's block once more
                break
        except TimeoutError:
            continue
    else:
        raise AssertionError("no new transfer")
    assert served.done().outcome == "replaced"
    assert served.run(lambda: served.server.active) == 1


def test_T26_another_request_in_a_transfer_begins_at_once(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()
    client.send(Ack(block=1))
    assert client.receive_blocks(1) == [2]
    client.request("a", tsize=0)
    assert client.receive() == Oack(options={"tsize": "5000"})
    assert served.done().outcome == "replaced"


def test_row46_the_newest_of_two_requests_wins(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", b"old")
    served.file("b", b"new")
    client.request("a")
    client.request("b")
    assert client.receive() == Data(block=1, payload=b"old")
    assert client.receive() == Data(block=1, payload=b"new")
    client.send(Ack(block=1))
    assert [(d.file, d.outcome) for d in (served.done(), served.done())] == [
        ("a", "replaced"),
        ("b", "done"),
    ]


@pytest.mark.parametrize(
    "datagram",
    [
        bytes(Ack(block=1)),
        bytes(Data(block=1, payload=b"x")),
        bytes(Error(code=0)),
        bytes(Oack(options={})),
        b"",
        b"\0",
        b"\0\7",
        b"\0\0\0",
    ],
)
def test_T27_row43_what_is_no_request_gets_no_answer(
    served: Served, client: Client, datagram: bytes
) -> None:
    client.send(datagram)
    client.request("none")
    answer = client.receive()
    assert isinstance(answer, Error)
    assert answer.code == TftpError.NOT_FOUND
    assert served.run(lambda: served.server.dropped) == 1


def test_what_got_no_answer_is_told_at_the_end(served: Served, client: Client) -> None:
    client.send(b"\0")
    client.request("none")
    client.receive()
    served.refused()
    served.run(served.server.close)
    told = served.events.get(timeout=10)
    assert isinstance(told, Notice)
    assert told.text.endswith("no request or malformed: 1")


@pytest.mark.parametrize("datagram", [b"\0\0\0\0", b"\0\7\0\1", b"\xff\xffabc"])
def test_row43_unknown_opcodes_get_error_4(served: Served, client: Client, datagram: bytes) -> None:
    client.send(datagram)
    answer = client.receive()
    assert isinstance(answer, Error)
    assert answer.code == TftpError.ILLEGAL_OPERATION
    assert served.refused().why.startswith("opcode")


def test_row43_a_flood_of_unknown_opcodes_is_not_answered_one_by_one(client: Client) -> None:
    for _ in range(100):
        client.send(b"\0\7\0\1")
    client.request("none")
    answers = 0
    while isinstance(answer := client.receive(), Error) and answer.code != TftpError.NOT_FOUND:
        answers += 1
    assert answers < 100


@pytest.mark.parametrize(
    "datagram",
    [b"\0\1name", b"\0\1\0octet\0", b"\0\1a\0", b"\0\1a\0octet", b"\0\1ok\0../x\0octet\0"],
)
def test_row32_row33_row38_unreadable_requests_get_error_4(client: Client, datagram: bytes) -> None:
    client.send(datagram)
    answer = client.receive()
    assert isinstance(answer, Error)
    assert answer.code == TftpError.ILLEGAL_OPERATION


def test_row34_options_before_the_garbage_stand(served: Served, client: Client) -> None:
    served.file("a", b"x")
    client.send(b"\0\1a\0octet\0tsize\x000\0blksize\0")
    assert client.receive() == Oack(options={"tsize": "1"})


def test_row35_an_odd_block_size_is_left_out(served: Served, client: Client) -> None:
    served.file("a", b"x")
    client.request("a", blksize="1e3", tsize=0)
    assert client.receive() == Oack(options={"tsize": "1"})


def test_T28_datagrams_may_be_fragmented_on_their_way() -> None:
    ip_mtu_discover, dont = 10, 0
    with open_transfer_socket(LOOPBACK, "127.0.0.1") as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, ip_mtu_discover) == dont


def test_T29_a_client_has_a_limited_number_of_transfers(served: Served) -> None:
    served.use(max_transfers_per_client=2, **PATIENT)
    served.file("a", b"x")
    with (
        Client(served.address) as one,
        Client(served.address) as two,
        Client(served.address) as three,
    ):
        one.request("a")
        one.receive()
        two.request("a")
        two.receive()
        three.request("a")  # silence; the client asks again
        assert "max_transfers_per_client" in served.refused().why
        one.send(Ack(block=1))
        assert served.done().outcome == "done"
        three.request("a")
        assert three.receive() == Data(block=1, payload=b"x")


def test_T29_all_clients_have_a_limited_number_of_transfers(served: Served) -> None:
    served.use(max_transfers=1, **PATIENT)
    served.file("a", b"x")
    with (
        Client(served.address) as one,
        Client(served.address, local=("127.0.0.3", 0)) as two,
    ):
        one.request("a")
        one.receive()
        two.request("a")
        assert served.refused().why == "max_transfers = 1 reached"


def test_T30_row41_a_forged_request_gets_few_single_datagrams(
    served: Served, client: Client
) -> None:
    served.use(retry_timeout_s=0.002)
    served.file("a", pattern(50_000))
    client.request("a")
    done = served.done()
    assert (done.outcome, done.size_bytes) == ("timeout", 0)
    assert done.retransmits == 6
    assert client.receive_blocks(7) == [1] * 7


@pytest.mark.parametrize(
    ("options", "asked", "answered"),
    [({}, 17, 7 * 516), ({"tsize": 0, "blksize": 1468}, 38, 7 * 27)],
)
def test_T30_a_silent_client_is_sent_what_the_documentation_says(
    served: Served, client: Client, options: dict[str, str | int], asked: int, answered: int
) -> None:
    served.use(retry_timeout_s=0.002)
    served.file("filename", pattern(50_000))
    client.request("filename", **options)
    assert served.done().outcome == "timeout"
    assert len(bytes(Rrq(filename=b"filename", mode="octet", options={
        name: str(value) for name, value in options.items()
    }))) == asked  # fmt: skip
    assert sum(len(client.receive_datagram()) for _ in range(7)) == answered


def test_T29_who_has_shown_nothing_of_himself_makes_room(served: Served, client: Client) -> None:
    served.use(max_transfers=1, retry_timeout_s=0.05)
    served.file("a", b"x")
    client.request("a")
    client.receive()
    with Client(served.address, local=("127.0.0.3", 0)) as other:
        other.sock.settimeout(0.1)
        for _ in range(100):  # as a real client would, until there is room
            other.request("a")
            try:
                assert other.receive() == Data(block=1, payload=b"x")
                break
            except TimeoutError:
                continue
        else:
            raise AssertionError("no room was made")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"../../etc/shadow", 2),
        (b"..\\..\\x", 2),
        (b"/a/../../b", 2),
        (b"out", 2),
        (b"folder", 2),
        (b"fifo", 2),
        (b"/", 2),
        (b"new\nline", 4),
        (b"x" * 300, 4),
        (b"a\xff\xff", 1),
        (b"\xc0\xae\xc0\xae/etc/shadow", 1),
    ],
)
def test_T40_row37_row38_no_name_leads_out_of_the_root(
    served: Served, name: bytes, code: int
) -> None:
    (served.folder.parent / "secret").write_bytes(b"secret")
    (served.folder / "out").symlink_to("../secret")
    (served.folder / "folder").mkdir()
    os.mkfifo(served.folder / "fifo")
    assert error_of(served, name) == code


@pytest.mark.parametrize("name", ["/b/x", "//b//x", "\\b\\x", "./b/x", "C:\\b\\x"])
def test_T41_other_spellings_find_the_file(served: Served, name: str) -> None:
    (served.folder / "b").mkdir()
    (served.folder / "b" / "x").write_bytes(b"found")
    assert fetch(served.address, name).data == b"found"
    assert served.done().file == "b/x"


def test_T42_a_missing_file_gets_error_1_at_once(served: Served) -> None:
    for name in ("pxelinux.cfg/01-52-54-00", "pxelinux.cfg/C0A8", "default"):
        assert error_of(served, name) == TftpError.NOT_FOUND


def test_T43_row45_a_replaced_file_is_served_to_its_end(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    content = served.file("a", pattern(700))
    client.request("a")
    first = client.receive()
    served.file("new", b"!" * 700)
    (served.folder / "new").replace(served.folder / "a")
    client.send(Ack(block=1))
    second = client.receive()
    assert isinstance(first, Data)
    assert isinstance(second, Data)
    assert first.payload + second.payload == content


def test_T43_a_grown_file_is_served_as_announced(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", b"x" * 600)
    client.request("a", tsize=0)
    assert client.receive() == Oack(options={"tsize": "600"})
    served.file("a", b"x" * 5000)
    client.send(Ack(block=0))
    client.receive()
    client.send(Ack(block=1))
    assert client.receive() == Data(block=2, payload=b"x" * 88)


def test_T43_row45_a_shrunk_file_ends_the_transfer(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", b"x" * 50_000)
    client.request("a")
    client.receive()
    os.truncate(served.folder / "a", 100)
    for block in range(1, 100):
        client.send(Ack(block=block))
        answer = client.receive()
        if isinstance(answer, Error):
            break
    assert isinstance(answer, Error)
    assert answer.code == TftpError.UNDEFINED
    assert served.done().outcome == "truncated"


def test_T44_errors_name_no_path_of_the_host(served: Served, client: Client) -> None:
    for name in ("none", "../x", "/"):
        client.request(name)
        datagram = client.receive_datagram()
        assert datagram[-1] == 0
        assert datagram[4:-1].decode("ascii").isprintable()
        assert str(served.folder).encode() not in datagram
        assert name.encode() not in datagram


@pytest.mark.parametrize("windowsize", [1, 4])
def test_a_lossy_wire_delays_but_does_not_damage(served: Served, windowsize: int) -> None:
    served.use(retry_timeout_s=0.02)
    content = served.file("a", pattern(100_000))
    options = {"blksize": 1024, "windowsize": windowsize}
    download = fetch(served.address, "a", options=options, loss=0.1, seed=windowsize)
    assert download.data == content
    assert served.done().retransmits > 0


def test_a_client_that_closed_its_port_frees_the_transfer(served: Served) -> None:
    served.use(ports="per-transfer", retry_timeout_s=0.02)
    served.file("a", pattern(5000))
    with Client(served.address) as client:
        client.request("a")
        client.receive()
    done = served.done()
    assert (done.outcome, done.error) == ("client-error", "the client's port is closed (ICMP)")


def test_a_stranger_that_closed_its_port_changes_nothing(served: Served, client: Client) -> None:
    served.use(ports="per-transfer", **PATIENT)
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()

    def visit() -> None:
        with Client(served.address) as stranger:
            stranger.send(Ack(block=1), client.tid)

    served.run(visit)  # in the server's own thread: its ERROR 5 will meet a closed port
    client.send(Ack(block=1))
    assert client.receive_blocks(1) == [2]
    client.send(Ack(block=2))
    assert client.receive_blocks(1) == [3]


@pytest.mark.parametrize("ports", ["shared", "single", "per-transfer"])
def test_garbage_on_every_port_does_no_harm(served: Served, client: Client, ports: str) -> None:
    served.use(ports=ports, **PATIENT)
    content = served.file("a", pattern(700))
    dice = random.Random(7)  # noqa: S311 - repeatable garbage
    client.request("a")
    first = client.receive()
    assert client.tid is not None
    with Client(served.address) as stranger:
        for _ in range(100):  # what a receive buffer holds, or the ACK is lost
            opcode = bytes([0, dice.randrange(8)])
            for port in (served.address, client.tid):
                stranger.send(opcode + dice.randbytes(dice.randrange(40)), port)
    client.send(Ack(block=1))
    second = client.receive()
    assert isinstance(first, Data)
    assert isinstance(second, Data)
    assert first.payload + second.payload == content
    assert fetch(served.address, "a").data == content
    assert served.server.faults == 0


def test_many_clients_are_served_at_the_same_time(served: Served) -> None:
    served.use(max_transfers_per_client=100)
    content = served.file("a", pattern(300_000))
    options = {"blksize": 1408, "windowsize": 8}
    results: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(fetch(served.address, "a", options=options).data)
        )
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [content] * 20


def test_reload_is_for_transfers_to_come(served: Served, client: Client, tmp_path: Path) -> None:
    served.use(**PATIENT)
    content = served.file("a", pattern(700))
    client.request("a")
    first = client.receive()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a").write_bytes(b"other")
    with Root(str(tmp_path / "other")) as other:
        served.use(other)
        assert fetch(served.address, "a").data == b"other"
        client.send(Ack(block=1))
        second = client.receive()
    assert isinstance(first, Data)
    assert isinstance(second, Data)
    assert first.payload + second.payload == content


def test_close_ends_every_transfer(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(5000))
    client.request("a")
    client.receive()
    served.run(served.server.close)
    done = served.done()
    assert (done.outcome, done.client[0]) == ("stopped", IPv4Address("127.0.0.1"))
    assert isinstance(client.receive(), Error)
    assert served.server.active == 0


def test_a_fault_of_ours_is_told_and_drops_one_datagram(served: Served, client: Client) -> None:
    served.file("a", b"x")
    root = served.root
    served.root = None  # type: ignore[assignment]  # what no caller does: a fault to be caught
    served.use()
    client.request("a")
    notice = served.events.get(timeout=10)
    assert isinstance(notice, Notice)
    assert "AttributeError" in notice.text
    assert served.server.faults == 1
    served.root = root
    served.use()
    client.send(Rrq(filename=b"a", mode="octet"), served.address)
    assert client.receive() == Data(block=1, payload=b"x")


def test_a_fault_in_a_transfer_ends_that_one(served: Served, client: Client) -> None:
    served.use(**PATIENT)
    served.file("a", pattern(5000))
    fails = True

    def saw(event: Event) -> None:
        nonlocal fails
        if isinstance(event, TransferDone) and fails:
            fails = False
            raise RuntimeError("a listener that fails")
        served.events.put(event)

    served.server.saw = saw
    client.request("a")
    client.receive()
    client.send(Error(code=0))
    notice = served.events.get(timeout=10)
    assert isinstance(notice, Notice)
    assert served.run(lambda: served.server.active) == 0
