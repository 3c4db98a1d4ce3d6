"""The C data model of answers that are remembered."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe._codec cimport Message, Tlv
from fastpxe.dhcp._responder cimport Arrival, Outcome, Responder
from fastpxe.dhcp._template cimport Template

cdef enum:
    KEY_MAX = 2048
    PATTERNS_MAX = 64         # more of one kind, and the bytes themselves go into the key

cpdef enum Target:            # how the destination follows from the request
    TO_FIXED, TO_GIADDR, TO_CIADDR, TO_SOURCE

cdef struct Key:              # everything that an answer depends on
    uint32_t size
    uint64_t hashed
    uint8_t bytes[KEY_MAX]

cdef struct Answer:
    uint64_t hashed           # 0 = an empty slot
    uint32_t key_size
    uint32_t reply_size       # 0 = silence
    uint8_t *key              # key and reply in one block
    uint8_t *reply            # the pool of the template
    Template template
    bint takes_ciaddr         # the client's address counts
    uint8_t target
    Outcome outcome

cdef struct Mask:             # bytes to compare, as dhcp-mac and dhcp-match have them
    int htype                 # -1 = any
    uint32_t size
    uint8_t value[32]
    uint8_t mask[32]

cdef class AnswerCache(Responder):
    cdef object ask
    cdef object on_error
    cdef Answer *answers
    cdef uint32_t slots
    cdef uint32_t count
    cdef uint64_t seed
    cdef uint8_t blanked[256]
    cdef Mask macs[PATTERNS_MAX]
    cdef uint32_t mac_count
    cdef bint keeps_mac
    cdef bint keeps_ciaddr
    cdef Mask identities[PATTERNS_MAX]
    cdef uint32_t identity_count
    cdef uint32_t networks[64][2]
    cdef uint32_t network_count
    cdef uint64_t *exact_macs  # sorted out by a hash of their own; 0 = empty
    cdef uint32_t exact_mask
    cdef Key key
    cdef readonly uint64_t hits
    cdef readonly uint64_t misses

    cdef bint build_key(self, const uint8_t *at, uint32_t size,
                        const Arrival *arrival) noexcept nogil
    cdef bint add_options(self, const uint8_t *at, uint32_t size) noexcept nogil
    cdef void add_end(self, const uint8_t *at, const Tlv *tlv) noexcept nogil
    cdef void add_mac(self, const uint8_t *at) noexcept nogil
    cdef bint is_known_mac(self, const uint8_t *at, uint32_t size) noexcept nogil
    cdef void load_macs(self, known) except *
    cdef Answer *find(self) noexcept nogil
    cdef uint32_t ask_and_remember(self, const Message *message, const Arrival *arrival,
                                   uint8_t *out, Outcome *outcome, bint is_plain) noexcept nogil
    cdef void report(self, error) noexcept
    cdef int remember(self, const uint8_t *reply, uint32_t reply_size, const Outcome *outcome,
                      object decided) except -1
    cdef void forget(self) noexcept nogil
