"""The C data model of a policy: rules, and the replies that they lead to."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from fastpxe._codec cimport Matcher, Message
from fastpxe.dhcp._responder cimport Arrival, Outcome, Responder
from fastpxe.dhcp._template cimport Template

cdef enum:
    FIRST_ITEM_TYPE = 0x8000  # boot server types of a menu, in its order

cdef struct Bucket:           # of a rate limit: thousandths of a request that may still come
    uint32_t key
    uint32_t at_ms
    uint32_t tokens

cdef struct Reply:            # see policy.replies.ReplyRow
    Template offer
    Template ack
    Template item_ack         # to a request for a boot server type (43.71)
    int32_t first_item        # of a menu: the reply to the choice of its first file
    int32_t item_count        # how many follow it; 0 = no menu
    uint32_t delay_ms

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
    cdef uint32_t min_secs
    cdef uint32_t mac_limit   # requests a second; 0 = no limit
    cdef uint32_t relay_limit
    cdef Bucket *mac_buckets
    cdef Bucket *relay_buckets

    cdef load_replies(self, rows, bytearray pool)
    cdef int refuse_rate(self, const Message *message, const Arrival *arrival) noexcept nogil
    cdef int32_t chosen(self, const Reply *reply, const Message *message,
                        int32_t index) noexcept nogil
    cdef int refuse(self, const Message *message, const Arrival *arrival,
                    uint32_t server_id) noexcept nogil
