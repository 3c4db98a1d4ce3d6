"""Socket batches: what recvmmsg and sendmmsg need, and what the packet path leaves to be told."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe._reply cimport Outcome, Responder

cdef enum:
    BATCH = 64                # beyond 16 nothing is gained (docs/adr), nothing lost either
    DATAGRAM_MAX = 2048       # a longer one is no DHCP message of any firmware
    IDENTITY_MAX = 255        # option 97 is never cut

cdef struct Record:           # one decision, for people
    Outcome outcome
    uint32_t xid
    uint32_t interface
    uint16_t port
    uint8_t htype
    uint8_t hlen
    uint8_t chaddr[16]
    uint8_t identity_size     # option 97
    uint8_t identity[IDENTITY_MAX]

cdef class Ring:
    cdef Record *records
    cdef uint32_t mask
    cdef uint64_t head        # next to write
    cdef uint64_t tail        # next to read
    cdef readonly uint64_t lost

    cdef void push(self, Responder policy, const Outcome *outcome, uint32_t interface,
                   uint16_t port) noexcept nogil
