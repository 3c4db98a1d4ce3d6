"""The state of one read transfer, for fastpxe.serve.tftp._transfers."""

from libc.stdint cimport int64_t, uint16_t, uint64_t

cdef enum Act:               # what is to be done now
    NOTHING
    SEND_OACK
    SEND_BLOCKS              # `count` of them from `first` on
    END                      # with the outcome that stands in `outcome`; nothing more is sent

cdef struct RetryTimer:      # RFC 6298, in seconds
    double timeout_s
    double ceiling_s
    double floor_s
    double smoothed_s
    double deviation_s

cdef class Transfer:
    cdef readonly object terms
    cdef readonly double deadline
    cdef readonly uint64_t retransmits
    cdef readonly int64_t size_bytes
    cdef readonly int64_t first
    cdef readonly int count
    cdef readonly str outcome
    cdef readonly str error
    cdef readonly int blksize
    cdef int windowsize
    cdef int64_t start_base
    cdef int64_t base
    cdef int64_t sent
    cdef int64_t last_block
    cdef double sent_at           # the last time that anything was sent
    cdef double began_at          # when the block after `base` was first sent, or before
    cdef double give_up_s
    cdef double give_up_at
    cdef RetryTimer timer
    cdef int tries
    cdef bint is_ambiguous
    cdef bint has_gone_back       # to the block after `base`, at the client's word
    cdef int after_gap            # ACKs that blocks behind a gap, which is known, may still bring
    cdef int echoes               # those that blocks which were sent twice may still bring;
    cdef int64_t resent_after     # they are the blocks after this one

    cpdef Act start(self, double now)
    cpdef Act on_ack(self, uint16_t block, double now)
    cpdef Act on_error(self, int code, str text)
    cpdef Act on_repeated_request(self, double now)
    cpdef Act on_timer(self, double now)
    cpdef Act end(self, str outcome, str error=*)
    cdef bint has_ack(self) noexcept
    cdef Act try_again(self, double now) noexcept
    cdef bint may_be_echo(self, int64_t block) noexcept
    cdef double round_trip(self, double now) noexcept
    cdef Act fill_gap(self, double now) noexcept
    cdef Act go_on(self, double now) noexcept
    cdef Act transmit(self, double now) noexcept
