"""Fill in a reply that is laid out in advance: the one place where replies are written.

The backends decide which Template answers a request; see dhcp.template. Nothing is allocated.

Sources: RFC 2131 section 2 (fields) and 4.1, RFC 3046 section 2.1 (82 comes last). What EDK2, iPXE
and boot ROMs make of a reply is named at the line that obeys it.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from fastpxe._codec cimport (
    AT_CHADDR, AT_FILE, AT_FLAGS, AT_GIADDR, AT_HLEN, AT_HOPS, AT_HTYPE, AT_MAGIC, AT_OP,
    AT_OPTIONS, AT_SECS, AT_SIADDR, AT_SNAME, AT_XID, CHADDR_SIZE, COOKIE, OPT_CLIENT_ID, OPT_END,
    OPT_RELAY, OPT_SERVER_NAME, OPT_SUBNET, OPT_UUID, get32, pooled, put32,
)
cdef enum:
    BOOTREPLY = 2, FLAG_BROADCAST = 0x80, SNAME_SIZE = 64, FILE_SIZE = 128
    UUID_SIZE = 17, BOOT_ITEM_SIZE = 4


cdef load(Template *template, object source, bytearray pool):
    """Read a dhcp.template.Template; its texts go into the pool. ValueError: it doesn't fit."""
    cdef uint32_t end
    template.siaddr = source.siaddr
    template.sname = pooled(pool, source.sname)
    template.file = pooled(pool, source.file)
    template.options = pooled(pool, source.options)
    end = AT_OPTIONS + template.options.size
    if template.sname.size > SNAME_SIZE or template.file.size > FILE_SIZE or end > 0xFFFF:
        raise ValueError("sname has 64 bytes, file 128, a datagram 65,535")
    template.names_own_siaddr = source.names_own_siaddr
    template.copies_header = source.copies_header
    template.flags = FLAG_BROADCAST if source.forces_broadcast else 0
    template.ciaddr_at = hole(source.ciaddr_at, 4, end)
    template.server_id_at = hole(source.server_id_at, 4, end)
    template.uuid_at = hole(source.uuid_at, UUID_SIZE, end)
    template.boot_item_at = hole(source.boot_item_at, BOOT_ITEM_SIZE, end)
    template.relay_at = hole(source.relay_at, 2, end)
    template.tail = source.tail


cdef uint16_t hole(uint32_t at, uint32_t room, uint32_t end) except? 0:
    """The offset, once it is known that `room` bytes from there are in the reply."""
    if at + room > end:
        raise ValueError("what a request fills in must lie inside the reply")
    return <uint16_t>at


cdef uint32_t fill(const Template *template, const uint8_t *pool, const Echo *echo,
                   uint8_t *out) noexcept nogil:
    """Write the reply to a request into `out`; its size.

    `out` has room for the header and the options, and with a tail for REPLY_MAX bytes.
    """
    cdef uint32_t end = AT_OPTIONS + template.options.size
    fill_header(template, echo, out)
    memcpy(out + AT_SNAME, pool + template.sname.at, template.sname.size)
    memcpy(out + AT_FILE, pool + template.file.at, template.file.size)
    memcpy(out + AT_MAGIC, COOKIE, 4)
    memcpy(out + AT_OPTIONS, pool + template.options.at, template.options.size)
    if template.server_id_at:
        put32(out + template.server_id_at, echo.server_id)
    if template.uuid_at and echo.uuid.size >= UUID_SIZE:
        memcpy(out + template.uuid_at, echo.uuid.at, UUID_SIZE)
    if template.boot_item_at and echo.boot_item.size >= BOOT_ITEM_SIZE:
        memcpy(out + template.boot_item_at, echo.boot_item.at, BOOT_ITEM_SIZE)
    if template.relay_at and template.relay_at + 2 + echo.relay.size <= end:
        put_option(out + template.relay_at, OPT_RELAY, echo.relay)
    if template.ciaddr_at:
        put32(out + template.ciaddr_at, echo.ciaddr)
    return append(template, echo, out) if template.tail else end


cdef inline void fill_header(const Template *template, const Echo *echo,
                             uint8_t *out) noexcept nogil:
    cdef const uint8_t *header = echo.header
    memset(out, 0, AT_OPTIONS)
    out[AT_OP] = BOOTREPLY
    out[AT_HTYPE] = header[AT_HTYPE]
    out[AT_HLEN] = header[AT_HLEN]
    memcpy(out + AT_XID, header + AT_XID, 4)
    if template.copies_header:
        out[AT_HOPS] = header[AT_HOPS]
        memcpy(out + AT_SECS, header + AT_SECS, 2)
        out[AT_FLAGS] = template.flags | header[AT_FLAGS]
        out[AT_FLAGS + 1] = header[AT_FLAGS + 1]
    elif echo.ciaddr == 0:        # no address in here that a relay could unicast to
        out[AT_FLAGS] = FLAG_BROADCAST
    else:
        out[AT_FLAGS] = template.flags | header[AT_FLAGS] & FLAG_BROADCAST
    put32(out + AT_SIADDR, echo.own if template.names_own_siaddr else template.siaddr)
    memcpy(out + AT_GIADDR, header + AT_GIADDR, 4)
    memcpy(out + AT_CHADDR, header + AT_CHADDR, CHADDR_SIZE)


cdef uint32_t append(const Template *template, const Echo *echo, uint8_t *out) noexcept nogil:
    """Append the options of the tail and END; the size of the reply.

    What is before always fits: it has at most 548 bytes, which every client takes. A GUID comes
    first; of the rest 82 is served first, since the relay needs it, and written last.
    """
    cdef uint8_t *at = out + AT_OPTIONS + template.options.size
    cdef const uint8_t *limit = out + min(echo.limit, <uint32_t>REPLY_MAX) - 1
    cdef uint8_t quad[16]
    cdef Value relay = echo.relay
    cdef Value name
    cdef uint32_t size
    if echo.has_guid:
        at = put_if_room(at, limit, template.tail & TAIL_UUID, OPT_UUID, echo.uuid)
    if not template.tail & TAIL_RELAY or relay.size > 255 or limit - at < 2 + <int>relay.size:
        relay.size = 0
    if relay.size:
        limit -= 2 + relay.size
    if not echo.has_guid:
        at = put_if_room(at, limit, template.tail & TAIL_UUID, OPT_UUID, echo.uuid)
    at = put_if_room(at, limit, template.tail & TAIL_SUBNET, OPT_SUBNET, echo.subnet)
    at = put_if_room(at, limit, template.tail & TAIL_CLIENT_ID, OPT_CLIENT_ID, echo.client_id)
    if template.tail & TAIL_SERVER_NAME:
        name.at = quad
        name.size = dotted_quad(quad, get32(out + AT_SIADDR))
        at = put_if_room(at, limit, True, OPT_SERVER_NAME, name)
    if relay.size:
        at = put_option(at, OPT_RELAY, relay)
    at[0] = OPT_END
    size = <uint32_t>(at + 1 - out)
    if size < PAYLOAD_MIN:
        memset(out + size, 0, PAYLOAD_MIN - size)
        size = PAYLOAD_MIN
    return size


cdef inline uint8_t *put_option(uint8_t *at, int code, Value value) noexcept nogil:
    at[0] = <uint8_t>code
    at[1] = <uint8_t>value.size
    memcpy(at + 2, value.at, value.size)
    return at + 2 + value.size


cdef inline uint8_t *put_if_room(uint8_t *at, const uint8_t *limit, bint is_wanted, int code,
                                 Value value) noexcept nogil:
    """Append an option when it is wanted and fits before `limit`."""
    if not is_wanted or value.size == 0 or value.size > 255 or limit - at < 2 + <int>value.size:
        return at                 # a zero-length option makes EDK2 misread its neighbours
    return put_option(at, code, value)


cdef uint32_t dotted_quad(uint8_t *at, uint32_t address) noexcept nogil:
    """Write the address as text with its NUL (EDK2 overwrites what follows an open end)."""
    cdef uint8_t *start = at
    cdef uint32_t octet
    cdef int shift
    for shift in range(24, -1, -8):
        octet = address >> shift & 255
        if octet >= 100:
            at[0] = <uint8_t>(c'0' + octet // 100)
            at += 1
        if octet >= 10:
            at[0] = <uint8_t>(c'0' + octet // 10 % 10)
            at += 1
        at[0] = <uint8_t>(c'0' + octet % 10)
        at[1] = c'.' if shift else 0
        at += 2
    return <uint32_t>(at - start)


def filled(source, *, bytes header not None, uint32_t ciaddr, bytes uuid=None, bytes boot_item=None,
           bytes relay=None):
    """The reply to one request, for `explain` and proofs, by what the request says.

    header: the datagram, or its first 44 bytes. ciaddr: the client's address, 0 where it isn't
    believed. uuid, boot_item, relay: values of 97, 43.71 and 82, None where there is none.
    Templates with a tail are for the packet path alone: ValueError.
    """
    cdef Template template
    cdef Echo echo
    cdef bytes reply
    cdef bytearray pool
    if len(header) < AT_SNAME:
        raise ValueError("a header has 44 bytes up to chaddr's end")
    if source.tail:
        raise ValueError("a template with a tail is filled on the packet path")
    pool = bytearray()
    load(&template, source, pool)
    memset(&echo, 0, sizeof(echo))
    echo.header = <const uint8_t *>PyBytes_AS_STRING(header)
    echo.ciaddr = ciaddr
    echo.uuid = value_of(uuid)
    echo.boot_item = value_of(boot_item)
    echo.relay = value_of(relay)
    reply = PyBytes_FromStringAndSize(NULL, AT_OPTIONS + template.options.size)
    fill(&template, <const uint8_t *>PyByteArray_AS_STRING(pool), &echo,
         <uint8_t *>PyBytes_AS_STRING(reply))
    return reply


cdef Value value_of(bytes source):
    cdef Value value
    value.at = NULL
    value.size = 0
    if source is not None:
        value.at = <const uint8_t *>PyBytes_AS_STRING(source)
        value.size = <uint32_t>PyBytes_GET_SIZE(source)
    return value
