"""Socket batches: what recvmmsg and sendmmsg need, and what the packet path leaves to be told."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe._codec cimport REASON_COUNT
from fastpxe.policy._respond cimport Outcome, Responder

cdef enum:
    BATCH = 64                # beyond 16 nothing is gained (docs/adr), nothing lost either
    DATAGRAM_MAX = 2048       # a longer one is no DHCP message of any firmware
    IDENTITY_MAX = 255        # option 97 is never cut
    RELAY_MAX = 15            # of option 82: one byte more than a log shows
    LATENCY_STEPS = 16        # buckets of a histogram between one power of two and the next
    LATENCY_BUCKETS = 1024

cdef struct Record:           # one decision, for people
    Outcome outcome
    uint64_t at_ns            # when the kernel had it, since 1970; 0 = it didn't say
    uint32_t xid
    uint32_t ciaddr
    uint32_t requested        # option 50, 0 = none
    uint32_t interface
    uint16_t port
    uint8_t htype
    uint8_t hlen
    int error                 # why the kernel refused to send the reply, 0 if it didn't
    uint8_t chaddr[16]
    uint8_t relay_size
    uint8_t relay[RELAY_MAX]  # how option 82 begins
    uint8_t identity_size     # option 97
    uint8_t identity[IDENTITY_MAX]

cdef struct PortCounts:       # of one socket of one worker
    uint64_t received
    uint64_t unsent
    uint64_t reasons[REASON_COUNT]
    uint64_t latency[LATENCY_BUCKETS]

cdef struct Shared:           # the memory that a worker and its parent have in common
    uint64_t head             # next record to write; only the worker writes it
    uint64_t tail             # next to read; only the parent writes it
    uint64_t lost

cdef class Board:
    cdef void *memory
    cdef size_t memory_size
    cdef Shared *shared
    cdef PortCounts *ports
    cdef Record *records
    cdef uint32_t port_count
    cdef uint32_t mask
    cdef uint32_t pending     # records written, but not published yet

    cdef uint64_t push(self, Responder policy, const Outcome *outcome, uint64_t at_ns,
                       uint32_t interface, uint16_t port) noexcept nogil
    cdef void refused(self, uint64_t number, int error) noexcept nogil
    cdef void publish(self) noexcept nogil
