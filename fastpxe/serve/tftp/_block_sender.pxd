"""The queue of DATA datagrams between the transfers and the kernel."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe.net._socket cimport iovec, mmsghdr, sockaddr_in

cdef enum:
    QUEUE = 64                # datagrams, or trains of them, that one sendmmsg takes
    ARENA = 1 << 18           # bytes of headers and blocks that wait to be sent
    SEGMENTS_MAX = 64         # UDP_MAX_SEGMENTS of the kernel
    TRAIN_BYTES_MAX = 65000   # a little below UDP_BYTES_MAX
    UDP_BYTES_MAX = 65507     # what an IPv4 packet of 65,535 bytes leaves
    SEND_CONTROL = 64         # room for in_pktinfo and UDP_SEGMENT, checked in BlockSender.__init__

cdef enum Way:                # how blocks get from the page cache to the socket
    AUTO
    GSO
    MMSG
    SENDFILE

cdef struct Goes:             # where a queued message goes
    sockaddr_in to
    iovec vector
    uint8_t control[SEND_CONTROL]     # at a multiple of 8, as a cmsghdr must be
    uint16_t segment          # size of each datagram of a train, 0 for a single one

cdef struct Target:           # whom a transfer is for, in network byte order
    int sock
    uint32_t source           # our address to send from
    sockaddr_in to

cdef class BlockSender:
    cdef Way way
    cdef int largest_segment
    cdef readonly bint is_gso_refused
    cdef double waits_from    # when a full send queue is waited for again
    cdef readonly uint64_t unsent
    cdef int sock             # that of what is queued
    cdef int queued
    cdef int used             # bytes of the arena
    cdef mmsghdr *messages
    cdef Goes *goes
    cdef uint8_t *arena

    cdef bint send_blocks(self, const Target *target, int file, int64_t size_bytes, int blksize,
                          int64_t first, int count) noexcept
    cdef void send_datagram(self, const Target *target, const uint8_t *datagram,
                            int size) noexcept
    cdef void flush(self) noexcept
    cdef int trainable(self, int blksize, int count) noexcept
    cdef bint queue_blocks(self, const Target *target, int file, int64_t size_bytes, int blksize,
                           int64_t first, int count) noexcept
    cdef bint splice_blocks(self, const Target *target, int file, int64_t size_bytes, int blksize,
                            int64_t first, int count) noexcept
    cdef void abandon(self, const Target *target) noexcept
    cdef void queue_message(self, const Target *target, int at, int size, int segment) noexcept
    cdef int room_for(self, const Target *target, int size) noexcept
    cdef bint may_be_repeated(self, int why, int tries) noexcept
    cdef void send_apart(self, int index) noexcept
