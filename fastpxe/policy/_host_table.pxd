"""Which boot single hosts are to get: a table in memory that processes share."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef inline uint32_t hash_of(const uint8_t *at, uint32_t size) noexcept nogil:
    """FNV-1a: short keys, and tables whose size no client decides."""
    cdef uint32_t h = 2166136261u
    cdef uint32_t i
    for i in range(size):
        h = (h ^ at[i]) * 16777619u
    return h ^ (h >> 15)


cdef struct Entry:
    uint32_t boot             # 0 = an empty slot
    uint32_t kind             # of the key; KEY_MAC or KEY_UUID
    uint8_t key[16]           # a MAC is followed by zeros

cdef struct Head:
    uint64_t version          # table version & 1 is the one in force
    uint64_t counts[2]        # entries of each

cdef class HostBootTable:
    cdef object memory        # keeps `head` alive
    cdef Head *head
    cdef Entry *tables[2]
    cdef uint32_t mask        # slots of a table, less one

    cdef uint32_t boot_of(self, const uint8_t *mac, const uint8_t *uuid) noexcept nogil
    cdef uint32_t boot_in(self, uint32_t at, const uint8_t *mac,
                          const uint8_t *uuid) noexcept nogil
    cdef uint32_t look_up(self, const Entry *table, uint32_t kind, const uint8_t *key,
                          uint32_t size) noexcept nogil
    cdef void insert(self, Entry *table, uint32_t kind, const uint8_t *key, uint32_t size,
                     uint32_t boot) noexcept nogil
