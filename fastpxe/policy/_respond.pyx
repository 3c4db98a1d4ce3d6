"""What to answer to a DHCP request: whether it is ours, by which rule, and where the reply goes.

The reply itself is a template that dhcp._template fills in. Nothing is allocated here.

Sources: RFC 2131 section 4.1 (addressing), RFC 3046 (82), PXE 2.1 (43, port 4011). What EDK2, iPXE
and boot ROMs make of a reply is named at the line that obeys it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport free

from fastpxe._codec cimport *
from fastpxe.dhcp._responder cimport Arrival, Outcome, Responder, clear_outcome
from fastpxe.dhcp._template cimport Echo, Value, fill, load
from fastpxe.policy._host_table cimport hash_of

from fastpxe._codec import REASONS as _REASONS
from fastpxe.errors import MalformedPacket

cdef enum:
    DISCOVER = 1, REQUEST = 3, INFORM = 8

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


cdef inline Value value_of(const Message *message, int code) noexcept nogil:
    cdef Value value
    value.at = option(message, code, &value.size)
    return value


cdef inline void set_echo(Echo *echo, const Message *message, uint32_t server_id,
                          uint32_t own) noexcept nogil:
    """What a template takes from a request, with its options joined (RFC 3396)."""
    echo.header = message.at
    echo.ciaddr = get32(message.at + AT_CIADDR)
    echo.has_guid = message.uuid != NULL
    echo.uuid = value_of(message, OPT_UUID)
    echo.boot_item.at = message.boot_item
    echo.boot_item.size = 4 if message.has_boot_item else 0
    echo.relay = value_of(message, OPT_RELAY)
    echo.subnet = value_of(message, OPT_SUBNET)
    if message.link or not message.subnet:
        echo.subnet.size = 0      # 82.5 counts in its place
    echo.client_id = value_of(message, OPT_CLIENT_ID)
    echo.server_id = server_id
    echo.own = own
    echo.limit = message.reply_limit


@cython.final
cdef class Policy(Responder):
    """A matcher, the replies that its rules lead to, and the few switches of the protocol.

    rules: as Matcher takes them. replies: policy.replies.ReplyRow, the choices of menus among them.
    own: this machine's addresses as integers. mac_limit, relay_limit: requests a second that one
      MAC, or one relay, is answered; 0 for no limit. hosts: which boot single hosts get.

    policy.compiler builds these from a Config. ValueError for what can't be rendered.
    """

    def __init__(self, rules, replies, *, own=(), honour_override=False, accept_foreign=False,
                 min_secs=0, mac_limit=0, relay_limit=0, hosts=None):
        if self.replies != NULL:
            raise TypeError("a Policy is built once")
        self.honour_override = honour_override
        self.accept_foreign = accept_foreign
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
        pool = bytearray(b"\0")
        self.load_replies(replies, pool)
        self.pool_owner = bytes(pool)
        self.pool = <const uint8_t *>PyBytes_AS_STRING(self.pool_owner)
        self.matcher = Matcher(rules, len(replies), hosts)

    def __dealloc__(self):
        free(self.replies)
        free(self.own)
        free(self.mac_buckets)
        free(self.relay_buckets)

    cdef load_replies(self, rows, bytearray pool):
        cdef Reply *reply
        self.replies = <Reply *>allocate(len(rows), sizeof(Reply))
        for i, row in enumerate(rows):
            if row.item_count and not 0 <= row.first_item <= len(rows) - row.item_count:
                raise ValueError("the items of a menu must be among the replies")
            reply = &self.replies[i]
            load(&reply.offer, row.offer, pool)
            load(&reply.ack, row.ack, pool)
            load(&reply.item_ack, row.item_ack, pool)
            reply.first_item = row.first_item
            reply.item_count = row.item_count
            reply.delay_ms = row.delay_ms

    def find(self, bytes datagram not None, *, uint32_t address=0):
        """The rule that a request would be answered by, -1 for none; no limit counts it.

        address: ours on the interface. Raises MalformedPacket.
        """
        cdef Message message
        cdef Arrival arrival
        cdef int32_t arch
        cdef int reason = parse(&message, <const uint8_t *>PyBytes_AS_STRING(datagram),
                                <uint32_t>PyBytes_GET_SIZE(datagram))
        if reason:
            raise MalformedPacket(_REASONS[reason])
        arrival.address = address
        arch = self.matcher.arch_of(&message)
        return self.matcher.find(&message, kind_of(&message, arch), arch,
                                 policy_subnet(&message, &arrival))

    cdef uint32_t answer(self, const Message *message, int fault, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil:
        cdef uint32_t server_id, size
        cdef bint is_offer
        cdef const Reply *reply
        cdef const Template *template
        cdef Echo echo
        clear_outcome(outcome)
        outcome.reason = <uint8_t>fault
        if fault:
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
        outcome.rule = self.matcher.find(message, outcome.kind, outcome.arch,
                                         policy_subnet(message, arrival))
        if outcome.rule < 0:
            outcome.reason = NO_RULE
            if not self.matcher.takes_any_arch:
                if outcome.arch < 0:
                    outcome.reason = NO_ARCH
                elif not self.matcher.arch_slots[outcome.arch]:
                    outcome.reason = UNKNOWN_ARCH
            return 0
        outcome.reply = self.matcher.rules[outcome.rule].replies[outcome.kind]
        if outcome.reply == NO_REPLY:
            outcome.reason = DENIED
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
        outcome.delay_ms = reply.delay_ms
        template = &reply.offer
        if not is_offer:
            template = &reply.item_ack if message.has_boot_item else &reply.ack
        set_echo(&echo, message, server_id, arrival.address)
        size = fill(template, self.pool, &echo, out)
        outcome.siaddr = get32(out + AT_SIADDR)
        return size

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
