"""The receiving side of a download, packet by packet."""

from fastpxe.tftp.client import TRIES, Fetch
from fastpxe.tftp.packets import Ack, Data, Error, Oack, Rrq, parse


def oack(**options: str) -> bytes:
    return bytes(Oack(options=options))


def data(block: int, size: int) -> bytes:
    return bytes(Data(block=block, payload=bytes(size)))


def ack(block: int) -> bytes:
    return bytes(Ack(block=block))


def test_it_asks_for_what_edk2_asks() -> None:
    request = parse(Fetch("a/b.efi").start())
    options = {"tsize": "0", "blksize": "1468", "windowsize": "4"}
    assert request == Rrq(filename=b"a/b.efi", mode="octet", options=options)


def test_a_window_is_acknowledged_when_it_is_full() -> None:
    fetch = Fetch("f")
    assert fetch.on(oack(blksize="8", windowsize="2", tsize="19")) == ack(0)
    assert fetch.on(data(1, 8)) is None
    assert fetch.on(data(2, 8)) == ack(2)
    assert not fetch.is_done
    assert fetch.on(data(3, 3)) == ack(3)
    assert (fetch.is_done, fetch.failure, fetch.size_bytes) == (True, "", 19)


def test_without_options_it_is_lockstep_in_blocks_of_512() -> None:
    fetch = Fetch("f")
    assert fetch.on(data(1, 512)) == ack(1)
    assert fetch.on(data(2, 0)) == ack(2)
    assert (fetch.is_done, fetch.size_bytes) == (True, 512)


def test_block_numbers_go_on_from_0_after_65535() -> None:
    fetch = Fetch("f")
    fetch.on(oack(blksize="8"))
    for block in range(1, 65537):
        assert fetch.on(data(block & 0xFFFF, 8)) == ack(block & 0xFFFF)
    assert fetch.size_bytes == 65536 * 8


def test_a_gap_and_a_repeat_are_answered_with_the_last_in_order() -> None:
    fetch = Fetch("f")
    fetch.on(oack(blksize="8", windowsize="4"))
    assert fetch.on(data(1, 8)) is None
    assert fetch.on(data(3, 8)) == ack(1)
    assert fetch.on(data(1, 8)) == ack(1)
    assert fetch.size_bytes == 8


def test_a_late_oack_is_left_alone() -> None:
    fetch = Fetch("f")
    fetch.on(oack(blksize="8"))
    fetch.on(data(1, 8))
    assert fetch.on(oack(blksize="512")) is None


def test_another_size_than_announced_is_a_failure() -> None:
    fetch = Fetch("f")
    fetch.on(oack(tsize="2000"))
    fetch.on(data(1, 5))
    assert fetch.is_done
    assert fetch.failure == "5 bytes came of 2,000 announced"


def test_an_error_ends_it_with_the_server_s_words() -> None:
    fetch = Fetch("f")
    assert fetch.on(bytes(Error(code=1, text="File not found"))) is None
    assert (fetch.is_done, fetch.failure) == (True, "ERROR 1 File not found")


def test_what_is_no_tftp_ends_it() -> None:
    fetch = Fetch("f")
    assert fetch.on(b"\0") is None
    assert fetch.failure.startswith("a packet that can't be read")


def test_a_request_of_the_server_is_left_alone() -> None:
    fetch = Fetch("f")
    assert fetch.on(fetch.start()) is None
    assert not fetch.is_done


def test_silence_repeats_the_last_packet_and_then_ends() -> None:
    fetch = Fetch("f")
    for _ in range(TRIES - 1):
        assert fetch.on_timeout() == fetch.start()
    assert fetch.on_timeout() is None
    assert fetch.failure == "no answer"


def test_progress_begins_the_tries_anew() -> None:
    fetch = Fetch("f")
    fetch.on_timeout()
    fetch.on(data(1, 512))
    for _ in range(TRIES - 1):
        assert fetch.on_timeout() == ack(1)
    assert fetch.on_timeout() is None
    assert fetch.failure == "the server went silent"


def test_what_is_not_wanted_is_broken_off() -> None:
    fetch = Fetch("f", most_bytes=1024)
    fetch.on(data(1, 512))
    assert not fetch.was_cut
    assert parse(fetch.on(data(2, 512)) or b"") == Error(code=0, text="enough of it has come")
    assert (fetch.is_done, fetch.was_cut, fetch.failure) == (True, True, "")


def test_a_file_that_ends_at_what_is_wanted_is_whole() -> None:
    fetch = Fetch("f", most_bytes=600)
    fetch.on(data(1, 512))
    fetch.on(data(2, 88))
    assert (fetch.is_done, fetch.was_cut) == (True, False)
