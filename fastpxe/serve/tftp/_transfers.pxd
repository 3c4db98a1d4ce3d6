"""The transfers of one interface, found by whom they are for."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastpxe.tftp._transfer cimport Act, Transfer
from fastpxe.serve.tftp._block_sender cimport BlockSender, Target
from fastpxe.net._socket cimport iovec, mmsghdr, sockaddr_in

cdef enum:
    BATCH = 64
    DATAGRAM_MAX = 2048       # a longer one is neither request nor ACK
    CONTROL_SIZE = 128        # room for in_pktinfo and a timestamp
    SLOTS_MIN = 256

cdef struct Came:
    sockaddr_in peer
    iovec vector
    uint8_t control[CONTROL_SIZE]
    uint8_t datagram[DATAGRAM_MAX]

cdef struct Slot:
    uint64_t key              # address and port, 0 for a free slot
    void *download
    double fires_at           # not later than its deadline

cdef class Download:
    cdef readonly Transfer transfer
    cdef readonly object about
    cdef readonly object file
    cdef readonly double started_at
    cdef int file_fd
    cdef uint64_t key
    cdef bint is_over         # and its end not yet told: the batch goes on
    cdef Target target

cdef class Downloads:
    cdef BlockSender sender
    cdef object on_other
    cdef object on_end
    cdef Slot *slots
    cdef uint32_t capacity    # a power of two
    cdef uint32_t count
    cdef readonly uint64_t dropped
    cdef Came *came
    cdef mmsghdr *received
    cdef list over            # those that ended in the batch at hand
    cdef bint is_in_batch

    cdef Slot *find(self, uint64_t key) noexcept
    cdef int insert(self, Download download) except -1
    cdef void remove(self, uint64_t key)
    cdef int grow(self) except -1
    cdef int receive(self, int fd, int most) noexcept
    cdef int64_t answer_batch(self, int fd, int got) except -1
    cdef bint take(self, Download download, const uint8_t *datagram, uint32_t size, double now)
    cdef int act(self, Download download, Act act) except -1
    cdef int settle(self) except -1
    cdef int take_leave(self, Download download) except -1
    cdef int tell_ends(self) except -1
    cdef bint read_icmp_errors(self, int fd) except -1
