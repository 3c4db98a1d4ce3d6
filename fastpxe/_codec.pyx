"""DHCP requests at the speed of memory: index the options in place, find the rule.

PARSE turns a datagram into a Message that points into it; MATCH finds the first Rule that holds
for it. Neither allocates, neither knows of sockets or time. The backends go on from there.

Sources:
  RFC 2131 and 2132 (header, options), RFC 3396 (long options), RFC 3004 (user class),
  RFC 3046, 3527, 5107 (option 82), RFC 3011 (118), RFC 4578 (93, 97), PXE 2.1 (option 43).
  What firmware does beyond them is named where it matters.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

from fastpxe.errors import MalformedPacket

# Words for Reason, by number: in counters, in the log, in the journal.
REASONS = tuple(reason.name.lower() for reason in Reason)
assert [int(reason) for reason in Reason] == list(range(REASON_COUNT))

# Words for Kind, by number.
KINDS = tuple(kind.name.removeprefix("KIND_").lower() for kind in Kind)
FIRST_FEATURE = <int>FIRST_IPXE_FEATURE

cdef enum:
    JOINED_MAX = 4096         # bytes of one option joined by RFC 3396; more is an attack


# ---------------------------------------------------------------------------------------------
# PARSE: index the options in place, then read the ones that decide.
# ---------------------------------------------------------------------------------------------

cdef const uint8_t *option(const Message *message, int code, uint32_t *size) noexcept nogil:
    """The value of an option and its size, or NULL."""
    cdef uint32_t where = message.where[code]
    if where == 0:
        size[0] = 0
        return NULL
    size[0] = where & 0xFFFF
    if message.is_joined[code >> 6] >> (code & 63) & 1:
        return message.joined + (where >> 16)
    return message.at + (where >> 16)


cdef const uint8_t *first_instance(const Message *message, int code, uint32_t least,
                                   uint32_t *size) noexcept nogil:
    """The first instance of an option with `least` bytes in the options field, or NULL.

    dnsmasq reads options so: it doesn't join them (RFC 3396).
    """
    cdef Tlv tlv
    cdef uint32_t where = message.where[code]
    cdef bint is_joined = message.is_joined[code >> 6] >> (code & 63) & 1
    if where >> 16 >= AT_OPTIONS and not is_joined and where & 0xFFFF >= least:
        size[0] = where & 0xFFFF
        return message.at + (where >> 16)
    if where and message.area_count:
        tlv = tlv_over(message.at + message.areas[0][0],
                       message.areas[0][1] - message.areas[0][0])
        while next_tlv(&tlv) == STEP_VALUE:
            if tlv.code == code and tlv.size >= least:
                size[0] = tlv.size
                return tlv.value
    size[0] = 0
    return NULL


cdef bint index_area(Message *message, uint32_t area) noexcept nogil:
    """Note where each option of an area is; True when a code came twice."""
    cdef bint repeats = False
    cdef uint32_t offset
    cdef Step step
    cdef Tlv tlv = tlv_over(message.at + message.areas[area][0],
                            message.areas[area][1] - message.areas[area][0])
    while True:
        step = next_tlv(&tlv)
        if step != STEP_VALUE:
            break
        if tlv.code == OPT_OVERLOAD and area > 0:
            continue              # RFC 2132 section 9.3: no overload inside an overloaded field
        if message.where[tlv.code]:
            repeats = True
            continue
        offset = <uint32_t>(tlv.value - message.at)
        message.where[tlv.code] = offset << 16 | tlv.size
    if step == STEP_OVERRUN:
        message.truncated = True
    return repeats


cdef bint join_repeated(Message *message) noexcept nogil:
    """RFC 3396: join the parts of options that came more than once. False: one is too long."""
    cdef uint32_t sizes[256]
    cdef uint32_t counts[256]
    cdef uint32_t ends[256]
    cdef uint32_t area, code, start = 0
    cdef int round
    cdef Tlv tlv
    memset(sizes, 0, sizeof(sizes))
    memset(counts, 0, sizeof(counts))
    for round in range(2):        # first measure, then copy
        for area in range(message.area_count):
            tlv = tlv_over(message.at + message.areas[area][0],
                           message.areas[area][1] - message.areas[area][0])
            while next_tlv(&tlv) == STEP_VALUE:
                if tlv.code == OPT_OVERLOAD and area > 0:
                    continue
                if round == 0:
                    sizes[tlv.code] += tlv.size
                    counts[tlv.code] += 1
                elif counts[tlv.code] > 1:
                    memcpy(message.joined + ends[tlv.code], tlv.value, tlv.size)
                    ends[tlv.code] += tlv.size
        if round == 0:
            for code in range(256):
                if counts[code] > 1:
                    if sizes[code] > JOINED_MAX:
                        return False
                    ends[code] = start
                    start += sizes[code]
    for code in range(256):
        if counts[code] > 1:
            # + 1: a joined option at offset 0 with no bytes must not read as absent
            message.where[code] = (ends[code] - sizes[code]) << 16 | sizes[code]
            if message.where[code] == 0:
                message.where[code] = 1 << 16
            message.is_joined[code >> 6] |= <uint64_t>1 << (code & 63)
    return True


cdef int parse(Message *message, const uint8_t *at, uint32_t size) noexcept nogil:
    """Read a datagram into `message`; the reason when it is not a DHCP request, else 0.

    `message` points into the datagram, which must outlive it. Its options can be looked up
    whatever the reason is: dnsmasq answers some datagrams that are refused here.
    """
    cdef uint32_t overload, length
    cdef const uint8_t *value
    cdef bint repeats
    cdef int reason = refuse_header(at, size)
    message.at = at
    message.size = size
    message.truncated = False
    memset(message.where, 0, sizeof(message.where))
    memset(message.is_joined, 0, sizeof(message.is_joined))
    message.area_count = 0
    if size < AT_OPTIONS or size > DHCP_MAX:
        return reason
    message.areas[0][0] = AT_OPTIONS
    message.areas[0][1] = size
    message.area_count = 1
    repeats = index_area(message, 0)
    if reason:
        return reason

    # RFC 3396 section 5: options field, then file, then sname. A 52 that came twice is no 52.
    value = option(message, OPT_OVERLOAD, &length)
    if value != NULL and length == 1 and not repeats_code(message, OPT_OVERLOAD, repeats):
        overload = value[0]
        if overload == 1 or overload == 3:
            repeats |= add_area(message, AT_FILE, AT_FILE + 128)
        if overload == 2 or overload == 3:
            repeats |= add_area(message, AT_SNAME, AT_SNAME + 64)
    if repeats and not join_repeated(message):
        return OPTION_TOO_LONG
    interpret(message)
    return ANSWERED


cdef int refuse_header(const uint8_t *at, uint32_t size) noexcept nogil:
    """Why a header is not that of a DHCP request, or 0."""
    if size < AT_OPTIONS or size > DHCP_MAX:
        return SHORT if size < AT_OPTIONS else TOO_LONG
    if memcmp(at + AT_MAGIC, COOKIE, 4) != 0:
        return BAD_MAGIC
    if at[AT_OP] != BOOTREQUEST:
        return NOT_A_REQUEST
    if at[AT_HLEN] > CHADDR_SIZE:
        return BAD_HLEN
    if at[AT_HOPS] > HOPS_MAX:    # RFC 1542 section 4.1.1: a loop of relays
        return BAD_HOPS
    return ANSWERED


cdef bint add_area(Message *message, uint32_t start, uint32_t end) noexcept nogil:
    cdef uint32_t area = message.area_count
    message.areas[area][0] = start
    message.areas[area][1] = end
    message.area_count = area + 1
    return index_area(message, area)


cdef bint repeats_code(const Message *message, int code, bint repeats) noexcept nogil:
    """True when `code` came more than once in the options field."""
    cdef int count = 0
    cdef Tlv tlv
    if not repeats:
        return False
    tlv = tlv_over(message.at + message.areas[0][0], message.areas[0][1] - message.areas[0][0])
    while next_tlv(&tlv) == STEP_VALUE:
        count += tlv.code == code
    return count > 1


cdef void interpret(Message *message) noexcept nogil:
    """Read the options that decide. One of the wrong size is as good as absent."""
    cdef uint32_t size
    cdef const uint8_t *value = option(message, OPT_TYPE, &size)
    message.message_type = value[0] if size == 1 and 1 <= value[0] <= 8 else 0
    message.server_id = address_option(message, OPT_SERVER_ID)
    message.requested = address_option(message, OPT_REQUESTED)
    message.subnet = address_option(message, OPT_SUBNET)
    read_class(message)
    read_arches(message)
    read_ipxe(message)
    read_relay(message)
    read_boot_item(message)
    read_reply_limit(message)
    value = option(message, OPT_UUID, &size)
    message.uuid = value + 1 if size == 17 and value[0] == 0 else NULL


cdef inline uint32_t address_option(const Message *message, int code) noexcept nogil:
    cdef uint32_t size
    cdef const uint8_t *value = option(message, code, &size)
    return get32(value) if size == 4 else 0


cdef void read_class(Message *message) noexcept nogil:
    """Option 60 tells by prefix; firmware appends the arch, some append garbage."""
    cdef uint32_t size
    cdef const uint8_t *value = option(message, OPT_CLASS, &size)
    message.family = FAMILY_NONE
    if size >= 9 and memcmp(value, PXE_CLASS, 9) == 0:
        message.family = FAMILY_PXE
    elif size >= 10 and memcmp(value, HTTP_CLASS, 10) == 0:
        message.family = FAMILY_HTTP


cdef void read_arches(Message *message) noexcept nogil:
    """Option 93, else the five digits of "PXEClient:Arch:00007:UNDI:003000"."""
    cdef uint32_t size, i
    cdef int32_t arch
    cdef const uint8_t *value = option(message, OPT_ARCH, &size)
    message.arch_count = 0
    if size >= 2 and size % 2 == 0:
        message.arch_count = min(size // 2, <uint32_t>ARCH_LIST_MAX)
        for i in range(message.arch_count):
            message.arches[i] = get16(value + 2 * i)
        return
    value = option(message, OPT_CLASS, &size)
    if message.family == FAMILY_HTTP:
        value += 1                # one letter more than PXEClient
        size -= 1
    if message.family != FAMILY_NONE and size >= 20 \
            and memcmp(value + 9, <const char *>b":Arch:", 6) == 0:
        arch = five_digits(value + 15)
        if arch >= 0:
            message.arch_count = 1
            message.arches[0] = <uint16_t>arch


cdef int32_t five_digits(const uint8_t *at) noexcept nogil:
    """Decimal, or hexadecimal when a letter is there (U-Boot prints %05x); -1 for neither."""
    cdef int32_t decimal = 0, hexadecimal = 0, digit
    cdef bint is_decimal = True
    cdef int i
    for i in range(5):
        digit = hex_digit(at[i])
        if digit < 0:
            return -1
        is_decimal &= digit < 10
        decimal = decimal * 10 + digit
        hexadecimal = hexadecimal * 16 + digit
    if not is_decimal:
        decimal = hexadecimal
    return decimal if decimal <= 0xFFFF else -1


cdef inline int32_t hex_digit(uint8_t c) noexcept nogil:
    if c'0' <= c <= c'9':
        return c - c'0'
    if c'a' <= c <= c'f':
        return c - c'a' + 10
    if c'A' <= c <= c'F':
        return c - c'A' + 10
    return -1


cdef bint is_user_class_list(const uint8_t *at, uint32_t size) noexcept nogil:
    """RFC 3004 is a list of length + text; iPXE sends bare text. A list consumes every byte."""
    cdef uint32_t i = 0
    while i < size:
        if at[i] == 0 or at[i] >= size - i:
            return False
        i += 1 + at[i]
    return size > 0


cdef void read_ipxe(Message *message) noexcept nogil:
    """iPXE says so in option 77, or shows its features in option 175."""
    cdef uint32_t size
    cdef const uint8_t *value = option(message, OPT_IPXE, &size)
    cdef Tlv tlv = tlv_over(value, size)
    message.ipxe_features = 0
    while size and next_tlv(&tlv) == STEP_VALUE:
        if FIRST_IPXE_FEATURE <= tlv.code < FIRST_IPXE_FEATURE + 32:
            message.ipxe_features |= <uint32_t>1 << (tlv.code - FIRST_IPXE_FEATURE)
    message.is_ipxe = message.ipxe_features != 0 or has_user_class(
        message, IPXE_CLASS, 4, HOW_EXACT)


cdef bint has_user_class(const Message *message, const uint8_t *wanted, uint32_t wanted_size,
                         int how) noexcept nogil:
    cdef uint32_t size, i = 0
    cdef const uint8_t *value = option(message, OPT_USER_CLASS, &size)
    if size == 0:
        return False
    if not is_user_class_list(value, size):
        return compares(value, size, wanted, wanted_size, how)
    while i < size:
        if compares(value + i + 1, value[i], wanted, wanted_size, how):
            return True
        i += 1 + value[i]
    return False


cdef void read_relay(Message *message) noexcept nogil:
    """Option 82: a list of exactly its size, else kept for the echo but not believed."""
    cdef uint32_t size, i = 0
    cdef const uint8_t *value = option(message, OPT_RELAY, &size)
    message.link = 0
    message.override = 0
    message.relay_is_valid = size > 0
    while i < size:               # no pad, no end in here (RFC 3046 section 2.0)
        if size - i < 2 or size - i - 2 < value[i + 1]:
            message.relay_is_valid = False
            message.link = 0
            message.override = 0
            return
        if value[i + 1] == 4 and value[i] == RELAY_LINK:
            message.link = get32(value + i + 2)
        elif value[i + 1] == 4 and value[i] == RELAY_OVERRIDE:
            message.override = get32(value + i + 2)
        i += 2 + value[i + 1]


cdef void read_boot_item(Message *message) noexcept nogil:
    """Option 43.71 of a boot-server discovery; 43 is PXE's only under class PXEClient."""
    cdef uint32_t size
    cdef const uint8_t *value = option(message, OPT_VENDOR, &size)
    cdef Tlv tlv = tlv_over(value, size)
    message.has_boot_item = False
    message.boot_item = NULL
    message.boot_item_type = 0
    message.boot_item_layer = 0
    while size and message.family == FAMILY_PXE and next_tlv(&tlv) == STEP_VALUE:
        if tlv.code == PXE_BOOT_ITEM and tlv.size >= 4:
            message.has_boot_item = True
            message.boot_item = tlv.value
            message.boot_item_type = get16(tlv.value)
            message.boot_item_layer = get16(tlv.value + 2)
            return


cdef void read_reply_limit(Message *message) noexcept nogil:
    """Option 57 counts the IP datagram. EDK2 says 65280 in its REQUEST, so it is clamped."""
    cdef uint32_t size, limit = 576
    cdef const uint8_t *value = option(message, OPT_MAX_SIZE, &size)
    if size == 2:
        limit = min(max(<uint32_t>get16(value), <uint32_t>576), <uint32_t>1500)
    message.reply_limit = limit - 28


# ---------------------------------------------------------------------------------------------
# MATCH: exact MACs and UUIDs by hash, all other rules in file order. The first that holds wins.
# ---------------------------------------------------------------------------------------------

# Raspberry Pi boot ROMs call themselves BIOS; only their address prefixes and the GUID tell. The
# prefixes are those of the Raspberry Pi Foundation and of Raspberry Pi Ltd in the IEEE's registry.
cdef extern from *:
    """
    #define RPI_GUID ((const uint8_t *)"RPi")
    static const uint8_t RPI_OUIS[][3] = {
        {0xb8, 0x27, 0xeb}, {0xdc, 0xa6, 0x32}, {0xe4, 0x5f, 0x01},
        {0x28, 0xcd, 0xc1}, {0xd8, 0x3a, 0xdd}, {0x2c, 0xcf, 0x67},
        {0x88, 0xa2, 0x9e},
    };
    #define RPI_OUI_COUNT ((int)(sizeof RPI_OUIS / sizeof *RPI_OUIS))
    """
    const uint8_t *RPI_GUID
    const uint8_t RPI_OUIS[][3]
    const int RPI_OUI_COUNT


cdef bint is_rpi(const Message *message, int32_t arch) noexcept nogil:
    """The boot ROM of a Raspberry Pi, which gives arch 0 or 41. Its UEFI says 11 and is no ROM."""
    cdef int i
    if arch == ARCH_RPI:
        return True
    if arch != 0 or message.is_ipxe:
        return False
    if message.uuid != NULL and memcmp(message.uuid, RPI_GUID, 3) == 0:
        return True
    for i in range(RPI_OUI_COUNT):
        if memcmp(message.at + AT_CHADDR, RPI_OUIS[i], 3) == 0:
            return True
    return False


cdef bint is_uefi(int32_t arch) noexcept nogil:
    """Archs whose firmware is UEFI PXE: they want the answer of port 4011 (IANA table)."""
    return (6 <= arch <= 7 or 9 <= arch <= 11 or arch == 2 or arch == 25 or arch == 27
            or arch == 29 or 33 <= arch <= 37 or arch == 39)


cdef int kind_of(const Message *message, int32_t arch) noexcept nogil:
    if message.family == FAMILY_HTTP:
        return KIND_HTTP
    if is_rpi(message, arch):
        return KIND_RPI
    if message.is_ipxe:
        return KIND_IPXE
    return KIND_UEFI if is_uefi(arch) else KIND_BIOS


cdef inline bint masked_equal(const uint8_t *at, const uint8_t *value, const uint8_t *mask,
                              uint32_t size) noexcept nogil:
    cdef uint32_t i
    for i in range(size):
        if (at[i] ^ value[i]) & mask[i]:
            return False
    return True


cdef bint compares(const uint8_t *at, uint32_t size, const uint8_t *wanted, uint32_t wanted_size,
                   int how) noexcept nogil:
    cdef uint32_t i
    if wanted_size > size or (how == HOW_EXACT and wanted_size != size):
        return False
    if how != HOW_CONTAINS:
        return memcmp(at, wanted, wanted_size) == 0
    for i in range(size - wanted_size + 1):
        if memcmp(at + i, wanted, wanted_size) == 0:
            return True
    return False


cdef bint test_holds(const uint8_t *pool, const Test *test, const Message *message,
                     uint32_t subnet) noexcept nogil:
    cdef const uint8_t *value = pool + test.value.at
    cdef const uint8_t *mask = pool + test.mask.at
    cdef const uint8_t *text
    cdef uint32_t size
    cdef uint8_t bytes4[4]
    if test.kind == TEST_MAC:
        return message.at[AT_HLEN] == 6 and masked_equal(message.at + AT_CHADDR, value, mask, 6)
    if test.kind == TEST_UUID:
        return message.uuid != NULL and masked_equal(message.uuid, value, mask, 16)
    if test.kind == TEST_SUBNET:
        put32(bytes4, subnet)
        return masked_equal(bytes4, value, mask, 4)
    if test.kind == TEST_VENDOR_CLASS:
        text = option(message, OPT_CLASS, &size)
        return text != NULL and compares(text, size, value, test.value.size, test.how)
    return has_user_class(message, value, test.value.size, test.how)


cdef bint rule_holds(const uint8_t *pool, const Rule *rule, const Test *tests,
                     const Message *message, int kind, uint64_t arch_bit, uint32_t subnet,
                     bint is_keyed) noexcept nogil:
    """True when all holds; `is_keyed`: but for the tests that an index has, which found the rule.
    """
    cdef uint32_t i = 0
    cdef const Test *test
    if rule.replies[kind] == NOT_SERVED:
        return False
    if rule.arches and not rule.arches & arch_bit:
        return False
    if rule.ipxe >= 0 and rule.ipxe != message.is_ipxe:
        return False
    if (message.ipxe_features & rule.ipxe_features) != rule.ipxe_features:
        return False
    while i < rule.test_count:
        if is_keyed and i == rule.key_at and rule.key_count:
            i += rule.key_count
            continue
        test = &tests[rule.first_test + i]
        if not test_holds(pool, test, message, subnet):
            i += 1
            if i == rule.test_count or tests[rule.first_test + i].kind != test.kind:
                return False      # no alternative of this condition is left
            continue
        while i < rule.test_count and tests[rule.first_test + i].kind == test.kind:
            i += 1
    return True


cdef Index new_index(uint32_t count) except *:
    """An empty hash index for `count` keys, at most half full."""
    cdef Index index
    cdef uint32_t buckets = 1
    cdef uint32_t i
    while buckets < 2 * count:
        buckets *= 2
    index.mask = buckets - 1
    index.heads = <int32_t *>malloc(buckets * sizeof(int32_t))
    index.entries = <Entry *>malloc(max(count, <uint32_t>1) * sizeof(Entry))
    if index.heads == NULL or index.entries == NULL:
        free(index.heads)
        free(index.entries)
        raise MemoryError
    for i in range(buckets):
        index.heads[i] = -1
    return index


cdef void insert(Index *index, uint32_t entry, const uint8_t *key, uint32_t size,
                 int32_t rule) noexcept:
    """Put a rule at the head of its bucket; rules come in reverse file order."""
    cdef uint32_t bucket = hash_of(key, size) & index.mask
    index.entries[entry].key = key
    index.entries[entry].rule = rule
    index.entries[entry].next = index.heads[bucket]
    index.heads[bucket] = <int32_t>entry


@cython.final
cdef class Matcher:
    """Rules compiled for matching; never changed once built.

    rules: dhcp.match_rule.MatchRule, in file order.
    reply_count: what the indexes of their replies stay below.
    hosts: who is to get which boot: the rules of that one come first for them.

    fastpxe.policy.compiler builds these from a Config. ValueError for what can't be compiled.
    """

    def __init__(self, rules, reply_count, HostBootTable hosts=None):
        if self.rules != NULL:
            raise TypeError("a Matcher is built once")
        pool = bytearray(b"\0")
        self.load_rules(rules, reply_count, pool)
        self.pool_owner = bytes(pool)
        self.pool = <const uint8_t *>PyBytes_AS_STRING(self.pool_owner)
        self.load_boots()
        self.load_indexes()
        self.hosts = hosts

    def __dealloc__(self):
        free(self.rules)
        free(self.boots)
        free(self.boot_rules)
        free(self.tests)
        free(self.open_rules)
        free(self.by_mac.heads)
        free(self.by_mac.entries)
        free(self.by_uuid.heads)
        free(self.by_uuid.entries)
        free(self.arch_slots)

    cdef load_rules(self, rules, reply_count, bytearray pool):
        cdef uint32_t test_at = 0
        cdef int slots = 0
        cdef Rule *rule
        self.rule_count = len(rules)
        self.rules = <Rule *>allocate(self.rule_count, sizeof(Rule))
        self.tests = <Test *>allocate(sum(len(source.tests) for source in rules), sizeof(Test))
        self.arch_slots = <uint8_t *>allocate(65536, 1)
        for i, source in enumerate(rules):
            rule = &self.rules[i]
            rule.ipxe = source.ipxe
            rule.ipxe_features = source.ipxe_features
            rule.boot = source.boot
            rule.hosts_only = source.hosts_only
            self.boot_count = max(self.boot_count, rule.boot)
            self.takes_any_arch |= not source.arches and rule.ipxe != 1 and not rule.hosts_only
            for arch in source.arches:
                if not self.arch_slots[<uint16_t>arch]:
                    slots += 1
                    if slots > 63:
                        raise ValueError("rules name more than 63 different architectures")
                    self.arch_slots[<uint16_t>arch] = slots
                rule.arches |= <uint64_t>1 << self.arch_slots[<uint16_t>arch]
            rule.first_test = test_at
            rule.test_count = len(source.tests)
            for test in source.tests:
                self.tests[test_at].kind = test.kind
                self.tests[test_at].how = test.how
                self.tests[test_at].value = pooled(pool, test.value)
                self.tests[test_at].mask = pooled(pool, test.mask)
                test_at += 1
            replies = source.replies
            for kind in range(KIND_COUNT):
                if replies[kind] >= reply_count or replies[kind] < NO_REPLY:
                    raise ValueError(f"rule {i}: no reply {replies[kind]}")
                rule.replies[kind] = replies[kind]

    cdef load_boots(self):
        """Group the rules by the boot that they belong to."""
        cdef uint32_t boot, at = 0
        cdef uint32_t *ends
        cdef uint32_t i
        self.boots = <uint32_t *>allocate(self.boot_count + 2, sizeof(uint32_t))
        self.boot_rules = <int32_t *>allocate(self.rule_count, sizeof(int32_t))
        for i in range(self.rule_count):
            self.boots[self.rules[i].boot + 1] += 1
        for boot in range(self.boot_count + 1):
            self.boots[boot + 1] += self.boots[boot]
        ends = <uint32_t *>allocate(self.boot_count + 1, sizeof(uint32_t))
        memcpy(ends, self.boots, (self.boot_count + 1) * sizeof(uint32_t))
        for i in range(self.rule_count):
            at = ends[self.rules[i].boot]
            self.boot_rules[at] = <int32_t>i
            ends[self.rules[i].boot] += 1
        free(ends)

    cdef load_indexes(self):
        """Sort each rule to one place: by its exact MACs, by its exact UUIDs, or open."""
        cdef uint32_t mac_count = 0, uuid_count = 0, mac_at = 0, uuid_at = 0, first, t
        cdef int32_t i
        cdef Rule *rule
        cdef list keyed_by = []
        for i in range(<int32_t>self.rule_count):
            rule = &self.rules[i]
            if rule.hosts_only:
                keyed_by.append(-1)   # its boot leads to it, nothing else
            elif self.is_exact(rule, TEST_MAC, 6):
                keyed_by.append(TEST_MAC)
                mac_count += self.set_key(rule, TEST_MAC)
            elif self.is_exact(rule, TEST_UUID, 16):
                keyed_by.append(TEST_UUID)
                uuid_count += self.set_key(rule, TEST_UUID)
            else:
                keyed_by.append(None)
                self.open_count += 1
        self.by_mac = new_index(mac_count)
        self.by_uuid = new_index(uuid_count)
        self.open_rules = <int32_t *>allocate(self.open_count, sizeof(int32_t))
        self.open_count = 0
        for i in range(<int32_t>self.rule_count):
            if keyed_by[i] is None:
                self.open_rules[self.open_count] = i
                self.open_count += 1
        for i in range(<int32_t>self.rule_count - 1, -1, -1):
            rule = &self.rules[i]
            first = rule.first_test + rule.key_at
            for t in range(first, first + rule.key_count):
                if keyed_by[i] == TEST_MAC:
                    insert(&self.by_mac, mac_at, self.pool + self.tests[t].value.at, 6, i)
                    mac_at += 1
                else:
                    insert(&self.by_uuid, uuid_at, self.pool + self.tests[t].value.at, 16, i)
                    uuid_at += 1

    cdef bint is_exact(self, const Rule *rule, int kind, uint32_t size) noexcept:
        """True when the rule tests `kind`, and every alternative of it is a whole value."""
        cdef uint32_t t, i
        cdef bint found = False
        for t in range(rule.first_test, rule.first_test + rule.test_count):
            if self.tests[t].kind == kind:
                found = True
                for i in range(size):
                    if self.pool[self.tests[t].mask.at + i] != 0xFF:
                        return False
        return found

    cdef uint32_t set_key(self, Rule *rule, int kind) noexcept:
        """Leave the tests of `kind`, which are in one run, to an index; how many they are."""
        cdef uint32_t t
        for t in range(rule.test_count):
            if self.tests[rule.first_test + t].kind == kind:
                if not rule.key_count:
                    rule.key_at = t
                rule.key_count += 1
        return rule.key_count

    cdef int32_t find(self, const Message *message, int kind, int32_t arch,
                      uint32_t subnet) noexcept nogil:
        """The first rule that holds, or -1; for a host with a boot of its own the first of that."""
        cdef uint64_t arch_bit = 0
        cdef int32_t best = <int32_t>self.rule_count, at
        cdef uint32_t i, boot
        cdef const uint8_t *mac = message.at + AT_CHADDR if message.at[AT_HLEN] == 6 else NULL
        if arch >= 0:
            arch_bit = <uint64_t>1 << self.arch_slots[arch] & ~<uint64_t>1
        if self.hosts is not None:
            boot = self.hosts.boot_of(mac, message.uuid)
            if boot:
                at = self.first_of(boot, message, kind, arch_bit, subnet)
                if at >= 0:
                    return at
        if mac != NULL:
            best = self.first_in(
                &self.by_mac, mac, 6, best, message, kind, arch_bit, subnet)
        if message.uuid != NULL:
            best = self.first_in(
                &self.by_uuid, message.uuid, 16, best, message, kind, arch_bit, subnet)
        for i in range(self.open_count):
            at = self.open_rules[i]
            if at >= best:
                break
            if rule_holds(self.pool, &self.rules[at], self.tests, message, kind, arch_bit, subnet,
                          True):
                best = at
                break
        return best if best < <int32_t>self.rule_count else -1

    cdef int32_t first_of(self, uint32_t boot, const Message *message, int kind,
                          uint64_t arch_bit, uint32_t subnet) noexcept nogil:
        """The first rule of a boot that holds, or -1."""
        cdef uint32_t i
        cdef int32_t at
        if boot > self.boot_count:
            return -1
        for i in range(self.boots[boot], self.boots[boot + 1]):
            at = self.boot_rules[i]
            if rule_holds(self.pool, &self.rules[at], self.tests, message, kind, arch_bit, subnet,
                          False):
                return at
        return -1

    cdef int32_t first_in(self, const Index *index, const uint8_t *key, uint32_t size,
                          int32_t best, const Message *message, int kind, uint64_t arch_bit,
                          uint32_t subnet) noexcept nogil:
        """The first rule with this key that holds and comes before `best`, or `best`."""
        cdef int32_t entry = index.heads[hash_of(key, size) & index.mask]
        cdef int32_t rule
        while entry >= 0:
            rule = index.entries[entry].rule
            if rule >= best:
                return best
            if memcmp(index.entries[entry].key, key, size) == 0 and rule_holds(
                    self.pool, &self.rules[rule], self.tests, message, kind, arch_bit, subnet,
                    True):
                return rule
            entry = index.entries[entry].next
        return best

    cdef int32_t arch_of(self, const Message *message) noexcept nogil:
        """The first listed arch that a rule names, else the first listed, else -1."""
        cdef uint32_t i
        for i in range(message.arch_count):
            if self.arch_slots[message.arches[i]]:
                return message.arches[i]
        return message.arches[0] if message.arch_count else -1

    def find_in(self, bytes datagram not None, int rounds=1):
        """The index of the rule for a datagram, -1 for none; `rounds` repeats it for benchmarks.

        Raises MalformedPacket.
        """
        cdef Message message
        cdef int reason = parse(&message, <const uint8_t *>PyBytes_AS_STRING(datagram),
                                <uint32_t>PyBytes_GET_SIZE(datagram))
        cdef int32_t rule = -1, arch
        cdef int _round
        if reason:
            raise MalformedPacket(REASONS[reason])
        arch = self.arch_of(&message)
        for _round in range(rounds):
            rule = self.find(&message, kind_of(&message, arch), arch, 0)
        return rule


cdef void *allocate(size_t count, size_t size) except NULL:
    cdef void *memory = calloc(max(count, <size_t>1), size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef Span pooled(bytearray pool, bytes value):
    cdef Span span
    span.at = len(pool)
    span.size = len(value)
    pool.extend(value)
    return span
