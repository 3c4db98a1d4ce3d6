"""Which boot single hosts are to get: a table in memory that processes share.

One process writes, and any number look up in the packet path, without a lock: there are two tables,
and a number that says which is in force. The other one is filled, then the number is changed. Who
finds another number after a look than before may have seen a table that was being filled, and looks
again.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    /* The table must be whole before the number says so. */
    #define read_shared(at) __atomic_load_n((at), __ATOMIC_ACQUIRE)
    #define write_shared(at, value) __atomic_store_n((at), (value), __ATOMIC_RELEASE)
    #define reads_are_done() __atomic_thread_fence(__ATOMIC_ACQUIRE)
    """
    void reads_are_done() noexcept nogil
    uint64_t read_shared(const uint64_t *at) noexcept nogil
    void write_shared(uint64_t *at, uint64_t value) noexcept nogil

cdef enum:
    KEY_MAC = 1, KEY_UUID = 2
    MAC_SIZE = 6, UUID_SIZE = 16
    LOOKS_MAX = 100           # each took longer than a writer takes for a whole table: never seen


@cython.final
cdef class HostBootTable:
    """The boots of hosts, by MAC address or machine UUID.

    memory: a writable buffer of `HostBootTable.size_for(capacity)` zero bytes. If processes share
    it, all read what the last `replace` has written. Raises ValueError when it is too small.
    """

    def __init__(self, memory, uint32_t capacity):
        cdef uint8_t[::1] view = memory
        cdef uint32_t slots = slots_for(capacity)
        if view.nbytes < <Py_ssize_t>size_of(slots):
            raise ValueError(f"{capacity} hosts need {size_of(slots)} bytes")
        self.memory = view
        self.head = <Head *>&view[0]
        self.tables[0] = <Entry *>(self.head + 1)
        self.tables[1] = self.tables[0] + slots
        self.mask = slots - 1

    @staticmethod
    def size_for(uint32_t capacity):
        """How many bytes a table for so many hosts takes."""
        return size_of(slots_for(capacity))

    @property
    def capacity(self):
        """How many keys it has room for."""
        return (self.mask + 1) // 2

    def __len__(self):
        return self.head.counts[read_shared(&self.head.version) & 1] if self.head else 0

    def replace(self, boots):
        """Put these in force, and no others: pairs of a key, 6 or 16 bytes, and a boot's number.

        Of one key the first counts. ValueError for too many, a key of another size, a number below
        1; then nothing changes.
        """
        cdef list entries = list(boots)
        cdef uint64_t version
        cdef Entry *table
        cdef bytes key
        if self.head == NULL:
            raise TypeError("HostBootTable without memory")
        if len(entries) > self.capacity:
            raise ValueError(f"{len(entries)} hosts; there is room for {self.capacity}")
        for key, boot in entries:
            if len(key) not in (MAC_SIZE, UUID_SIZE) or boot < 1:
                raise ValueError("a host is 6 bytes of MAC or 16 of UUID, and a boot from 1 on")
        version = read_shared(&self.head.version) + 1
        table = self.tables[version & 1]
        memset(table, 0, (self.mask + 1) * sizeof(Entry))
        for key, boot in entries:
            self.insert(table, KEY_MAC if len(key) == MAC_SIZE else KEY_UUID,
                        <const uint8_t *>PyBytes_AS_STRING(key), <uint32_t>len(key), boot)
        self.head.counts[version & 1] = len(entries)
        write_shared(&self.head.version, version)

    def find(self, bytes mac=None, bytes uuid=None):
        """The boot's number for a MAC of 6 bytes, else for a UUID of 16, else 0."""
        if (mac is not None and len(mac) != MAC_SIZE) or (
                uuid is not None and len(uuid) != UUID_SIZE):
            raise ValueError("6 bytes of MAC, 16 of UUID")
        return self.boot_of(NULL if mac is None else <uint8_t *>PyBytes_AS_STRING(mac),
                            NULL if uuid is None else <uint8_t *>PyBytes_AS_STRING(uuid))

    cdef uint32_t boot_of(self, const uint8_t *mac, const uint8_t *uuid) noexcept nogil:
        """The boot of a client, 0 for none; NULL for a key that it doesn't have."""
        cdef uint64_t version
        cdef uint32_t boot = 0
        cdef int _look
        if self.head == NULL:
            return 0
        for _look in range(LOOKS_MAX):
            version = read_shared(&self.head.version)
            boot = self.boot_in(version & 1, mac, uuid)
            reads_are_done()
            if version == read_shared(&self.head.version):
                break
        return boot

    cdef uint32_t boot_in(self, uint32_t at, const uint8_t *mac,
                          const uint8_t *uuid) noexcept nogil:
        cdef uint32_t boot = 0
        cdef const Entry *table = self.tables[at]
        if self.head.counts[at] == 0:
            return 0
        if mac != NULL:
            boot = self.look_up(table, KEY_MAC, mac, MAC_SIZE)
        if boot == 0 and uuid != NULL:
            boot = self.look_up(table, KEY_UUID, uuid, UUID_SIZE)
        return boot

    cdef uint32_t look_up(self, const Entry *table, uint32_t kind, const uint8_t *key,
                          uint32_t size) noexcept nogil:
        cdef uint32_t slot = hash_of(key, size) & self.mask
        cdef uint32_t _step
        # Bounded: the writer may be at this very table again, if this process slept that long.
        for _step in range(self.mask + 1):
            if table[slot].boot == 0:
                return 0
            if table[slot].kind == kind and memcmp(table[slot].key, key, size) == 0:
                return table[slot].boot
            slot = (slot + 1) & self.mask
        return 0

    cdef void insert(self, Entry *table, uint32_t kind, const uint8_t *key, uint32_t size,
                     uint32_t boot) noexcept nogil:
        cdef uint32_t slot = hash_of(key, size) & self.mask
        while table[slot].boot != 0:
            if table[slot].kind == kind and memcmp(table[slot].key, key, size) == 0:
                return
            slot = (slot + 1) & self.mask
        memcpy(table[slot].key, key, size)
        table[slot].kind = kind
        table[slot].boot = boot


cdef uint32_t slots_for(uint32_t capacity) except 0:
    """A power of two, so that `capacity` fills half of it."""
    cdef uint32_t slots = 16
    if capacity > 1 << 24:
        raise ValueError("more than 16 million hosts")
    while slots < 2 * capacity:
        slots *= 2
    return slots


cdef size_t size_of(uint32_t slots) noexcept:
    return sizeof(Head) + 2 * slots * sizeof(Entry)
