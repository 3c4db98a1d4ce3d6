"""A ring of decisions in shared memory: a worker pushes, the process that logs takes.

The worker never waits: what finds no room is counted as lost. A record holds the request as it
came, so that whoever reads it can parse and decide again. Beside the ring are the counts of each
of the worker's sockets.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastpxe._codec cimport (
    AT_CHADDR, AT_CIADDR, AT_HLEN, AT_HTYPE, AT_SNAME, AT_XID, CHADDR_SIZE, OPT_REQUESTED,
    OPT_UUID, Message, get32, option, parse,
)
from fastpxe.dhcp._responder cimport Arrival, Outcome

from fastpxe._codec import REASONS
from fastpxe.events import Decision

cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *, size_t, int, int, int, long)
    int munmap(void *, size_t)
    int PROT_READ, PROT_WRITE, MAP_SHARED, MAP_ANONYMOUS
    void *MAP_FAILED

cdef extern from *:
    """
    /* One process writes, another reads: the record must be whole before the number says so. */
    #define read_shared(at) __atomic_load_n((at), __ATOMIC_ACQUIRE)
    #define write_shared(at, value) __atomic_store_n((at), (value), __ATOMIC_RELEASE)
    """
    uint64_t read_shared(const uint64_t *at) noexcept nogil
    void write_shared(uint64_t *at, uint64_t value) noexcept nogil

cdef enum:
    REQUEST_MAX = 2048        # bytes of a request that are kept
    ROOM_MIN = 4096           # at least one record fits

cdef uint8_t[AT_SNAME] NOTHING    # a header that says nothing


cdef inline uint64_t record_size(uint32_t request_size) noexcept nogil:
    return (sizeof(Record) + request_size + 7) & ~<uint64_t>7


@cython.final
cdef class EventRing:
    """What a worker decided, one by one, and counts for each of its sockets.

    The memory is shared with processes forked later. One of them pushes (by a DhcpPort), one
    takes. `size` is the room for decisions in bytes, rounded up to a power of two; a request
    takes some 500.
    """

    def __init__(self, uint32_t ports=1, uint64_t size=1 << 22):
        cdef uint64_t room = ROOM_MIN
        if self.memory != NULL:
            raise TypeError("an EventRing is made once")
        while room < size:
            room *= 2
        self.memory_size = sizeof(Shared) + ports * sizeof(PortCounts) + room
        self.memory = mmap(NULL, self.memory_size, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        if self.memory == MAP_FAILED:
            self.memory = NULL
            raise MemoryError
        self.shared = <Shared *>self.memory
        self.ports = <PortCounts *>(self.shared + 1)
        self.records = <uint8_t *>(self.ports + ports)
        self.port_count = ports
        self.room = room

    def __dealloc__(self):
        if self.memory != NULL:
            munmap(self.memory, self.memory_size)

    def __len__(self):
        return read_shared(&self.shared.pushed) - self.shared.taken

    @property
    def lost(self):
        return self.shared.lost

    @property
    def pushed(self):
        """Decisions so far, those that were lost aside."""
        return read_shared(&self.shared.pushed)

    cdef uint64_t push(self, const Message *message, const Arrival *arrival,
                       const Outcome *outcome, uint64_t at_ns,
                       uint32_t interface) noexcept nogil:
        """Write a record, to be published; its position, NOT_KEPT where there was no room."""
        cdef uint64_t head = self.shared.head + self.written
        cdef uint32_t kept = min(message.size, <uint32_t>REQUEST_MAX)
        cdef uint64_t size = record_size(kept)
        cdef uint64_t to_end = self.room - (head & (self.room - 1))
        cdef uint64_t skipped = to_end if size > to_end else 0
        cdef Record *record = <Record *>(self.records + (head & (self.room - 1)))
        if head + skipped + size - read_shared(&self.shared.tail) > self.room:
            self.shared.lost += 1
            return <uint64_t>NOT_KEPT
        if skipped:
            record.size = <uint32_t>skipped
            record.is_padding = True
            record = <Record *>self.records
        record.size = <uint32_t>size
        record.is_padding = False
        record.outcome = outcome[0]
        record.arrival = arrival[0]
        record.at_ns = at_ns
        record.interface = interface
        record.error = 0
        record.request_size = kept
        memcpy(record.request, message.at, kept)
        self.written += skipped + size
        self.pending += 1
        return head + skipped

    cdef void set_send_error(self, uint64_t position, int error) noexcept nogil:
        """Say of a record that isn't published yet why its reply couldn't be sent."""
        if position != <uint64_t>NOT_KEPT:
            (<Record *>(self.records + (position & (self.room - 1)))).error = error

    cdef void publish(self) noexcept nogil:
        """Let the other process have what was written."""
        write_shared(&self.shared.pushed, self.shared.pushed + self.pending)
        write_shared(&self.shared.head, self.shared.head + self.written)
        self.written = 0
        self.pending = 0

    cdef Record *next_record(self, uint64_t *tail, uint64_t head) noexcept nogil:
        """The record at `tail`, which moves on behind it; NULL at the end."""
        cdef Record *record
        while tail[0] < head:
            record = <Record *>(self.records + (tail[0] & (self.room - 1)))
            tail[0] += record.size
            if not record.is_padding:
                return record
        return NULL

    def take(self, int most):
        """Up to `most` of the oldest decisions."""
        cdef uint64_t head = read_shared(&self.shared.head)
        cdef uint64_t tail = self.shared.tail
        cdef Record *record
        cdef list taken = []
        while len(taken) < most:
            record = self.next_record(&tail, head)
            if record == NULL:
                break
            taken.append(self.decision(record))
        self.shared.taken += len(taken)
        write_shared(&self.shared.tail, tail)
        return taken

    cdef object decision(self, Record *record):
        cdef const uint8_t *header = record.request
        cdef const uint8_t *requested
        cdef const uint8_t *identity
        cdef uint32_t requested_size, identity_size
        if record.request_size < AT_SNAME:    # behind its end lies what came before it
            header = NOTHING
        parse(&self.message, record.request, record.request_size)
        requested = option(&self.message, OPT_REQUESTED, &requested_size)
        identity = option(&self.message, OPT_UUID, &identity_size)
        return Decision(
            reason=record.outcome.reason,
            message_type=record.outcome.message_type,
            ipxe=record.outcome.is_ipxe != 0,
            arch=record.outcome.arch,
            rule=record.outcome.rule,
            reply=record.outcome.reply,
            to=record.outcome.to,
            to_port=record.outcome.to_port,
            siaddr=record.outcome.siaddr,
            interface=record.interface,
            port=record.arrival.port,
            at_ns=record.at_ns,
            error=record.error,
            request=PyBytes_FromStringAndSize(<const char *>record.request, record.request_size),
            source=record.arrival.source,
            source_port=record.arrival.source_port,
            address=record.arrival.address,
            xid=get32(header + AT_XID),
            htype=header[AT_HTYPE],
            chaddr=PyBytes_FromStringAndSize(
                <const char *>header + AT_CHADDR, min(<int>header[AT_HLEN], <int>CHADDR_SIZE)),
            identity=PyBytes_FromStringAndSize(<const char *>identity, identity_size),
            ciaddr=get32(header + AT_CIADDR),
            requested=get32(requested) if requested_size >= 4 else 0,
        )

    def counts(self, uint32_t port):
        """How many datagrams of a socket ended with each reason, and how many couldn't be sent."""
        cdef PortCounts *counts
        if port >= self.port_count:
            raise IndexError("no such port on this ring")
        counts = &self.ports[port]
        found = {name: counts.reasons[i] for i, name in enumerate(REASONS)}
        found["unsent"] = counts.unsent
        return found

    def latency(self, uint32_t port):
        """The histogram of a socket: (nanoseconds up to which, count) for each bucket that counts.

        From the kernel's receive time to the send; a bucket is a sixteenth of a power of two.
        """
        cdef uint64_t steps, shift
        cdef int i
        if port >= self.port_count:
            raise IndexError("no such port on this ring")
        found = []
        for i in range(LATENCY_BUCKETS):
            if self.ports[port].latency[i]:
                steps = i % LATENCY_STEPS
                shift = i // LATENCY_STEPS
                top = steps + 1 if shift == 0 else (LATENCY_STEPS + steps + 1) << (shift - 1)
                found.append((top, self.ports[port].latency[i]))
        return found
