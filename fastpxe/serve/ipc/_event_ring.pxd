"""The memory that a worker shares with the process that logs: decisions, and counts."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe._codec cimport REASON_COUNT, Message
from fastpxe.dhcp._responder cimport Arrival, Outcome

cdef enum:
    LATENCY_STEPS = 16        # buckets of a histogram between one power of two and the next
    LATENCY_BUCKETS = 1024

cdef struct Record:           # one decision; the request follows, up to a multiple of 8 bytes
    uint32_t size             # of all that, in bytes
    bint is_padding           # nothing but the rest of the memory: the next record is at its start
    Outcome outcome
    Arrival arrival
    uint64_t at_ns            # when the kernel had it, since 1970; 0 = it didn't say
    uint32_t interface
    int error                 # why the kernel refused to send the reply, 0 if it didn't
    uint32_t request_size
    uint8_t request[4]        # its beginning

cdef struct PortCounts:       # of one socket of one worker
    uint64_t received
    uint64_t unsent
    uint64_t reasons[REASON_COUNT]
    uint64_t latency[LATENCY_BUCKETS]

cdef struct Shared:           # positions count bytes, and never go back
    uint64_t head             # where the next record goes; only the worker writes it
    uint64_t pushed           # records so far
    uint64_t lost
    uint64_t tail             # next to read; only the reader writes these two
    uint64_t taken

cdef class EventRing:
    cdef void *memory
    cdef size_t memory_size
    cdef Shared *shared
    cdef PortCounts *ports
    cdef uint8_t *records
    cdef uint32_t port_count
    cdef uint64_t room        # bytes for records, a power of two
    cdef uint64_t written     # bytes that aren't published yet,
    cdef uint64_t pending     # and how many records they are
    cdef Message message      # of the record that is read

    cdef uint64_t push(self, const Message *message, const Arrival *arrival,
                       const Outcome *outcome, uint64_t at_ns,
                       uint32_t interface) noexcept nogil
    cdef void set_send_error(self, uint64_t position, int error) noexcept nogil
    cdef void publish(self) noexcept nogil
    cdef Record *next_record(self, uint64_t *tail, uint64_t head) noexcept nogil
    cdef object decision(self, Record *record)

cdef enum:
    NOT_KEPT = -1             # instead of a position: there was no room
