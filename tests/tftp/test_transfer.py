"""The transfer state machine: its rules one by one, then under loss, doubles and disorder."""
# ruff: noqa: N802 - T16 and the like are the numbers of the protocol statements

import itertools
import math
from collections import deque
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tftp_client import Receiver

from fastpxe.tftp import _transfer
from fastpxe.tftp._transfer import MAX_TIMEOUT_S, MAX_TRIES_UNACKNOWLEDGED, MIN_TIMEOUT_S
from fastpxe.tftp.packets import Ack, Data, Oack, Packet, Terms, parse


class Send(NamedTuple):
    """What a datagram other than DATA has in it."""

    datagram: bytes


class SendBlocks(NamedTuple):
    first: int
    count: int


class Done(NamedTuple):
    outcome: str
    error: str = ""


Action = Send | SendBlocks | Done


class Transfer:
    """The state machine, with what it says to do as values that can be compared."""

    def __init__(
        self, agreed: Terms, size_bytes: int, *, retry_timeout_s: float, give_up_s: float
    ) -> None:
        self.machine = _transfer.Transfer(
            agreed, size_bytes, retry_timeout_s=retry_timeout_s, give_up_s=give_up_s
        )

    def start(self, now: float) -> Action | None:
        return self.said(self.machine.start(now))

    def on_ack(self, block: int, now: float) -> Action | None:
        return self.said(self.machine.on_ack(block, now))

    def on_error(self, code: int, text: str) -> Action | None:
        return self.said(self.machine.on_error(code, text))

    def on_repeated_request(self, now: float) -> Action | None:
        return self.said(self.machine.on_repeated_request(now))

    def on_timer(self, now: float) -> Action | None:
        return self.said(self.machine.on_timer(now))

    def said(self, act: int) -> Action | None:
        machine = self.machine
        if act == _transfer.DO_SEND_OACK:
            return Send(machine.terms.oack)
        if act == _transfer.DO_SEND_BLOCKS:
            return SendBlocks(machine.first, machine.count)
        if act == _transfer.DO_END:
            return Done(machine.outcome, machine.error)
        assert act == _transfer.DO_NOTHING
        return None


def terms(**options: int) -> Terms:
    return Terms(
        blksize=options.get("blksize", 512),
        windowsize=options.get("windowsize", 1),
        timeout_s=options.get("timeout"),
        options=options,
    )


def begin(size_bytes: int = 5000, **options: int) -> Transfer:
    transfer = Transfer(terms(**options), size_bytes, retry_timeout_s=0.25, give_up_s=30)
    transfer.start(0)
    return transfer


def ack(transfer: Transfer, block: int, now: float = 0.001) -> Action | None:
    return transfer.on_ack(block & 0xFFFF, now)


def test_T6_without_options_data_1_comes_first() -> None:
    transfer = Transfer(terms(), 5000, retry_timeout_s=0.25, give_up_s=30)
    assert transfer.start(0) == SendBlocks(1, 1)


def test_with_options_the_oack_comes_first_then_data_1() -> None:
    transfer = Transfer(terms(tsize=5000), 5000, retry_timeout_s=0.25, give_up_s=30)
    assert transfer.start(0) == Send(bytes(Oack(options={"tsize": "5000"})))
    assert ack(transfer, 0) == SendBlocks(1, 1)


@pytest.mark.parametrize(("size_bytes", "last"), [(0, 1), (1, 1), (511, 1), (512, 2), (1024, 3)])
def test_T14_the_last_block_is_shorter_than_blksize(size_bytes: int, last: int) -> None:
    transfer = begin(size_bytes)
    for block in range(1, last):
        assert ack(transfer, block) == SendBlocks(block + 1, 1)
    assert ack(transfer, last) == Done("done")
    assert transfer.machine.acknowledged_bytes == size_bytes


@pytest.mark.parametrize("windowsize", [1, 16])
def test_T15_block_numbers_wrap_to_0(windowsize: int) -> None:
    transfer = begin(8 * 140_000, blksize=8, windowsize=windowsize)
    action = ack(transfer, 0)
    blocks = 0
    while isinstance(action, SendBlocks):
        assert action.first == blocks + 1
        blocks += action.count
        action = ack(transfer, blocks & 0xFFFF)
    assert (action, blocks) == (Done("done"), 140_001)
    assert transfer.machine.retransmits == 0


def test_T16_duplicate_ack_is_not_answered_in_lockstep() -> None:
    transfer = begin(tsize=5000)
    ack(transfer, 0)
    assert ack(transfer, 1) == SendBlocks(2, 1)
    assert [ack(transfer, 1), ack(transfer, 1)] == [None, None]
    assert transfer.machine.retransmits == 0


def test_T17_ack_within_a_window_moves_on_with_a_full_window() -> None:
    transfer = begin(windowsize=4)
    assert ack(transfer, 0) == SendBlocks(1, 4)
    assert ack(transfer, 2) == SendBlocks(3, 4)
    assert transfer.machine.retransmits == 2
    assert ack(transfer, 6) == SendBlocks(7, 4)
    assert ack(transfer, 10) == Done("done")


def test_T18_a_window_is_sent_again_once_a_base() -> None:
    transfer = begin(8000, windowsize=4)
    ack(transfer, 0)
    ack(transfer, 4)
    assert ack(transfer, 4) == SendBlocks(5, 4)
    assert [ack(transfer, 4) for _ in range(3)] == [None] * 3
    assert transfer.on_timer(transfer.machine.deadline) == SendBlocks(5, 4)
    assert [ack(transfer, 4) for _ in range(2)] == [SendBlocks(5, 4), None]
    assert ack(transfer, 8) == SendBlocks(9, 4)
    assert ack(transfer, 8) is None  # the client says so of each block that it got twice
    assert ack(transfer, 12) == SendBlocks(13, 4)
    assert ack(transfer, 12) == SendBlocks(13, 4)


def test_T18_part_of_a_window_that_was_sent_twice_is_no_loss() -> None:
    transfer = begin(8000, windowsize=4)
    ack(transfer, 0)
    assert transfer.on_timer(transfer.machine.deadline) == SendBlocks(1, 4)
    assert ack(transfer, 2) == SendBlocks(5, 2)  # the client had those: blocks 3 and 4 come after
    assert ack(transfer, 6) == SendBlocks(7, 4)
    assert transfer.machine.retransmits == 4


def test_T18_repeats_that_follow_a_part_of_a_window_are_not_believed() -> None:
    transfer = begin(8000, windowsize=4)
    ack(transfer, 0)
    assert ack(transfer, 1) == SendBlocks(2, 4)  # what block 3 brings, and block 4 once more
    assert ack(transfer, 1) is None
    assert transfer.machine.retransmits == 3


class Disturbed:
    """A transfer to a client like EDK2, over a wire of one millisecond; blocks are its numbers.

    `lost` are blocks that are lost the first time, `doubled` and `unheard` ACKs by their number,
    which arrive twice and not at all.
    """

    BLOCKS, BLKSIZE = 400, 100

    def __init__(
        self, windowsize: int, *, lost: int = 0, doubled: int = 0, unheard: int = 0
    ) -> None:
        options = {"blksize": self.BLKSIZE, "windowsize": windowsize}
        agreed = Terms(blksize=self.BLKSIZE, windowsize=windowsize, options=options)
        size = (self.BLOCKS - 1) * self.BLKSIZE + 1
        self.transfer = Transfer(agreed, size, retry_timeout_s=0.25, give_up_s=30)
        self.client = Receiver(self.BLKSIZE, windowsize)
        self.lost, self.doubled, self.unheard = lost, doubled, unheard
        self.data_sent = self.acks_sent = 0
        self.on_the_wire: deque[tuple[float, Packet]] = deque()
        self.now = 0.0
        self.send(self.transfer.start(0))

    def send(self, action: Action | None) -> None:
        if isinstance(action, Send):
            self.put(Oack(options={}))
        elif isinstance(action, SendBlocks):
            for block in range(action.first, action.first + action.count):
                self.data_sent += 1
                if block == self.lost:
                    self.lost = 0
                    continue
                size = 1 if block == self.BLOCKS else self.BLKSIZE
                self.put(Data(block=block, payload=bytes(size)))

    def put(self, packet: Packet) -> None:
        self.on_the_wire.append((self.now + 0.001, packet))

    def run(self) -> int:
        """Return how many DATA were sent until the client had the file."""
        machine = self.transfer.machine
        while not machine.outcome:
            if not self.on_the_wire or self.on_the_wire[0][0] > machine.deadline:
                self.now = machine.deadline
                self.send(self.transfer.on_timer(self.now))
                continue
            self.now, packet = self.on_the_wire.popleft()
            if isinstance(packet, Ack):
                self.send(self.transfer.on_ack(packet.block, self.now))
            elif answer := self.client.on(packet):
                self.acks_sent += 1
                for _ in range({self.doubled: 2, self.unheard: 0}.get(self.acks_sent, 1)):
                    self.put(answer)
        assert (machine.outcome, len(self.client.blocks)) == ("done", self.BLOCKS)
        return self.data_sent


@pytest.mark.parametrize("windowsize", [2, 4, 16])
@pytest.mark.parametrize("fault", ["doubled", "unheard", "lost"])
@pytest.mark.parametrize("number", range(1, 20))
def test_T18_one_fault_costs_two_windows_at_the_most(
    windowsize: int, fault: str, number: int
) -> None:
    sent = Disturbed(windowsize, **{fault: number}).run()
    assert sent - Disturbed.BLOCKS <= 2 * windowsize


@pytest.mark.parametrize("windowsize", [1, 4])
@pytest.mark.parametrize("block", [0, 1, 3, 9, 20, 40_000, 65_535])
def test_T19_ack_outside_the_window_is_ignored(windowsize: int, block: int) -> None:
    transfer = begin(windowsize=windowsize)
    for number in range(0, 5, windowsize):
        ack(transfer, number)
    deadline = transfer.machine.deadline
    assert ack(transfer, block, 0.1) is None
    assert transfer.machine.deadline == deadline


def test_T19_no_ack_goes_back_behind_the_oack() -> None:
    transfer = begin(windowsize=4)
    assert ack(transfer, 65_535) is None
    assert ack(transfer, 1) is None


def tries(transfer: Transfer) -> list[float]:
    """Let every timer run out; return when something was sent again."""
    times: list[float] = []
    while True:
        now = transfer.machine.deadline
        action = transfer.on_timer(now)
        if isinstance(action, Done):
            assert action.outcome == "timeout"
            assert transfer.machine.deadline == math.inf
            return [*times, now]
        times.append(now)


def test_T20_retries_back_off_and_end_after_30_s() -> None:
    transfer = begin(retry=1)
    ack(transfer, 0, 0.25)
    *times, end = tries(transfer)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) >= 6
    assert all(
        later == min(2 * sooner, MAX_TIMEOUT_S) for sooner, later in itertools.pairwise(gaps)
    )
    assert end == 30.25
    assert transfer.on_timer(1000) is None
    assert ack(transfer, 1) is None


def test_T20_an_ack_begins_the_30_s_anew() -> None:
    transfer = begin()
    ack(transfer, 1)
    for block in (2, 3, 4):
        now = 20.0 * (block - 1)
        while transfer.machine.deadline < now:
            assert transfer.on_timer(transfer.machine.deadline) == SendBlocks(block, 1)
        assert ack(transfer, block, now) == SendBlocks(block + 1, 1)


def test_T20_duplicate_acks_are_no_progress() -> None:
    transfer = begin(windowsize=4)
    ack(transfer, 0)
    for now in range(30):
        ack(transfer, 0, now)
        transfer.on_timer(now)
    assert isinstance(transfer.on_timer(30.01), Done)


def test_T20_a_last_block_never_acknowledged_is_told_apart() -> None:
    transfer = begin(1000)
    ack(transfer, 1)
    assert tries(transfer)[-1] == 30.001
    assert transfer.machine.acknowledged_bytes == 512


def test_T21_the_oack_is_sent_again_until_ack_0() -> None:
    transfer = begin(tsize=5000)
    oack = Send(bytes(Oack(options={"tsize": "5000"})))
    assert transfer.on_timer(transfer.machine.deadline) == oack
    assert transfer.on_timer(transfer.machine.deadline) == oack
    assert ack(transfer, 0) == SendBlocks(1, 1)
    assert transfer.on_timer(transfer.machine.deadline) == SendBlocks(1, 1)


@pytest.mark.parametrize("code", [0, 3, 4, 8, 99])
@pytest.mark.parametrize("acks", [0, 3])
def test_T22_T23_an_error_ends_it_without_an_answer(code: int, acks: int) -> None:
    transfer = begin(tsize=5000)
    for block in range(acks):
        ack(transfer, block)
    done = transfer.on_error(code, "enough")
    assert isinstance(done, Done)
    assert done.outcome == ("probe" if code in {0, 8} and not acks else "client-error")
    assert transfer.on_error(code, "") is None
    assert transfer.machine.deadline == math.inf


def test_T23_an_error_after_data_1_is_no_probe() -> None:
    assert begin().on_error(0, "No error, file close") == Done(
        "client-error", "ERROR 0: No error, file close"
    )


def test_T25_a_repeated_request_gets_the_first_datagram_again() -> None:
    transfer = begin()
    assert transfer.on_repeated_request(0.1) == SendBlocks(1, 1)
    ack(transfer, 1)
    assert transfer.on_repeated_request(0.2) is None


@given(st.lists(st.booleans(), max_size=60), st.sampled_from([{}, {"windowsize": 16}]))
def test_T30_before_an_ack_few_single_datagrams_are_sent(
    repeats: list[bool], options: dict[str, int]
) -> None:
    transfer = begin(100_000, **options)
    sent = 1
    for is_repeat in repeats:
        now = min(transfer.machine.deadline, 1000)
        action = transfer.on_repeated_request(now) if is_repeat else transfer.on_timer(now)
        if isinstance(action, Send | SendBlocks):
            sent += 1
            assert isinstance(action, Send) or action.count == 1
    assert sent <= 1 + MAX_TRIES_UNACKNOWLEDGED


def test_row41_a_request_with_a_forged_source_ends_by_itself() -> None:
    assert len(tries(begin())) == MAX_TRIES_UNACKNOWLEDGED + 1


def test_the_first_timer_is_the_setting() -> None:
    assert begin().machine.deadline == 0.25


def test_a_negotiated_timeout_is_the_ceiling_of_the_timer() -> None:
    assert begin(timeout=5).machine.deadline == 0.25
    transfer = begin(timeout=1)
    ack(transfer, 0)
    *times, _ = tries(transfer)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps) == pytest.approx(1)


def test_the_timer_follows_the_round_trip() -> None:
    transfer = begin(1_000_000)
    now = 0.0
    for block in range(1, 21):
        now += 0.001
        ack(transfer, block, now)
    assert transfer.machine.timeout_s == MIN_TIMEOUT_S
    for block in range(21, 71):
        now += 1.0
        ack(transfer, block, now)
    assert 1.0 < transfer.machine.timeout_s < 1.5
    transfer.on_timer(transfer.machine.deadline)
    assert transfer.machine.timeout_s > 2.0


def test_a_round_trip_with_a_lost_ack_in_it_is_forgotten_with_the_next() -> None:
    transfer = begin(1_000_000)
    ack(transfer, 1, 0.24)  # the client's own timer brought it
    assert transfer.machine.timeout_s > 0.5
    ack(transfer, 2, 0.2402)
    assert transfer.machine.timeout_s == MIN_TIMEOUT_S


def test_an_ack_that_comes_at_once_after_a_repeat_is_one_of_what_was_sent_before() -> None:
    transfer = begin(50_000)
    now = transfer.machine.deadline
    transfer.on_timer(now)
    ack(transfer, 1, now + 0.001)
    assert transfer.machine.deadline - now > 0.5  # such a wire has more than 0.25 s
    ack(transfer, 2, now + 0.002)
    assert transfer.machine.deadline - now < 0.1  # it hasn't: there was a loss


def test_losses_make_the_timer_no_longer() -> None:
    transfer = begin(500_000)
    now = 0.0
    for block in range(1, 900):
        now += 0.001
        if block % 2:
            now = transfer.machine.deadline
            transfer.on_timer(now)
            now += 0.001
        ack(transfer, block, now)
        assert transfer.machine.deadline - now <= 1
    assert transfer.machine.deadline - now < 0.1


class LossyWire(RuleBasedStateMachine):
    """Any datagram may be lost, doubled or overtaken; the file arrives whole all the same."""

    @initialize(
        size=st.integers(0, 400),
        blksize=st.integers(8, 40),
        windowsize=st.integers(1, 8),
        has_oack=st.booleans(),
    )
    def begin(self, *, size: int, blksize: int, windowsize: int, has_oack: bool) -> None:
        self.file = bytes(i * 7 & 0xFF for i in range(size))
        self.blksize = blksize if has_oack else 512
        windowsize = windowsize if has_oack else 1
        agreed = Terms(
            blksize=self.blksize,
            windowsize=windowsize,
            options={"blksize": blksize, "windowsize": windowsize} if has_oack else {},
        )
        self.transfer = Transfer(agreed, size, retry_timeout_s=0.25, give_up_s=1e9)
        self.agreed = agreed
        self.client = Receiver(self.blksize, windowsize)
        self.to_client: deque[Packet] = deque()
        self.to_server: deque[Ack] = deque()
        self.now = 0.0
        self.done: Done | None = None
        self.act(self.transfer.start(self.now))

    def act(self, action: Action | None) -> None:
        if isinstance(action, Done):
            assert self.done is None
            self.done = action
        elif isinstance(action, Send):
            self.to_client.append(parse(self.agreed.oack))
        elif isinstance(action, SendBlocks):
            assert 1 <= action.count <= self.agreed.windowsize
            for block in range(action.first, action.first + action.count):
                start = (block - 1) * self.blksize
                assert start <= len(self.file)
                payload = self.file[start : start + self.blksize]
                self.to_client.append(Data(block=block & 0xFFFF, payload=payload))

    def deliver_to_client(self) -> None:
        answer = self.client.on(self.to_client.popleft())
        if answer is not None:
            self.to_server.append(answer)

    def deliver_to_server(self) -> None:
        self.act(self.transfer.on_ack(self.to_server.popleft().block, self.now))

    @precondition(lambda self: self.to_client)
    @rule()
    def data_arrives(self) -> None:
        self.deliver_to_client()

    @precondition(lambda self: self.to_server)
    @rule()
    def ack_arrives(self) -> None:
        self.deliver_to_server()

    @precondition(lambda self: self.to_client)
    @rule()
    def data_is_lost(self) -> None:
        self.to_client.popleft()

    @precondition(lambda self: self.to_server)
    @rule()
    def ack_is_lost(self) -> None:
        self.to_server.popleft()

    @precondition(lambda self: self.to_client)
    @rule()
    def data_is_doubled(self) -> None:
        self.to_client.append(self.to_client[0])

    @precondition(lambda self: self.to_server)
    @rule()
    def ack_is_doubled(self) -> None:
        self.to_server.append(self.to_server[0])

    @rule(steps=st.integers(1, 5))
    def datagrams_overtake(self, steps: int) -> None:
        self.to_client.rotate(steps)
        self.to_server.rotate(steps)

    @precondition(lambda self: self.transfer.machine.is_acknowledged and self.done is None)
    @rule()
    def the_timer_runs_out(self) -> None:
        self.now = self.transfer.machine.deadline
        self.act(self.transfer.on_timer(self.now))

    def teardown(self) -> None:
        """Let the wire be good from now on: then the file must arrive, and nothing else."""
        while self.done is None:
            if self.to_server:
                self.deliver_to_server()
            elif self.to_client:
                self.deliver_to_client()
            else:
                self.now = self.transfer.machine.deadline
                self.act(self.transfer.on_timer(self.now))
        assert self.done == Done("done")
        assert b"".join(self.client.blocks) == self.file
        assert self.transfer.machine.acknowledged_bytes == len(self.file)
        assert self.transfer.on_ack(0, self.now) is None


LossyWire.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLossyWire = LossyWire.TestCase
