"""What to say to a DHCP request, and how to write it: decide, then render.

DECIDE asks whether the message is ours to answer, with what, and where to. RENDER copies what the
request fixes and fills in what the reply says. Neither allocates.

Sources: RFC 2131 section 4.1 (addressing), RFC 3046 (82), PXE 2.1 (43, port 4011).
What EDK2, iPXE and boot ROMs make of a reply is named at the line that obeys it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from fastpxe._codec cimport *
from fastpxe.policy._host_table cimport hash_of

from fastpxe._codec import REASONS as _REASONS
from fastpxe.errors import MalformedPacket

cdef enum:
    BOOTREPLY = 2, FLAG_BROADCAST = 0x80

cdef enum:
    DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, INFORM = 8

cdef enum:
    PAYLOAD_MIN = 300         # BOOTP heritage, RFC 1542: some clients drop shorter replies

# ---------------------------------------------------------------------------------------------
# DECIDE: is it ours to answer, with what, and where to.
# ---------------------------------------------------------------------------------------------

cdef inline bint is_unicast(uint32_t address) noexcept nogil:
    """An address that a reply may be sent to: not 0/8, loopback, multicast, reserved, broadcast."""
    cdef uint32_t first = address >> 24
    return first != 0 and first != 127 and first < 224


cdef inline bint is_reflector(uint16_t port) noexcept nogil:
    """Source ports whose owner would answer our answer: echo, chargen, servers, or nobody."""
    return port == 0 or port == 7 or port == 19 or port == 67 or port == 69


cdef bint is_own(Policy policy, uint32_t address) noexcept nogil:
    cdef uint32_t i
    for i in range(policy.own_count):
        if policy.own[i] == address:
            return True
    return False


cdef int refuse_addresses(Policy policy, const Message *message,
                          const Arrival *arrival) noexcept nogil:
    """Addresses that would aim an answer at somebody else, or at ourselves."""
    cdef uint32_t ciaddr = get32(message.at + AT_CIADDR)
    cdef uint32_t giaddr = get32(message.at + AT_GIADDR)
    if giaddr and (not is_unicast(giaddr) or is_own(policy, giaddr)):
        return BAD_GIADDR
    if ciaddr and not is_unicast(ciaddr):
        return BAD_CIADDR
    if arrival.source and not is_unicast(arrival.source):
        return BAD_SOURCE
    if arrival.port == 67:
        if ciaddr and is_own(policy, ciaddr):
            return BAD_CIADDR     # the answer would come to ourselves
        return OWN_PACKET if arrival.source and arrival.source_port == 67 and is_own(
            policy, arrival.source) else ANSWERED
    if is_own(policy, arrival.source) and arrival.source_port == 4011:
        return OWN_PACKET
    if is_reflector(arrival.source_port) and not (
            giaddr and giaddr == arrival.source and arrival.source_port == 67):
        return BAD_SOURCE
    return ANSWERED


cdef int refuse_on_67(Policy policy, const Message *message) noexcept nogil:
    """On 67 only DISCOVER is ours, and a broadcast search for a boot server (43.71)."""
    if message.message_type == DISCOVER:
        return ANSWERED
    if message.message_type != REQUEST:
        return WRONG_TYPE
    if message.server_id and not message.requested and is_own(policy, message.server_id) \
            and get32(message.at + AT_CIADDR) == 0:
        return CHOSE_US           # EDK2 falls back to the last offer it saw: ours has no address
    if message.server_id or message.requested:
        return FOR_OTHER_SERVER
    if message.has_boot_item and get32(message.at + AT_CIADDR):
        return ANSWERED
    return FOR_OTHER_SERVER


cdef int refuse_on_4011(Policy policy, const Message *message,
                        uint32_t server_id) noexcept nogil:
    if message.family == FAMILY_HTTP:
        return HTTP_ON_4011       # UEFI HTTP Boot has no second step
    if message.message_type not in (DISCOVER, REQUEST, INFORM):
        return WRONG_TYPE
    if message.server_id and message.server_id != server_id \
            and not is_own(policy, message.server_id) and not policy.accept_foreign:
        return OTHER_SERVER_ID
    return ANSWERED


cdef int set_destination(const Message *message, const Arrival *arrival,
                         Outcome *outcome) noexcept nogil:
    """RFC 2131 section 4.1 for a server that gives no address; 4011 answers whoever asked."""
    cdef uint32_t ciaddr = get32(message.at + AT_CIADDR)
    cdef uint32_t giaddr = get32(message.at + AT_GIADDR)
    if giaddr and (arrival.port == 67 or giaddr == arrival.source):
        outcome.to = giaddr
        outcome.to_port = 67
    elif arrival.port != 67:
        outcome.to = arrival.source if arrival.source else ciaddr
        outcome.to_port = arrival.source_port
        return ANSWERED if outcome.to else NO_DESTINATION
    elif ciaddr and ciaddr == arrival.source:
        outcome.to = ciaddr
        outcome.to_port = arrival.source_port
        if is_reflector(arrival.source_port):
            outcome.to_port = 68
    elif ciaddr and not (ciaddr ^ arrival.address) & arrival.netmask:
        outcome.to = ciaddr
        outcome.to_port = 68
    else:
        # No address yet, or one that nobody vouches for: the client hears the broadcast, and a
        # forged ciaddr hits no third machine.
        outcome.to = 0xFFFFFFFFu
        outcome.to_port = 68
    return ANSWERED


cdef bint take_token(Bucket *buckets, uint32_t key, uint32_t limit, uint32_t now_ms) noexcept nogil:
    """A token bucket of one second's requests; the key's own, or taken over from another's."""
    cdef Bucket *bucket = &buckets[key & (BUCKETS - 1)]
    cdef uint64_t tokens
    if bucket.key != key or bucket.tokens == 0 and bucket.at_ms == 0:
        bucket.key = key
        tokens = <uint64_t>limit * 1000
    else:
        tokens = bucket.tokens + <uint64_t>(now_ms - bucket.at_ms) * limit
        tokens = min(tokens, <uint64_t>limit * 1000)
    bucket.at_ms = now_ms
    bucket.tokens = <uint32_t>tokens
    if tokens < 1000:
        return False
    bucket.tokens -= 1000
    return True


# ---------------------------------------------------------------------------------------------
# RENDER: copy what the request fixes, fill what the reply says, never more than the client takes.
# ---------------------------------------------------------------------------------------------

cdef inline uint8_t *put_option(uint8_t *at, int code, const uint8_t *value,
                                uint32_t size) noexcept nogil:
    at[0] = <uint8_t>code
    at[1] = <uint8_t>size
    memcpy(at + 2, value, size)
    return at + 2 + size


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


cdef void render_header(const Message *message, bint is_offer, uint32_t siaddr,
                        uint8_t *out) noexcept nogil:
    memset(out, 0, AT_OPTIONS)
    out[AT_OP] = BOOTREPLY
    out[AT_HTYPE] = message.at[AT_HTYPE]
    out[AT_HLEN] = message.at[AT_HLEN]
    memcpy(out + AT_XID, message.at + AT_XID, 4)
    out[AT_FLAGS] = message.at[AT_FLAGS] & FLAG_BROADCAST
    if get32(message.at + AT_CIADDR) == 0:
        out[AT_FLAGS] = FLAG_BROADCAST    # no address in here that a relay could unicast to
    elif not is_offer:
        memcpy(out + AT_CIADDR, message.at + AT_CIADDR, 4)
    put32(out + AT_SIADDR, siaddr)
    memcpy(out + AT_GIADDR, message.at + AT_GIADDR, 4)
    memcpy(out + AT_CHADDR, message.at + AT_CHADDR, CHADDR_SIZE)
    memcpy(out + AT_MAGIC, COOKIE, 4)


cdef uint8_t *put_vendor(uint8_t *at, const Message *message, const Reply *reply, bint is_offer,
                         const uint8_t *pool) noexcept nogil:
    """Option 43: what the reply holds, or the echo of 43.71 in a boot-server ACK."""
    cdef uint8_t item[7]
    cdef Span vendor = reply.offer_vendor if is_offer else reply.ack_vendor
    if message.has_boot_item and not is_offer:
        item[0] = PXE_BOOT_ITEM
        item[1] = 4
        item[2] = <uint8_t>(message.boot_item_type >> 8)
        item[3] = <uint8_t>message.boot_item_type
        item[4] = <uint8_t>(message.boot_item_layer >> 8)
        item[5] = <uint8_t>message.boot_item_layer
        item[6] = OPT_END
        return put_option(at, OPT_VENDOR, item, 7)
    if vendor.size:
        return put_option(at, OPT_VENDOR, pool + vendor.at, vendor.size)
    return at


cdef inline uint8_t *echo_if_room(uint8_t *at, const uint8_t *limit, const Message *message,
                                  int code) noexcept nogil:
    """Copy an option of the request when it fits before `limit`."""
    cdef uint32_t size
    cdef const uint8_t *value = option(message, code, &size)
    if size == 0 or size > 255 or limit - at < 2 + <int>size:
        return at                 # a zero-length option makes EDK2 misread its neighbours
    return put_option(at, code, value, size)


cdef uint32_t render(const Message *message, const Reply *reply, const uint8_t *pool,
                     bint is_offer, uint32_t server_id, uint32_t siaddr, bint echo_client_id,
                     bint echo_subnet, uint8_t *out) noexcept nogil:
    """Write the reply; its size. `out` holds REPLY_MAX bytes.

    53, 54, 60, 43, 67 and a GUID always fit (Policy checks the template against 548 bytes). Of
    the rest 82 is served first, since the relay needs it, and written last (RFC 3046 section 2.1).
    """
    cdef uint8_t *at = out + AT_OPTIONS
    cdef const uint8_t *limit = out + min(message.reply_limit, <uint32_t>REPLY_MAX) - 1
    cdef uint8_t quad[16]
    cdef uint8_t fixed[4]
    cdef uint32_t relay_size, quad_size, size
    cdef const uint8_t *relay = option(message, OPT_RELAY, &relay_size)
    render_header(message, is_offer, siaddr, out)
    cdef bint is_menu = is_offer and reply.item_count     # whose file is still to be chosen
    if not is_menu:
        memcpy(out + AT_FILE, pool + reply.file.at, reply.file.size)
    fixed[0] = OFFER if is_offer else ACK
    at = put_option(at, OPT_TYPE, fixed, 1)
    put32(fixed, server_id)
    at = put_option(at, OPT_SERVER_ID, fixed, 4)
    if reply.family == FAMILY_HTTP:
        at = put_option(at, OPT_CLASS, HTTP_CLASS, 10)
    else:
        at = put_option(at, OPT_CLASS, PXE_CLASS, 9)
    at = put_vendor(at, message, reply, is_offer, pool)
    if reply.bootfile.size and not is_menu:
        at = put_option(at, OPT_BOOTFILE, pool + reply.bootfile.at, reply.bootfile.size)
    if message.uuid != NULL:
        at = echo_if_room(at, limit, message, OPT_UUID)

    if relay_size > 255 or limit - at < 2 + <int>relay_size:
        relay_size = 0
    if relay_size:
        limit -= 2 + relay_size
    if message.uuid == NULL:
        at = echo_if_room(at, limit, message, OPT_UUID)
    if echo_subnet:
        at = echo_if_room(at, limit, message, OPT_SUBNET)
    if echo_client_id:
        at = echo_if_room(at, limit, message, OPT_CLIENT_ID)
    if reply.names_server:
        quad_size = dotted_quad(quad, siaddr)
        if limit - at >= 2 + <int>quad_size:
            at = put_option(at, OPT_SERVER_NAME, quad, quad_size)
    if relay_size:
        at = put_option(at, OPT_RELAY, relay, relay_size)
    at[0] = OPT_END
    size = <uint32_t>(at + 1 - out)
    if size < PAYLOAD_MIN:
        memset(out + size, 0, PAYLOAD_MIN - size)
        size = PAYLOAD_MIN
    return size


# ---------------------------------------------------------------------------------------------
# The policy: built once, swapped whole.
# ---------------------------------------------------------------------------------------------

cdef inline uint32_t policy_subnet(const Message *message, const Arrival *arrival) noexcept nogil:
    """Which subnet the client is on: 82.5, 118, giaddr, ciaddr, else the interface's."""
    if message.link:
        return message.link
    if message.subnet:
        return message.subnet
    if get32(message.at + AT_GIADDR):
        return get32(message.at + AT_GIADDR)
    if get32(message.at + AT_CIADDR):
        return get32(message.at + AT_CIADDR)
    return arrival.address


cdef class Responder:
    """Something that answers DHCP requests: a Policy, or dnsmasq's decisions."""

    cdef uint32_t answer(self, const uint8_t *at, uint32_t size, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil:
        """Write the reply to one datagram into `out` (REPLY_MAX bytes); its size, 0 = silence."""
        clear_outcome(outcome)
        outcome.reason = SHORT
        return 0

    def decide(self, bytes datagram not None, *, port=67, source=0, source_port=68, address=0,
               netmask=0xFFFFFF00, now_ms=1):
        """What becomes of a datagram: (reason, reply, to, to_port, rule, reply_index).

        `source`, `address` (ours on the interface), `netmask` and `to` are integers; `reason` is
        an index into REASONS, `rule` and `reply_index` are -1 (or lower) for none.
        """
        cdef Arrival arrival
        cdef Outcome outcome
        cdef uint8_t out[REPLY_MAX]
        cdef uint32_t size
        arrival.port = port
        arrival.source = source
        arrival.source_port = source_port
        arrival.address = address
        arrival.netmask = netmask
        arrival.now_ms = now_ms
        size = self.answer(<const uint8_t *>PyBytes_AS_STRING(datagram),
                           <uint32_t>PyBytes_GET_SIZE(datagram), &arrival, out, &outcome)
        reply = PyBytes_FromStringAndSize(<char *>out, size)
        return outcome.reason, reply, outcome.to, outcome.to_port, outcome.rule, outcome.reply


@cython.final
cdef class Policy(Responder):
    """A matcher, the replies that its rules lead to, and the few switches of the protocol.

    replies: (family, names_server, offer_siaddr, ack_siaddr, file, offer_vendor, ack_vendor,
      bootfile, delay_ms, first_item, item_count): family 1 PXEClient, 2 HTTPClient; addresses as
      integers, 0 for our own; with a menu, the indexes of the replies to boot server types 0x8000
      and up.
    own: this machine's addresses as integers. mac_limit, relay_limit: requests a second that one
      MAC, or one relay, is answered; 0 for no limit. hosts: who is to get which boot.

    fastpxe.policy.compiler builds these from a Config. ValueError for what can't be rendered.
    """

    def __init__(self, rules, replies, *, own=(), honour_override=False, accept_foreign=False,
                 echo_client_id=False, min_secs=0, mac_limit=0, relay_limit=0, hosts=None):
        if self.replies != NULL:
            raise TypeError("a Policy is built once")
        pool = bytearray(b"\0")
        self.honour_override = honour_override
        self.accept_foreign = accept_foreign
        self.echo_client_id = echo_client_id
        self.min_secs = min_secs
        self.mac_limit = mac_limit
        self.relay_limit = relay_limit
        if mac_limit:
            self.mac_buckets = <Bucket *>allocate(BUCKETS, sizeof(Bucket))
        if relay_limit:
            self.relay_buckets = <Bucket *>allocate(BUCKETS, sizeof(Bucket))
        self.own_count = len(own)
        self.own = <uint32_t *>allocate(self.own_count, sizeof(uint32_t))
        for i, address in enumerate(own):
            self.own[i] = address
        self.load_replies(replies, pool)
        self.pool_owner = bytes(pool)
        self.pool = <const uint8_t *>PyBytes_AS_STRING(self.pool_owner)
        self.matcher = Matcher(rules, len(replies), hosts)

    def __dealloc__(self):
        free(self.replies)
        free(self.own)
        free(self.mac_buckets)
        free(self.relay_buckets)

    cdef load_replies(self, replies, bytearray pool):
        cdef Reply *reply
        self.replies = <Reply *>allocate(len(replies), sizeof(Reply))
        for i, (family, names_server, offer_siaddr, ack_siaddr, file, offer_vendor, ack_vendor,
                bootfile, delay_ms, first_item, item_count) in enumerate(replies):
            if item_count and not 0 <= first_item <= len(replies) - item_count:
                raise ValueError("the items of a menu must be among the replies")
            if len(file) > 127 or b"\0" in file:
                raise ValueError("file: at most 127 bytes, no NUL (RFC 2131 section 2)")
            if max(len(offer_vendor), len(ack_vendor)) > 253:
                raise ValueError("option 43: at most 253 bytes (EDK2 counts in one byte)")
            if len(bootfile) > 255:
                raise ValueError("option 67: at most 254 bytes and a NUL")
            if len(bootfile) + max(len(offer_vendor), len(ack_vendor)) > 264:
                raise ValueError("options 43 and 67 don't fit in 548 bytes together")
            reply = &self.replies[i]
            reply.family = family
            reply.names_server = names_server
            reply.offer_siaddr = offer_siaddr
            reply.ack_siaddr = ack_siaddr
            reply.file = pooled(pool, file)
            reply.offer_vendor = pooled(pool, offer_vendor)
            reply.ack_vendor = pooled(pool, ack_vendor)
            reply.bootfile = pooled(pool, bootfile)
            reply.delay_ms = delay_ms
            reply.first_item = first_item
            reply.item_count = item_count

    def find(self, bytes datagram not None, *, uint32_t address=0):
        """The rule that a request would be answered by, -1 for none; no limit counts it.

        address: ours on the interface. Raises MalformedPacket.
        """
        cdef Message *message = &self.scratch
        cdef Arrival arrival
        cdef int32_t arch
        cdef int reason = parse(message, <const uint8_t *>PyBytes_AS_STRING(datagram),
                                <uint32_t>PyBytes_GET_SIZE(datagram))
        if reason:
            raise MalformedPacket(_REASONS[reason])
        arrival.address = address
        arch = self.matcher.arch_of(message)
        return self.matcher.find(message, kind_of(message, arch), arch,
                                 policy_subnet(message, &arrival))

    cdef uint32_t answer(self, const uint8_t *at, uint32_t size, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil:
        cdef Message *message = &self.scratch
        cdef uint32_t subnet, server_id
        cdef bint is_offer, echo_subnet
        cdef const Reply *reply
        clear_outcome(outcome)
        outcome.reason = <uint8_t>parse(message, at, size)
        if outcome.reason:
            return 0
        outcome.message_type = message.message_type
        outcome.is_ipxe = message.is_ipxe
        outcome.arch = self.matcher.arch_of(message)
        server_id = arrival.address
        if self.honour_override and message.override:
            server_id = message.override
        outcome.reason = <uint8_t>self.refuse(message, arrival, server_id)
        if outcome.reason:
            return 0

        outcome.kind = <uint8_t>kind_of(message, outcome.arch)
        if outcome.kind == KIND_RPI:
            outcome.arch = ARCH_RPI
        subnet = policy_subnet(message, arrival)
        echo_subnet = message.link == 0 and message.subnet != 0
        outcome.rule = self.matcher.find(message, outcome.kind, outcome.arch, subnet)
        if outcome.rule < 0:
            outcome.reason = NO_RULE
            if not self.matcher.takes_any_arch and (
                    outcome.arch < 0 or not self.matcher.arch_slots[outcome.arch]):
                outcome.reason = UNKNOWN_ARCH
            return 0
        outcome.reply = self.matcher.rules[outcome.rule].replies[outcome.kind]
        if outcome.reply == DENIED:
            outcome.reason = DENIED_BY_RULE
            return 0
        is_offer = message.message_type == DISCOVER
        if message.has_boot_item and not is_offer:
            outcome.reply = self.chosen(&self.replies[outcome.reply], message, outcome.reply)
            if outcome.reply < 0:
                outcome.reason = UNSERVED_ITEM
                return 0
        outcome.reason = <uint8_t>set_destination(message, arrival, outcome)
        if outcome.reason:
            return 0

        reply = &self.replies[outcome.reply]
        outcome.siaddr = reply.offer_siaddr if is_offer else reply.ack_siaddr
        if outcome.siaddr == 0:
            outcome.siaddr = arrival.address
        outcome.delay_ms = reply.delay_ms
        return render(message, reply, self.pool, is_offer, server_id, outcome.siaddr,
                      self.echo_client_id, echo_subnet, out)

    cdef int32_t chosen(self, const Reply *reply, const Message *message,
                        int32_t index) noexcept nogil:
        """Which reply a boot server type of 43.71 means, -1 for none that is served."""
        cdef int32_t item = message.boot_item_type - FIRST_ITEM_TYPE
        if reply.item_count == 0:
            return index if message.boot_item_type == 0 else -1
        return reply.first_item + item if 0 <= item < reply.item_count else -1

    cdef int refuse(self, const Message *message, const Arrival *arrival,
                    uint32_t server_id) noexcept nogil:
        """Why this message is not ours to answer, or 0."""
        cdef int reason
        if message.family == FAMILY_NONE:
            return NOT_PXE
        reason = refuse_addresses(self, message, arrival)
        if reason:
            return reason
        if arrival.port == 67:
            reason = refuse_on_67(self, message)
        else:
            reason = refuse_on_4011(self, message, server_id)
        if reason:
            return reason
        if message.message_type == DISCOVER:
            if get16(message.at + AT_SECS) < self.min_secs:
                return TOO_EARLY
        elif message.has_boot_item and message.boot_item_layer & 0x8000:
            return CREDENTIALS
        return self.refuse_rate(message, arrival)

    cdef int refuse_rate(self, const Message *message, const Arrival *arrival) noexcept nogil:
        """One machine, or one relay, that asks more often than it may."""
        cdef uint32_t giaddr
        if self.mac_limit and not take_token(
                self.mac_buckets, hash_of(message.at + AT_CHADDR, CHADDR_SIZE), self.mac_limit,
                arrival.now_ms):
            return MAC_LIMIT
        if self.relay_limit:
            giaddr = get32(message.at + AT_GIADDR)
            if giaddr and not take_token(
                    self.relay_buckets, hash_of(message.at + AT_GIADDR, 4), self.relay_limit,
                    arrival.now_ms):
                return RELAY_LIMIT
        return ANSWERED
