"""One read transfer as a state machine: packets and the time in, at most one thing to do out.

The OACK is block 0, so that one rule serves it and DATA alike: `base` is the last block that the
client acknowledged, `sent` the last one sent, both counted without the 16-bit wrap of the wire.

    base = -1        the OACK is out, ACK 0 awaited      (base starts at 0 without an OACK)
    base < last      blocks base+1 to sent are out
    base = last      done

Sources:
  RFC 1350 section 6 (end), RFC 1123 section 4.2.3.1 (Sorcerer's Apprentice), RFC 2347 and 2349,
  RFC 7440 section 4 (windows), RFC 6298 (the timer); EDK2 Mtftp4Rrq.c.
"""

cimport cython
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int64_t, uint16_t

cdef enum:
    UNDEFINED = 0
    OPTION_NEGOTIATION = 8
    FAR_SHORTER = 8
    TRIES_MAX = 6             # before a first ACK: the request's source may be forged

MAX_TIMEOUT_S = 8.0
# Under this a busy client is taken for a lost datagram; iPXE's and EDK2's own are above it.
MIN_TIMEOUT_S = 0.05
MAX_TRIES_UNACKNOWLEDGED = TRIES_MAX
DO_NOTHING, DO_SEND_OACK, DO_SEND_BLOCKS, DO_END = NOTHING, SEND_OACK, SEND_BLOCKS, END


cdef RetryTimer retry_timer(double first_s, double ceiling_s):
    cdef RetryTimer timer
    timer.timeout_s = min(first_s, ceiling_s)
    timer.ceiling_s = ceiling_s
    timer.floor_s = min(<double>MIN_TIMEOUT_S, first_s)
    timer.smoothed_s = timer.deviation_s = 0
    return timer


cdef void measured(RetryTimer *timer, double round_trip_s) noexcept nogil:
    """Adapt to a round trip; a backed-off timeout ends here.

    A time that is much shorter than those before it says that they had a loss in them: when an ACK
    is lost, it is the client's timer that brings the next.
    """
    cdef double wanted
    if timer.smoothed_s and round_trip_s > timer.smoothed_s / FAR_SHORTER:
        timer.deviation_s += (fabs(timer.smoothed_s - round_trip_s) - timer.deviation_s) / 4
        timer.smoothed_s += (round_trip_s - timer.smoothed_s) / 8
    else:
        timer.smoothed_s = round_trip_s
        timer.deviation_s = round_trip_s / 2
    wanted = timer.smoothed_s + 4 * timer.deviation_s
    timer.timeout_s = min(max(wanted, timer.floor_s), timer.ceiling_s)


@cython.final
cdef class Transfer:
    """A file of `size_bytes` on its way to one client, by the `terms` negotiated (tftp.Terms).

    `deadline` is when `on_timer` wants to be called, in the seconds of `now`; infinite when over.
    `retransmits` counts datagrams sent again. When a method says DO_SEND_BLOCKS, `count` blocks
    from `first` on are meant, numbered from 1 without wrap; with DO_END, `outcome` is one of
    events.Outcome and `error` says more.

    A negotiated `timeout` (RFC 2349) is a ceiling for every timer, not the first one: U-Boot asks
    for 5 s by default, and a lost block should not cost it 5 s where the wire answers in 1 ms;
    a client that asks for 1 s is never kept waiting longer.
    """

    def __init__(self, terms not None, int64_t size_bytes, *, double retry_timeout_s,
                 double give_up_s):
        cdef double ceiling_s = MAX_TIMEOUT_S
        if terms.timeout_s is not None:
            ceiling_s = min(ceiling_s, <double>terms.timeout_s)
        self.terms = terms
        self.blksize = terms.blksize
        self.windowsize = terms.windowsize
        self.size_bytes = size_bytes
        # A block shorter than blksize ends the file, an empty one if need be: RFC 1350 section 6.
        self.last_block = size_bytes // self.blksize + 1
        self.start_base = self.base = self.sent = -1 if terms.options else 0
        self.timer = retry_timer(retry_timeout_s, ceiling_s)
        self.give_up_s = give_up_s
        self.give_up_at = self.deadline = INFINITY
        self.outcome = self.error = ""

    @property
    def is_acknowledged(self):
        """Whether the client has shown, by an ACK, that it is there."""
        return self.has_ack()

    @property
    def acknowledged_bytes(self):
        """How much of the file the client has acknowledged."""
        return min(max(self.base, 0) * self.blksize, self.size_bytes)

    @property
    def timeout_s(self):
        """How long an ACK is waited for now."""
        return self.timer.timeout_s

    cpdef Act start(self, double now):
        """Begin: with the OACK, or with DATA 1 when no option was granted."""
        self.give_up_at = now + self.give_up_s
        self.began_at = now
        return self.transmit(now)

    cpdef Act on_ack(self, uint16_t block, double now):
        """Take an ACK that came from the client."""
        cdef int64_t step = <uint16_t>(block - <uint16_t>self.base)   # the wire wraps to 0
        cdef bint is_echo
        if self.deadline == INFINITY or step > self.sent - self.base:
            return NOTHING         # over; never sent, or old: GRUB acknowledges old blocks again
        is_echo = step < self.sent - self.base and self.may_be_echo(self.base + step)
        if step == 0:
            # The first block of the window is lost: go back to it, once. Never in lockstep: that
            # doubles every block to the end (RFC 1123 section 4.2.3.1).
            if self.windowsize == 1 or self.base < 0 or is_echo or self.has_gone_back:
                return NOTHING
            self.has_gone_back = True
            return self.fill_gap(now)
        measured(&self.timer, self.round_trip(now))
        if not self.is_ambiguous:
            self.echoes = 0        # they would have come before this ACK
        self.base += step
        # What is awaited now goes out with what comes next, or went out with what came last.
        self.began_at = now if self.base == self.sent else self.sent_at
        self.has_gone_back = False
        self.after_gap = 0
        self.tries = 0
        self.give_up_at = now + self.give_up_s
        if self.base == self.last_block:
            return self.end("done")
        return self.go_on(now) if is_echo else self.fill_gap(now)

    cpdef Act on_error(self, int code, str text):
        """Take an ERROR that came from the client: EDK2 asks for tsize before every download."""
        if self.deadline == INFINITY:
            return NOTHING
        if self.base < 0 and (code == UNDEFINED or code == OPTION_NEGOTIATION):
            return self.end("probe")
        return self.end("client-error", f"ERROR {code}: {text}" if text else f"ERROR {code}")

    cpdef Act on_repeated_request(self, double now):
        """Take a copy of the request that came before any ACK: the answer was lost, or is late.

        iPXE repeats it after 0.25 s. It counts as a try, or a flood of copies would be amplified.
        """
        if self.has_ack() or self.tries >= TRIES_MAX:
            return NOTHING
        return self.try_again(now)

    cpdef Act on_timer(self, double now):
        """Send again or give up, if `deadline` has passed."""
        if now < self.deadline:
            return NOTHING
        if self.sent == self.last_block and now >= self.give_up_at:
            return self.end("timeout", "the last block was never acknowledged")
        if now >= self.give_up_at:
            return self.end("timeout", "no acknowledgement")
        if not self.has_ack() and self.tries >= TRIES_MAX:
            return self.end("timeout", "the first datagram was never acknowledged")
        return self.try_again(now)

    cpdef Act end(self, str outcome, str error=""):
        """Be over, for a reason of the state machine's or of the server's own."""
        self.deadline = INFINITY
        self.outcome = outcome
        self.error = error
        return END

    cdef bint has_ack(self) noexcept:
        return self.base > self.start_base

    cdef Act try_again(self, double now) noexcept:
        self.tries += 1
        self.has_gone_back = False     # what was said before has come by now
        self.after_gap = 0
        self.timer.timeout_s = min(self.timer.timeout_s * 2, self.timer.ceiling_s)
        return self.transmit(now)

    cdef bint may_be_echo(self, int64_t block) noexcept:
        """Whether an ACK that isn't one of all that was sent may say nothing new.

        EDK2 sends an ACK for each block that it didn't expect: after a gap, and where it has the
        block already. So there is one for each block that was on its way behind a gap, and where
        blocks were sent twice as many more as it had of them. To believe all of those would send
        each window twice to the end.
        """
        if block == self.base and self.after_gap > 0:
            self.after_gap -= 1
            return True
        self.echoes = <int>min(<int64_t>self.echoes, block - self.resent_after)
        if self.echoes <= 0:
            return False
        self.echoes -= 1
        return True

    cdef double round_trip(self, double now) noexcept:
        """How long an ACK of all or a part took, as far as that can be told."""
        cdef double last = now - self.sent_at
        if not self.is_ambiguous or last > self.timer.smoothed_s / 2 > 0:
            return last
        return now - self.began_at     # too early for what was sent last: that came too late

    cdef Act fill_gap(self, double now) noexcept:
        """Send a window at the client's word: all was acknowledged, or the next block is lost."""
        # The first block behind the gap brought this ACK, and the lost one brings none.
        self.after_gap = <int>max(0, self.sent - self.base - 2)
        return self.transmit(now)

    cdef Act go_on(self, double now) noexcept:
        """Send what the window has room for, behind what is on its way.

        The ACK was of a block that came twice, so what follows it isn't lost for all that is known.
        """
        self.first = self.sent + 1
        self.sent = min(self.base + self.windowsize, self.last_block)
        self.count = <int>(self.sent + 1 - self.first)
        self.sent_at = now
        self.deadline = min(now + self.timer.timeout_s, self.give_up_at)
        return SEND_BLOCKS if self.count else NOTHING

    cdef Act transmit(self, double now) noexcept:
        """Send everything after `base`: a whole window, for EDK2 counts it from its last ACK."""
        cdef int64_t in_flight = self.sent - self.base
        self.retransmits += in_flight
        self.is_ambiguous = in_flight > 0     # a copy of what is awaited was sent before
        if in_flight:
            self.echoes = <int>in_flight
            self.resent_after = self.base
        self.sent_at = now
        self.deadline = min(now + self.timer.timeout_s, self.give_up_at)
        if self.base < 0:
            self.sent = 0
            return SEND_OACK
        self.sent = min(self.base + self.windowsize, self.last_block)
        self.first = self.base + 1
        self.count = <int>(self.sent - self.base)
        return SEND_BLOCKS
