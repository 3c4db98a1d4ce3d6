"""A parsed DHCP request as Python sees it: for tests, `explain`, and people."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from fastpxe._codec cimport *

from fastpxe._codec import REASONS
from fastpxe.errors import MalformedPacket


@cython.final
cdef class Request:
    """A DHCP request, parsed. Raises MalformedPacket when it is none.

    Addresses are integers; an option that is absent or of the wrong size reads as None or 0.
    """

    cdef Message message
    cdef bytes datagram

    def __init__(self, bytes datagram not None):
        cdef int reason
        self.datagram = datagram
        reason = parse(&self.message, <const uint8_t *>PyBytes_AS_STRING(datagram),
                       <uint32_t>PyBytes_GET_SIZE(datagram))
        if reason:
            self.datagram = None
            raise MalformedPacket(REASONS[reason])

    cdef const Message *valid(self) except NULL:
        if self.datagram is None:
            raise TypeError("this Request was never parsed")
        return &self.message

    def option(self, int code):
        """The joined value of an option (RFC 3396), or None."""
        cdef uint32_t size
        cdef const uint8_t *value
        if not 0 <= code <= 255:
            raise ValueError("option codes are 0 to 255")
        value = option(self.valid(), code, &size)
        return None if value == NULL else PyBytes_FromStringAndSize(<const char *>value, size)

    def enterprise(self, int code):
        """RFC 3925: option 124 or 125 as ((enterprise, data), ...); () when malformed."""
        cdef uint32_t size, i = 0
        cdef const uint8_t *value
        cdef list found = []
        if code not in (124, 125):
            raise ValueError("RFC 3925 options are 124 and 125")
        value = option(self.valid(), code, &size)
        while i < size:
            if size - i < 5 or size - i - 5 < value[i + 4]:
                return ()
            data = PyBytes_FromStringAndSize(<const char *>value + i + 5, value[i + 4])
            if not is_well_nested(code, value + i + 5, value[i + 4]):
                return ()
            found.append((get32(value + i), data))
            i += 5 + value[i + 4]
        return tuple(found)

    def kind_as(self, int arch):
        """What it can use, if its architecture is `arch` (-1 = none): an index into KINDS."""
        return kind_of(self.valid(), arch)

    @property
    def xid(self):
        return get32(self.valid().at + AT_XID)

    @property
    def htype(self):
        return self.valid().at[AT_HTYPE]

    @property
    def hlen(self):
        return self.valid().at[AT_HLEN]

    @property
    def flags(self):
        return get16(self.valid().at + AT_FLAGS)

    @property
    def secs(self):
        return get16(self.valid().at + AT_SECS)

    @property
    def ciaddr(self):
        return get32(self.valid().at + AT_CIADDR)

    @property
    def giaddr(self):
        return get32(self.valid().at + AT_GIADDR)

    @property
    def chaddr(self):
        return PyBytes_FromStringAndSize(<const char *>self.valid().at + AT_CHADDR, CHADDR_SIZE)

    @property
    def message_type(self):
        return self.valid().message_type

    @property
    def family(self):
        return ("", "PXEClient", "HTTPClient")[self.valid().family]

    @property
    def arches(self):
        return tuple([self.message.arches[i] for i in range(self.valid().arch_count)])

    @property
    def uuid(self):
        if self.valid().uuid == NULL:
            return None
        return PyBytes_FromStringAndSize(<const char *>self.message.uuid, 16)

    @property
    def user_classes(self):
        value = self.option(OPT_USER_CLASS)
        if not value:
            return ()
        if not is_user_class_list(<const uint8_t *>PyBytes_AS_STRING(value), len(value)):
            return (value,)
        found = []
        at = 0
        while at < len(value):
            found.append(value[at + 1:at + 1 + value[at]])
            at += 1 + value[at]
        return tuple(found)

    @property
    def is_ipxe(self):
        return bool(self.valid().is_ipxe)

    @property
    def ipxe_features(self):
        """Sub-option codes 0x10 and up of option 175."""
        return tuple([0x10 + i for i in range(32) if self.valid().ipxe_features >> i & 1])

    @property
    def boot_item(self):
        """Option 43.71 as (type, layer), or None."""
        if not self.valid().has_boot_item:
            return None
        return self.message.boot_item_type, self.message.boot_item_layer

    @property
    def server_id(self):
        return self.valid().server_id

    @property
    def requested_address(self):
        return self.valid().requested

    @property
    def subnet_selection(self):
        return self.valid().subnet

    @property
    def link_selection(self):
        return self.valid().link

    @property
    def server_id_override(self):
        return self.valid().override

    @property
    def reply_limit(self):
        """Bytes of UDP payload that the client takes."""
        return self.valid().reply_limit

    @property
    def is_truncated(self):
        return bool(self.valid().truncated)


cdef bint is_well_nested(int code, const uint8_t *at, uint32_t size) noexcept nogil:
    """The data of 125 is a list of code, length, value that fills it exactly; 124's is opaque."""
    cdef uint32_t i = 0
    if code == 124:
        return True
    while i < size:
        if size - i < 2 or size - i - 2 < at[i + 1]:
            return False
        i += 2 + at[i + 1]
    return True
