"""dnsmasq's decisions at the speed of the packet path: ask Python once, then remember.

The engine decides in plain Python, from the whole request. Machines of one kind send requests
that differ only in what names the machine: xid, secs, MAC, UUID, addresses, the port that a relay
names in option 82. So the key of an answer is the request with those blanked, plus how they fare
in the tests of the configuration; and an answer is the reply with those filled in again. Whatever
else a decision may depend on is in the key because it is in the request, written so that it can be
read in one way only. sname and file are not in it: the engine looks there only if option 52 says
so, and such a request is not plain.

A request that is not plain (cut short, overloaded, an identity given twice) is asked about each
time, and so are new kinds of clients: at the cost of a decision in Python, never of a wrong one.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

from fastpxe._codec cimport (
    AT_CHADDR, AT_CIADDR, AT_FILE, AT_FLAGS, AT_GIADDR, AT_HLEN, AT_HTYPE, AT_MAGIC, AT_OP,
    AT_OPTIONS, AT_SIADDR, AT_SNAME, CHADDR_SIZE, COOKIE, OPT_END, OPT_OVERLOAD, OPT_RELAY,
    OPT_UUID, RELAY_LINK, Message, Span, Step, Tlv, ENGINE_ERROR, STEP_END, STEP_VALUE, TOO_LONG,
    first_instance,
    get32, next_tlv, tlv_over,
)
from fastpxe.dhcp._responder cimport Arrival, Outcome, Responder, clear_outcome
from fastpxe.dhcp._template cimport REPLY_MAX, Echo, Template, fill, load

cdef enum:
    SLOTS = 8192              # answers are forgotten, all at once, when half of these are used
    UUID_SIZE = 17            # option 97: type and GUID


@cython.final
cdef class AnswerCache(Responder):
    """Answers for the requests that reach one interface.

    ask(datagram, port, source, source_port, address) decides: it returns an engine.CachedReply.
    on_error(exception) is called when that fails: the request counts as ENGINE_ERROR.
    blanked: codes of options whose value no test of the configuration reads.
    macs, identities: masks over chaddr and option 97 as (htype or -1, value, mask): tests whose
      outcome stands in for the bytes. known_macs: MAC addresses that are told apart one by one.
    keeps_mac, keeps_ciaddr: tell every MAC, or every ciaddr apart. networks: (address, netmask)
      by which ciaddr is judged otherwise, at most 64.
    seed: random, so that nobody outside can make keys collide.
    """

    def __init__(self, ask, *, on_error, blanked, macs, identities, known_macs, networks, keeps_mac,
                 keeps_ciaddr, seed):
        if self.answers != NULL:
            raise TypeError("an AnswerCache is made once")
        self.ask = ask
        self.on_error = on_error
        self.seed = seed
        self.keeps_mac = keeps_mac or len(macs) > PATTERNS_MAX
        self.keeps_ciaddr = keeps_ciaddr
        for code in blanked:
            self.blanked[<uint8_t>code] = 1
        if len(identities) > PATTERNS_MAX:
            self.blanked[<int>OPT_UUID] = 0
            identities = ()
        if len(networks) > 64:
            raise ValueError("more than 64 networks to judge a ciaddr by")
        self.mac_count = 0 if self.keeps_mac else load_masks(self.macs, macs)
        self.identity_count = load_masks(self.identities, identities)
        for i, (address, netmask) in enumerate(networks):
            self.networks[i][0] = address
            self.networks[i][1] = netmask
        self.network_count = len(networks)
        self.load_macs(known_macs)
        self.slots = SLOTS
        self.answers = <Answer *>calloc(SLOTS, sizeof(Answer))
        if self.answers == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.answers != NULL:
            self.forget()
        free(self.answers)
        free(self.exact_macs)

    def __len__(self):
        return self.count

    cdef void load_macs(self, known) except *:
        cdef uint32_t buckets = 2
        cdef uint64_t packed
        cdef uint32_t at
        while buckets < 2 * len(known) + 2:
            buckets *= 2
        self.exact_mask = buckets - 1
        self.exact_macs = <uint64_t *>calloc(buckets, sizeof(uint64_t))
        if self.exact_macs == NULL:
            raise MemoryError
        for mac in known:
            if len(mac) != 6:     # told apart by their bytes anyway, see add_mac
                continue
            packed = packed_mac(<const uint8_t *>PyBytes_AS_STRING(mac))
            at = <uint32_t>mixed(packed) & self.exact_mask
            while self.exact_macs[at] and self.exact_macs[at] != packed:
                at = (at + 1) & self.exact_mask
            self.exact_macs[at] = packed

    cdef bint is_known_mac(self, const uint8_t *at, uint32_t size) noexcept nogil:
        cdef uint64_t packed = packed_mac(at)
        cdef uint32_t slot = <uint32_t>mixed(packed) & self.exact_mask
        if size != 6:
            return True           # rare: InfiniBand and the like are told apart one by one
        while self.exact_macs[slot]:
            if self.exact_macs[slot] == packed:
                return True
            slot = (slot + 1) & self.exact_mask
        return False

    cdef void add_mac(self, const uint8_t *at) noexcept nogil:
        """The MAC, or how it fares in the tests when none tells it apart."""
        cdef uint32_t hlen = at[AT_HLEN]
        cdef uint64_t outcomes = 0
        cdef uint32_t i
        cdef uint8_t is_kept
        if hlen > CHADDR_SIZE:
            hlen = CHADDR_SIZE
        is_kept = <uint8_t>(self.keeps_mac or self.is_known_mac(at + AT_CHADDR, hlen))
        add(&self.key, &is_kept, 1)
        if is_kept:
            add(&self.key, at + AT_CHADDR, hlen)
            return
        for i in range(self.mac_count):
            if (self.macs[i].htype < 0 or self.macs[i].htype == at[AT_HTYPE]) \
                    and self.macs[i].size == hlen and holds(&self.macs[i], at + AT_CHADDR):
                outcomes |= <uint64_t>1 << i
        add(&self.key, <const uint8_t *>&outcomes, sizeof(outcomes))

    cdef bint build_key(self, const uint8_t *at, uint32_t size,
                        const Arrival *arrival) noexcept nogil:
        """Fill in `key`; False for a request that is not plain."""
        cdef uint64_t within = 0
        cdef uint32_t ciaddr, i
        cdef uint8_t about[2]
        self.key.size = 0
        if size < AT_OPTIONS or size > KEY_MAX - 64 or memcmp(at + AT_MAGIC, COOKIE, 4) != 0:
            return False
        ciaddr = get32(at + AT_CIADDR)
        for i in range(self.network_count):
            if not (ciaddr ^ self.networks[i][0]) & self.networks[i][1]:
                within |= <uint64_t>1 << i
        about[0] = <uint8_t>(arrival.port == 67)
        about[1] = <uint8_t>((ciaddr == 0) | (ciaddr == arrival.source) << 1
                             | (arrival.source == 0) << 2)
        add(&self.key, about, 2)
        add(&self.key, <const uint8_t *>&arrival.address, 4)
        add(&self.key, <const uint8_t *>&within, sizeof(within))
        if self.keeps_ciaddr:
            add(&self.key, at + AT_CIADDR, 4)
        add(&self.key, at + AT_OP, 4)         # op, htype, hlen, hops
        add(&self.key, at + AT_FLAGS, 2)
        add(&self.key, at + AT_GIADDR, 4)
        self.add_mac(at)
        if not self.add_options(at + AT_OPTIONS, size - AT_OPTIONS):
            return False
        self.key.hashed = hash_key(&self.key, self.seed)
        return True

    cdef bint add_options(self, const uint8_t *at, uint32_t size) noexcept nogil:
        cdef Tlv tlv = tlv_over(at, size)
        cdef Step step
        cdef uint8_t seen[256]
        cdef uint8_t about[2]
        cdef uint64_t outcomes
        cdef uint32_t i, link
        memset(seen, 0, sizeof(seen))
        while True:
            step = next_tlv(&tlv)
            if step != STEP_VALUE:
                self.add_end(at, &tlv)
                return step == STEP_END
            if tlv.code == OPT_OVERLOAD:
                return False
            about[0] = tlv.code
            about[1] = tlv.size
            add(&self.key, about, 2)
            if not self.blanked[tlv.code]:
                add(&self.key, tlv.value, tlv.size)
                continue
            if seen[tlv.code] or tlv.size == 0:
                return False
            seen[tlv.code] = 1
            if tlv.code == OPT_RELAY:     # of which the engine reads but this
                link = link_of(tlv.value, tlv.size)
                add(&self.key, <const uint8_t *>&link, sizeof(link))
            elif tlv.code == OPT_UUID:
                outcomes = 0
                for i in range(self.identity_count):
                    if self.identities[i].size <= tlv.size \
                            and holds(&self.identities[i], tlv.value):
                        outcomes |= <uint64_t>1 << i
                add(&self.key, <const uint8_t *>&outcomes, sizeof(outcomes))

    cdef void add_end(self, const uint8_t *at, const Tlv *tlv) noexcept nogil:
        """Where END stands, 0 for nowhere: option 82 is echoed only if that is early enough."""
        cdef uint8_t end[3]
        cdef uint32_t end_at = <uint32_t>(tlv.at - at + AT_OPTIONS) if tlv.at < tlv.end else 0
        end[0] = OPT_END
        end[1] = <uint8_t>(end_at >> 8)
        end[2] = <uint8_t>end_at
        add(&self.key, end, sizeof(end))

    cdef Answer *find(self) noexcept nogil:
        """The answer to `key`, or the empty slot where it would be."""
        cdef uint32_t at = <uint32_t>self.key.hashed & (self.slots - 1)
        cdef Answer *answer
        while True:
            answer = &self.answers[at]
            if answer.hashed == 0 or (
                    answer.hashed == self.key.hashed and answer.key_size == self.key.size
                    and memcmp(answer.key, self.key.bytes, self.key.size) == 0):
                return answer
            at = (at + 1) & (self.slots - 1)

    cdef uint32_t answer(self, const Message *message, int fault, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil:
        """Answer as dnsmasq does, which reads even what is a fault to others."""
        cdef bint is_plain
        cdef Answer *found
        clear_outcome(outcome)
        is_plain = self.build_key(message.at, message.size, arrival)
        if is_plain:
            found = self.find()
            if found.hashed:
                self.hits += 1
                outcome[0] = found.outcome
                set_target(found.target, message.at, arrival, outcome)
                return render(found, message, out)
        self.misses += 1
        return self.ask_and_remember(message, arrival, out, outcome, is_plain)

    cdef uint32_t ask_and_remember(self, const Message *message, const Arrival *arrival,
                                   uint8_t *out, Outcome *outcome, bint is_plain) noexcept nogil:
        cdef uint32_t reply_size = 0
        with gil:
            try:
                decided = self.ask(
                    PyBytes_FromStringAndSize(<const char *>message.at, message.size),
                    arrival.port, arrival.source, arrival.source_port, arrival.address)
                outcome.reason = decided.reason
                outcome.to = decided.to
                outcome.to_port = decided.to_port
                outcome.rule = decided.label
                outcome.siaddr = decided.siaddr
                outcome.arch = decided.arch
                outcome.message_type = decided.message_type
                outcome.is_ipxe = decided.is_ipxe
                outcome.delay_ms = decided.delay_ms
                reply = <bytes?>decided.reply
                reply_size = <uint32_t>len(reply)
                if reply_size > REPLY_MAX:
                    outcome.reason = TOO_LONG
                    reply_size = 0
                memcpy(out, PyBytes_AS_STRING(reply), reply_size)
                if is_plain:
                    self.remember(out, reply_size, outcome, decided)
            except Exception as error:    # the datagram boundary: counted, logged, not answered
                outcome.reason = ENGINE_ERROR
                self.report(error)
                return 0
        return reply_size

    cdef void report(self, error) noexcept:
        """Hand an error of ours on; one of whom it is handed to ends here."""
        try:
            self.on_error(error)
        except Exception:
            pass

    cdef int remember(self, const uint8_t *reply, uint32_t reply_size, const Outcome *outcome,
                      object decided) except -1:
        cdef Answer *answer
        cdef uint8_t *block
        cdef Template template
        memset(&template, 0, sizeof(template))
        if reply_size:            # everything that the key fixes is in the reply as it is
            load(&template, decided.template, bytearray())
            template.siaddr = get32(reply + AT_SIADDR)
            template.sname = span(AT_SNAME, AT_FILE)
            template.file = span(AT_FILE, AT_MAGIC)
            template.options = span(AT_OPTIONS, reply_size)
            template.boot_item_at = 0
        if self.count >= self.slots // 2:
            self.forget()
        block = <uint8_t *>malloc(self.key.size + reply_size)
        if block == NULL:
            raise MemoryError
        answer = self.find()
        answer.hashed = self.key.hashed
        answer.key_size = self.key.size
        answer.key = block
        answer.reply = block + self.key.size
        answer.reply_size = reply_size
        memcpy(answer.key, self.key.bytes, self.key.size)
        memcpy(answer.reply, reply, reply_size)
        answer.template = template
        answer.outcome = outcome[0]
        answer.target = decided.target
        answer.takes_ciaddr = template.ciaddr_at and get32(reply + template.ciaddr_at) != 0
        self.count += 1
        return 0

    cdef void forget(self) noexcept nogil:
        cdef uint32_t i
        for i in range(self.slots):
            free(self.answers[i].key)
        memset(self.answers, 0, self.slots * sizeof(Answer))
        self.count = 0


cdef inline void add(Key *key, const uint8_t *at, uint32_t size) noexcept nogil:
    """Append to the key, which is as large as the largest request and what is added to it."""
    memcpy(key.bytes + key.size, at, size)
    key.size += size


cdef inline uint64_t packed_mac(const uint8_t *at) noexcept nogil:
    """Six bytes as a number that is never 0."""
    return <uint64_t>get32(at) << 16 | <uint64_t>at[4] << 8 | at[5] | <uint64_t>1 << 63


cdef inline uint64_t mixed(uint64_t value) noexcept nogil:
    value ^= value >> 32
    value *= 0x9E3779B97F4A7C15u
    return value ^ (value >> 29)


cdef uint64_t hash_key(const Key *key, uint64_t seed) noexcept nogil:
    """Eight bytes a step; the seed is this process's own. Never 0."""
    cdef uint64_t h = seed, word
    cdef uint32_t i = 0
    while i + 8 <= key.size:
        memcpy(&word, key.bytes + i, 8)
        h = mixed(h ^ word)
        i += 8
    word = key.size
    while i < key.size:
        word = word << 8 | key.bytes[i]
        i += 1
    return mixed(h ^ word) | 1


cdef inline bint holds(const Mask *mask, const uint8_t *at) noexcept nogil:
    cdef uint32_t i
    for i in range(mask.size):
        if (at[i] ^ mask.value[i]) & mask.mask[i]:
            return False
    return True


cdef uint32_t load_masks(Mask *masks, tests) except? 0xFFFFFFFF:
    for i, (htype, value, mask) in enumerate(tests):
        if len(value) != len(mask) or len(value) > 32:
            raise ValueError("a mask has at most 32 bytes, as many as its value")
        masks[i].htype = htype
        masks[i].size = len(value)
        memcpy(masks[i].value, PyBytes_AS_STRING(<bytes>value), PyBytes_GET_SIZE(value))
        memcpy(masks[i].mask, PyBytes_AS_STRING(<bytes>mask), PyBytes_GET_SIZE(mask))
    return len(tests)


cdef void set_target(uint8_t target, const uint8_t *at, const Arrival *arrival,
                     Outcome *outcome) noexcept nogil:
    if target == TO_GIADDR:
        outcome.to = get32(at + AT_GIADDR)
    elif target == TO_CIADDR:
        outcome.to = get32(at + AT_CIADDR)
    elif target == TO_SOURCE:
        outcome.to = arrival.source
    if target != TO_FIXED and arrival.port == 4011:     # to whatever port asked, as dnsmasq does
        outcome.to_port = arrival.source_port


cdef uint32_t link_of(const uint8_t *relay, uint32_t size) noexcept nogil:
    """The subnet that option 82 names (82.5, RFC 3527), 0 for none."""
    cdef Tlv tlv = tlv_over(relay, size)
    while next_tlv(&tlv) == STEP_VALUE:
        if tlv.code == RELAY_LINK and tlv.size >= 4:
            return get32(tlv.value)
    return 0


cdef inline Span span(uint32_t start, uint32_t end) noexcept nogil:
    cdef Span span
    span.at = start
    span.size = end - start
    return span


cdef uint32_t render(const Answer *answer, const Message *message, uint8_t *out) noexcept nogil:
    """The remembered reply with what names this machine in it; its size."""
    cdef Echo echo
    if answer.reply_size == 0:
        return 0
    memset(&echo, 0, sizeof(echo))
    echo.header = message.at
    echo.ciaddr = get32(message.at + AT_CIADDR) if answer.takes_ciaddr else 0
    echo.uuid.at = first_instance(message, OPT_UUID, UUID_SIZE, &echo.uuid.size)
    if answer.template.relay_at:  # as long as the one remembered, whose length is in the key
        echo.relay.at = first_instance(message, OPT_RELAY, 1, &echo.relay.size)
    return fill(&answer.template, answer.reply, &echo, out)
