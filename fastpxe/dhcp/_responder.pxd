"""What a DHCP port and a backend say to each other about one request."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from fastpxe._codec cimport Message

cdef struct Arrival:          # how a datagram came in
    uint32_t source
    uint16_t source_port
    uint16_t port             # 67 or 4011: where it was received
    uint32_t address          # ours on that interface: option 54 and source of the reply
    uint32_t netmask
    uint32_t now_ms           # of any clock; it may wrap

cdef struct Outcome:          # what was decided on one datagram
    uint8_t reason            # 0 = answered
    uint8_t kind
    uint8_t message_type
    uint8_t is_ipxe
    int32_t arch              # -1 = none given
    int32_t rule              # -1 = none
    int32_t reply
    uint32_t to
    uint16_t to_port
    uint32_t siaddr
    uint32_t delay_ms         # how long the reply is held back

cdef class Responder:
    cdef uint32_t answer(self, const Message *message, int fault, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil

cdef inline void clear_outcome(Outcome *outcome) noexcept nogil:
    memset(outcome, 0, sizeof(Outcome))
    outcome.arch = -1
    outcome.rule = -1
    outcome.reply = -1
