"""The C data model of a DHCP answer."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from libc.string cimport memset

from fastpxe._codec cimport Matcher, Message, Span

cdef enum:
    FIRST_ITEM_TYPE = 0x8000  # boot server types of a menu, in its order
    REPLY_MAX = 1472          # EDK2 drops larger ones (PXEBC_DHCP4_PACKET_MAX_SIZE)

cdef struct Arrival:          # how a datagram came in
    uint32_t source
    uint16_t source_port
    uint16_t port             # 67 or 4011: where it was heard
    uint32_t address          # ours on that interface: option 54 and source of the reply
    uint32_t netmask
    uint32_t now_ms           # of any clock; it may wrap

cdef struct Bucket:           # of a rate limit: thousandths of a request that may still come
    uint32_t key
    uint32_t at_ms
    uint32_t tokens

cdef struct Reply:
    uint8_t family
    bint names_server         # option 66 with the dotted quad of siaddr
    uint32_t offer_siaddr     # 0 = our own address
    uint32_t ack_siaddr
    Span file                 # header field, no NUL
    Span offer_vendor         # option 43, its END included
    Span ack_vendor
    Span bootfile             # option 67, its NUL included
    int32_t first_item        # of a menu: the reply to the choice of its first file
    int32_t item_count        # how many follow it; 0 = no menu
    uint32_t delay_ms

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

cdef class Responder:         # what a DHCP socket asks
    cdef Message scratch      # the request last asked about: at, and where option 97 is

    cdef uint32_t answer(self, const uint8_t *at, uint32_t size, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil

cdef inline void clear_outcome(Outcome *outcome) noexcept nogil:
    memset(outcome, 0, sizeof(Outcome))
    outcome.arch = -1
    outcome.rule = -1
    outcome.reply = -1

cdef enum:
    BUCKETS = 16384           # two machines that share one take it from each other

cdef class Policy(Responder):
    cdef Matcher matcher
    cdef const uint8_t *pool
    cdef object pool_owner
    cdef Reply *replies
    cdef uint32_t *own        # this machine's addresses
    cdef uint32_t own_count
    cdef bint honour_override
    cdef bint accept_foreign
    cdef bint echo_client_id
    cdef uint32_t min_secs
    cdef uint32_t mac_limit   # requests a second; 0 = no limit
    cdef uint32_t relay_limit
    cdef Bucket *mac_buckets
    cdef Bucket *relay_buckets

    cdef load_replies(self, replies, bytearray pool)
    cdef int refuse_rate(self, const Message *message, const Arrival *arrival) noexcept nogil
    cdef int32_t chosen(self, const Reply *reply, const Message *message,
                        int32_t index) noexcept nogil
    cdef int refuse(self, const Message *message, const Arrival *arrival,
                    uint32_t server_id) noexcept nogil
