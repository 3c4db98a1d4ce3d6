"""The C data model of a DHCP request on its way to a rule.

Addresses and ports are host-order integers; a Span points into the owner's pool.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe.policy._host_table cimport HostBootTable, hash_of

cdef extern from *:
    """
    #define COOKIE ((const uint8_t *)"\\x63\\x82\\x53\\x63")
    #define PXE_CLASS ((const uint8_t *)"PXEClient")
    #define HTTP_CLASS ((const uint8_t *)"HTTPClient")
    #define IPXE_CLASS ((const uint8_t *)"iPXE")
    """
    const uint8_t *COOKIE     # RFC 2131 section 3
    const uint8_t *PXE_CLASS
    const uint8_t *HTTP_CLASS
    const uint8_t *IPXE_CLASS

cdef enum:
    DHCP_MAX = 65507          # the largest UDP payload
    ARCH_LIST_MAX = 16        # values of option 93 that are looked at

cdef enum:                    # header offsets, RFC 2131 section 2
    AT_OP = 0, AT_HTYPE = 1, AT_HLEN = 2, AT_HOPS = 3, AT_XID = 4, AT_SECS = 8, AT_FLAGS = 10
    AT_CIADDR = 12, AT_YIADDR = 16, AT_SIADDR = 20, AT_GIADDR = 24, AT_CHADDR = 28
    AT_SNAME = 44, AT_FILE = 108, AT_MAGIC = 236, AT_OPTIONS = 240

cdef enum:
    BOOTREQUEST = 1, CHADDR_SIZE = 16, HOPS_MAX = 16, ARCH_RPI = 41

cdef enum:
    OPT_PAD = 0, OPT_VENDOR = 43, OPT_REQUESTED = 50, OPT_OVERLOAD = 52, OPT_TYPE = 53
    OPT_SERVER_ID = 54, OPT_MAX_SIZE = 57, OPT_CLASS = 60, OPT_CLIENT_ID = 61
    OPT_SERVER_NAME = 66, OPT_BOOTFILE = 67, OPT_USER_CLASS = 77, OPT_RELAY = 82, OPT_ARCH = 93
    OPT_UUID = 97, OPT_SUBNET = 118, OPT_IPXE = 175, OPT_END = 255

cdef enum:
    RELAY_LINK = 5, RELAY_OVERRIDE = 11, PXE_BOOT_ITEM = 71

cpdef enum Reason:            # why a datagram got no answer; its words are REASONS
    ANSWERED, SHORT, BAD_MAGIC, NOT_A_REQUEST, BAD_HLEN, BAD_HOPS, OPTION_TOO_LONG
    NOT_PXE, WRONG_TYPE, BAD_GIADDR, BAD_CIADDR, BAD_SOURCE, OWN_PACKET
    FOR_OTHER_SERVER, CHOSE_US, OTHER_SERVER_ID, HTTP_ON_4011, TOO_EARLY
    CREDENTIALS, UNSERVED_ITEM, NO_RULE, NO_RANGE, NO_ARCH, UNKNOWN_ARCH, DENIED, NO_DESTINATION
    ENGINE_ERROR, TOO_LONG, MAC_LIMIT, RELAY_LIMIT

cdef enum:
    REASON_COUNT = RELAY_LIMIT + 1

cpdef enum Family:            # of option 60
    FAMILY_NONE, FAMILY_PXE, FAMILY_HTTP

cpdef enum Kind:              # what a client can use; a rule has one reply for each
    KIND_BIOS, KIND_UEFI, KIND_IPXE, KIND_HTTP, KIND_RPI

cdef enum:
    KIND_COUNT = KIND_RPI + 1

cpdef enum NoReply:           # instead of a reply
    NOT_SERVED = -1           # the rule has nothing for this kind of client: look further
    NO_REPLY = -2             # the rule says: no answer

cpdef enum MatchKind:          # what a Test compares; those of one rule are sorted by kind
    TEST_MAC, TEST_UUID, TEST_SUBNET, TEST_VENDOR_CLASS, TEST_USER_CLASS

cpdef enum MatchHow:           # how it compares a text
    HOW_EXACT, HOW_PREFIX, HOW_CONTAINS

cdef enum:
    FIRST_IPXE_FEATURE = 0x10  # the sub-option of option 175 that is bit 0 of ipxe_features

cdef struct Message:
    const uint8_t *at         # the datagram
    uint32_t size
    uint8_t message_type      # option 53; 0 when absent or not 1..8
    uint8_t family
    bint truncated            # an option overran its area; those before it stand
    bint relay_is_valid       # option 82 is a well-formed list
    bint is_ipxe
    uint32_t ipxe_features    # option 175: bit n = sub-option FIRST_IPXE_FEATURE + n
    uint32_t arch_count
    uint16_t arches[ARCH_LIST_MAX]
    const uint8_t *uuid       # 16 bytes in the wire's order, or NULL
    bint has_boot_item        # option 43.71
    const uint8_t *boot_item  # its type and layer, 4 bytes
    uint16_t boot_item_type
    uint16_t boot_item_layer
    uint32_t server_id        # option 54; 0 = absent
    uint32_t requested        # option 50
    uint32_t subnet           # option 118
    uint32_t link             # option 82.5
    uint32_t override         # option 82.11
    uint32_t reply_limit      # bytes of UDP payload that the client takes
    uint32_t areas[3][2]      # options, file, sname: start and end, in parse order
    uint32_t area_count
    uint32_t where[256]       # option code -> offset << 16 | length; 0 = absent
    uint64_t is_joined[4]     # bit set: the offset is into `joined` (RFC 3396)
    uint8_t joined[DHCP_MAX + 1]

cdef struct Span:             # into the pool
    uint32_t at
    uint32_t size

cdef struct Test:             # one alternative of one condition
    uint8_t kind
    uint8_t how
    Span value
    Span mask

cdef struct Rule:             # conditions are AND-ed, the tests of one kind OR-ed
    uint64_t arches           # bit = arch slot; 0 = any
    int ipxe                  # -1 any, 0 no, 1 yes
    uint32_t ipxe_features    # bits as in Message, all of which must be there
    uint32_t first_test
    uint32_t test_count
    uint32_t key_at           # where among the rule's tests those begin that an index has,
    uint32_t key_count        # and how many they are; 0 for an open rule
    int32_t replies[KIND_COUNT]
    uint32_t boot             # number of its name; other rules may have the same, 0 = none
    bint hosts_only           # for hosts that are to get this boot, nobody else

cdef struct Entry:            # of a hash bucket: rules in file order
    const uint8_t *key
    int32_t rule
    int32_t next

cdef struct Index:            # exact keys -> rules; the rule's other tests are yet to be made
    uint32_t mask
    int32_t *heads
    Entry *entries

cdef inline uint16_t get16(const uint8_t *at) noexcept nogil:
    return <uint16_t>(at[0] << 8 | at[1])

cdef inline uint32_t get32(const uint8_t *at) noexcept nogil:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]

cdef inline void put32(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 24)
    at[1] = <uint8_t>(value >> 16)
    at[2] = <uint8_t>(value >> 8)
    at[3] = <uint8_t>value

cdef struct Tlv:              # a cursor over code, length, value
    const uint8_t *at
    const uint8_t *end
    uint8_t code
    uint8_t size
    const uint8_t *value


cdef enum Step:
    STEP_VALUE, STEP_END, STEP_OVERRUN


cdef inline Step next_tlv(Tlv *tlv) noexcept nogil:
    """Move to the next option; the only place where a length from the wire is trusted."""
    while tlv.at < tlv.end and tlv.at[0] == OPT_PAD:
        tlv.at += 1
    if tlv.at == tlv.end or tlv.at[0] == OPT_END:
        return STEP_END
    if tlv.end - tlv.at < 2 or tlv.end - tlv.at < 2 + tlv.at[1]:
        return STEP_OVERRUN
    tlv.code = tlv.at[0]
    tlv.size = tlv.at[1]
    tlv.value = tlv.at + 2
    tlv.at = tlv.value + tlv.size
    return STEP_VALUE


cdef inline Tlv tlv_over(const uint8_t *at, uint32_t size) noexcept nogil:
    cdef Tlv tlv
    tlv.at = at
    tlv.end = at + size if size else at     # an option that is not there is at NULL
    tlv.code = 0
    tlv.size = 0
    tlv.value = at
    return tlv


cdef int parse(Message *message, const uint8_t *at, uint32_t size) noexcept nogil
cdef const uint8_t *option(const Message *message, int code, uint32_t *size) noexcept nogil
cdef const uint8_t *first_instance(const Message *message, int code, uint32_t least,
                                   uint32_t *size) noexcept nogil
cdef int kind_of(const Message *message, int32_t arch) noexcept nogil
cdef bint is_user_class_list(const uint8_t *at, uint32_t size) noexcept nogil
cdef void *allocate(size_t count, size_t size) except NULL
cdef Span pooled(bytearray pool, bytes value)

cdef class Matcher:
    cdef const uint8_t *pool
    cdef object pool_owner
    cdef Rule *rules
    cdef Test *tests
    cdef uint32_t rule_count
    cdef int32_t *open_rules  # those with no exact key, in file order
    cdef uint32_t open_count
    cdef Index by_mac
    cdef Index by_uuid
    cdef uint32_t *boots      # boot number -> where its rules begin in boot_rules; one more ends
    cdef uint32_t boot_count
    cdef int32_t *boot_rules  # grouped by boot, in file order
    cdef HostBootTable hosts          # or None
    cdef bint takes_any_arch  # some rule is open to every architecture
    cdef uint8_t *arch_slots  # 65,536: arch number -> slot; 0 = no rule names it

    cdef load_rules(self, rules, reply_count, bytearray pool)
    cdef load_boots(self)
    cdef load_indexes(self)
    cdef bint is_exact(self, const Rule *rule, int kind, uint32_t size) noexcept
    cdef uint32_t set_key(self, Rule *rule, int kind) noexcept
    cdef int32_t arch_of(self, const Message *message) noexcept nogil
    cdef int32_t find(self, const Message *message, int kind, int32_t arch,
                      uint32_t subnet) noexcept nogil
    cdef int32_t first_of(self, uint32_t boot, const Message *message, int kind,
                          uint64_t arch_bit, uint32_t subnet) noexcept nogil
    cdef int32_t first_in(self, const Index *index, const uint8_t *key, uint32_t size,
                          int32_t best, const Message *message, int kind, uint64_t arch_bit,
                          uint32_t subnet) noexcept nogil
