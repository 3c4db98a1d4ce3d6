"""The TFTP state machine, told what may happen in any order: bytes are terms, then events.

example: fuzz/asan .venv/bin/python fuzz/fuzz_transfer.py --seconds 60
"""

import io
import math
from typing import get_args

from fuzzing import run

from fastpxe.events import Outcome
from fastpxe.tftp._transfer import (
    DO_END,
    DO_NOTHING,
    DO_SEND_BLOCKS,
    DO_SEND_OACK,
    MAX_TRIES_UNACKNOWLEDGED,
    Transfer,
)
from fastpxe.tftp.packets import Terms

BLKSIZES = (8, 512, 1468, 65464)
SIZES = (0, 1, 511, 512, 513, 100_000, 8 * 65536, 1 << 40)
OUTCOMES = set(get_args(Outcome))
TERMS = 4  # bytes
TOKENS = (b"\0\0\1", b"\0\0\2", b"\0\xff\xff", b"\1", b"\2", b"\3\0", b"\4\x10", b"\4\xff")


def seeds() -> list[bytes]:
    acks = b"".join(b"\0" + block.to_bytes(2) for block in range(30))
    return [
        bytes([blksize, size, windowsize, options]) + acks
        for blksize in range(len(BLKSIZES))
        for size in range(len(SIZES))
        for windowsize in (1, 16)
        for options in (0, 1)
    ]


def terms_of(data: bytes) -> Terms:
    """Nothing but a block size of 512 is agreed without options."""
    if not data[3] & 1:
        return Terms(blksize=512, windowsize=1, timeout_s=None, options={})
    blksize, windowsize = BLKSIZES[data[0] % len(BLKSIZES)], max(data[2] % 65, 1)
    options = {"blksize": str(blksize), "windowsize": str(windowsize)}
    return Terms(
        blksize=blksize, windowsize=windowsize, timeout_s=data[3] >> 1 or None, options=options
    )


class Wire:
    """A transfer, and what happens to it."""

    def __init__(self, data: bytes) -> None:
        self.size = SIZES[data[1] % len(SIZES)]
        self.terms = terms_of(data)
        self.last = self.size // self.terms.blksize + 1
        self.transfer = Transfer(self.terms, self.size, retry_timeout_s=0.25, give_up_s=30)
        self.events = io.BytesIO(data[TERMS:])
        self.now = 0.0
        self.unproven = 0

    def next_act(self) -> int | None:
        """Have the next thing happen; None when nothing is left."""
        kind, transfer = self.events.read(1), self.transfer
        match kind[0] % 5 if kind else None:
            case 0:
                return transfer.on_ack(int.from_bytes(self.events.read(2)), self.now)
            case 1:
                return transfer.on_repeated_request(self.now)
            case 2:
                self.now = transfer.deadline
                return transfer.on_timer(self.now)
            case 3:
                return transfer.on_error(int.from_bytes(self.events.read(1)), "why")
            case 4:
                later = self.now + int.from_bytes(self.events.read(1)) / 64
                self.now = min(later, transfer.deadline)
                return transfer.on_timer(self.now)
        return None

    def look_at(self, act: int) -> None:
        transfer = self.transfer
        assert act in {DO_NOTHING, DO_SEND_OACK, DO_SEND_BLOCKS, DO_END}
        assert 0 <= transfer.acknowledged_bytes <= self.size
        if act == DO_SEND_BLOCKS:
            assert 1 <= transfer.first <= self.last
            assert 1 <= transfer.count <= self.terms.windowsize
            assert transfer.first + transfer.count - 1 <= self.last
        if act in {DO_SEND_OACK, DO_SEND_BLOCKS} and not transfer.is_acknowledged:
            self.unproven += 1
            assert act == DO_SEND_OACK or transfer.count == 1
            assert self.unproven <= 1 + MAX_TRIES_UNACKNOWLEDGED

    def look_at_end(self) -> None:
        transfer = self.transfer
        assert transfer.outcome in OUTCOMES
        assert math.isinf(transfer.deadline)
        assert transfer.on_ack(1, self.now) == transfer.on_timer(self.now) == DO_NOTHING


def check(data: bytes) -> None:
    if len(data) < TERMS:
        return
    wire = Wire(data)
    act: int | None = wire.transfer.start(wire.now)
    while act is not None:
        wire.look_at(act)
        if act == DO_END:
            wire.look_at_end()
            return
        assert wire.now <= wire.transfer.deadline < math.inf
        act = wire.next_act()


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__, header=TERMS)
