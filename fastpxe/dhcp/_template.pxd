"""The C data model of a reply that is laid out in advance."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpxe._codec cimport Span

cdef enum:
    REPLY_MAX = 1472          # EDK2 drops larger ones (PXEBC_DHCP4_PACKET_MAX_SIZE)
    PAYLOAD_MIN = 300         # BOOTP heritage, RFC 1542: some clients drop shorter replies

cpdef enum Tail:              # options behind the base, bit by bit; each in dhcp.template.Template
    TAIL_UUID = 1             # 97, as the request has it
    TAIL_SUBNET = 2           # 118, unless 82.5 counts in its place
    TAIL_CLIENT_ID = 4        # 61
    TAIL_SERVER_NAME = 8      # 66: the dotted quad of siaddr
    TAIL_RELAY = 16           # 82, last (RFC 3046 section 2.1)

cdef struct Template:         # see dhcp.template.Template; spans are in a pool of the owner's
    uint32_t siaddr
    Span sname
    Span file
    Span options
    uint16_t ciaddr_at
    uint16_t server_id_at
    uint16_t uuid_at
    uint16_t boot_item_at
    uint16_t relay_at
    uint8_t tail
    uint8_t flags             # the first byte of the field
    bint copies_header
    bint names_own_siaddr

cdef struct Value:            # of an option; size 0 = not there
    const uint8_t *at
    uint32_t size

cdef struct Echo:             # what a request gives its reply
    const uint8_t *header     # op to chaddr: 44 bytes
    uint32_t ciaddr           # 0 = none, or not believed
    bint has_guid             # `uuid` is a type 0 and 16 bytes, so that it goes before the rest
    Value uuid
    Value boot_item           # type and layer
    Value relay
    Value subnet
    Value client_id
    uint32_t server_id
    uint32_t own              # our address on the interface
    uint32_t limit            # bytes of UDP payload that the client takes

cdef load(Template *template, object source, bytearray pool)
cdef uint32_t fill(const Template *template, const uint8_t *pool, const Echo *echo,
                   uint8_t *out) noexcept nogil
