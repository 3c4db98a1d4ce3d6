"""Blocks of open files as DATA datagrams, by the way that moves them fastest and right.

  gso       a window is read with one preadv(2) between its headers and sent as one train, which
            the kernel cuts into datagrams (UDP_SEGMENT)
  mmsg      the same without the train: a message for each block, of many clients in one sendmmsg(2)
  sendfile  header with MSG_MORE, then sendfile(2) of the block, two calls for each

Read, not mapped: a file that is cut short then shows as a short read, before anything is sent.
`auto` takes trains where a window has more than one block that fits the device's MTU, and mmsg
elsewhere. sendfile loses every block that starts at an odd offset and crosses a page, since the
kernel sums the second page's bytes as if they were at an even place; so odd block sizes go by mmsg.

Sources: udp(7) for UDP_SEGMENT, sendfile(2), RFC 1350 section 5 (DATA); measured in bench/.
"""

cimport cython
from libc.errno cimport (
    EACCES, EAGAIN, ECONNREFUSED, EHOSTUNREACH, EINTR, EINVAL, EIO, EMSGSIZE, ENETUNREACH,
    ENOPROTOOPT, EPROTO, errno,
)
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.stat cimport fstat, struct_stat

from fastpxe.net._socket cimport (
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_SPACE, IPPROTO_IP, IPPROTO_UDP, IP_PKTINFO,
    MSG_DONTWAIT, MSG_MORE, UDP_SEGMENT, cmsghdr, has_room_soon, in_pktinfo, iovec, mmsghdr,
    msghdr, sendmmsg, sendmsg, sockaddr_in,
)

cdef extern from "<sys/uio.h>" nogil:
    ssize_t preadv(int, const iovec *, int, long)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int, void *, size_t, long)

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t sendfile(int, int, long *, size_t)

cdef enum:
    HEADER = 4
    SEND_TRIES = 8            # an ICMP error that waits on the socket fails one send each

WAYS = ("auto", "gso", "mmsg", "sendfile")


@cython.final
cdef class BlockSender:
    """Sends blocks, and other datagrams, from the sockets of one interface.

    way: one of WAYS. largest_segment: bytes of TFTP that a datagram may have and still leave the
    device in one piece (its MTU less the IP and UDP headers). `unsent` counts datagrams that the
    kernel refused: as good as lost on the wire. `is_gso_refused`: the device can send no trains.
    """

    def __init__(self, str way, int largest_segment):
        if self.arena != NULL:
            raise TypeError("a BlockSender is made once")
        if CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)) > SEND_CONTROL:
            raise SystemError("in_pktinfo is larger here than expected")
        self.way = <Way><int>WAYS.index(way)
        self.largest_segment = largest_segment
        self.messages = <mmsghdr *>calloc(QUEUE, sizeof(mmsghdr))
        self.goes = <Goes *>calloc(QUEUE, sizeof(Goes))
        self.arena = <uint8_t *>malloc(ARENA)
        if self.messages == NULL or self.goes == NULL or self.arena == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.messages)
        free(self.goes)
        free(self.arena)

    cdef bint send_blocks(self, const Target *target, int file, int64_t size_bytes, int blksize,
                          int64_t first, int count) noexcept:
        """Queue `count` blocks of a file, numbered from 1; False when it is shorter than it was."""
        if self.way == SENDFILE and blksize % 2 == 0:
            return self.splice_blocks(target, file, size_bytes, blksize, first, count)
        return self.queue_blocks(target, file, size_bytes, blksize, first, count)

    cdef void send_datagram(self, const Target *target, const uint8_t *datagram,
                            int size) noexcept:
        """Queue a datagram that is no DATA."""
        cdef int at = self.room_for(target, size)
        memcpy(self.arena + at, datagram, size)
        self.queue_message(target, at, size, 0)

    cdef int trainable(self, int blksize, int count) noexcept:
        """How many of `count` blocks may go as one message."""
        if self.way == MMSG or self.is_gso_refused or blksize + HEADER > self.largest_segment:
            return 1
        return max(1, min(min(count, <int>SEGMENTS_MAX), TRAIN_BYTES_MAX // (blksize + HEADER)))

    cdef bint queue_blocks(self, const Target *target, int file, int64_t size_bytes, int blksize,
                           int64_t first, int count) noexcept:
        cdef iovec parts[SEGMENTS_MAX]
        cdef int64_t offset = (first - 1) * blksize
        cdef int step = blksize + HEADER, n, i, at, size, total
        cdef int64_t wanted
        cdef uint8_t *header
        while count > 0:
            n = self.trainable(blksize, count)
            at = self.room_for(target, n * step)
            wanted = total = 0
            for i in range(n):
                header = self.arena + at + i * step
                write_header(header, first + i)
                size = <int>max(0, min(<int64_t>blksize, size_bytes - offset - wanted))
                parts[i].iov_base = header + HEADER
                parts[i].iov_len = size
                wanted += size
                total += size + HEADER
            if not read_all(file, parts, n, offset, wanted):
                return False
            self.queue_message(target, at, total, step if n > 1 else 0)
            first += n
            count -= n
            offset += wanted
        return True

    cdef bint splice_blocks(self, const Target *target, int file, int64_t size_bytes, int blksize,
                            int64_t first, int count) noexcept:
        """Send at once: the header holds the socket back until the block has joined it."""
        cdef long offset
        cdef int64_t left, sent
        cdef struct_stat status
        cdef int i
        self.flush()
        # A part of a block would pass for the last one, and sendfile sends what there is.
        if fstat(file, &status) or status.st_size < min(size_bytes, (first + count - 1) * blksize):
            return False
        for i in range(count):
            offset = (first + i - 1) * blksize
            left = min(<int64_t>blksize, size_bytes - offset)
            write_header(self.arena, first + i)
            self.queue_message(target, 0, HEADER, 0)
            self.queued = 0
            if left <= 0:
                if sendmsg(target.sock, &self.messages[0].msg_hdr, MSG_DONTWAIT) < 0:
                    self.unsent += 1
                continue
            if sendmsg(target.sock, &self.messages[0].msg_hdr, MSG_DONTWAIT | MSG_MORE) < 0:
                self.unsent += 1
                continue
            sent = sendfile(target.sock, file, &offset, left)
            if sent != left:
                self.abandon(target)
                if sent >= 0:
                    return False
                self.unsent += 1       # no room for it: as good as lost on the wire
        return True

    cdef void abandon(self, const Target *target) noexcept:
        """Have the socket let go of a block that it holds a part of: as it is, it would pass for
        the last. Nothing sends it but the rest; what is too long for a datagram drops it.
        """
        self.goes[0].vector.iov_len = UDP_BYTES_MAX + 1
        sendmsg(target.sock, &self.messages[0].msg_hdr, MSG_DONTWAIT)

    cdef int room_for(self, const Target *target, int size) noexcept:
        """Where in the arena `size` bytes for a message to this target may be put."""
        if self.queued and (self.sock != target.sock or self.queued == QUEUE
                            or self.used + size > ARENA):
            self.flush()
        self.sock = target.sock
        return self.used

    cdef void queue_message(self, const Target *target, int at, int size, int segment) noexcept:
        cdef Goes *goes = &self.goes[self.queued]
        cdef msghdr *header = &self.messages[self.queued].msg_hdr
        goes.to = target.to
        goes.segment = segment
        goes.vector.iov_base = self.arena + at
        goes.vector.iov_len = size
        header.msg_name = &goes.to
        header.msg_namelen = sizeof(sockaddr_in)
        header.msg_iov = &goes.vector
        header.msg_iovlen = 1
        write_control(header, goes.control, target.source, segment)
        self.queued += 1
        self.used = at + size

    cdef void flush(self) noexcept:
        """Send what is queued; one that the kernel refuses is dropped and the rest still goes."""
        cdef int done = 0, sent, why, tries = 0
        while done < self.queued:
            sent = sendmmsg(self.sock, &self.messages[done], self.queued - done, MSG_DONTWAIT)
            if sent > 0:
                done += sent
                tries = 0
                continue
            tries += 1
            why = errno
            if self.may_be_repeated(why, tries):
                continue
            if self.goes[done].segment and why in (EIO, EINVAL, EMSGSIZE):
                # EIO: the device can't do it. Else this client's route has a smaller MTU.
                self.is_gso_refused |= why == EIO
                self.send_apart(done)
            else:
                self.unsent += datagrams_of(&self.goes[done])
            done += 1
            tries = 0
        self.queued = self.used = 0

    cdef bint may_be_repeated(self, int why, int tries) noexcept:
        """Whether the kernel may take the same message now that it refused before."""
        if why == EINTR:
            return True
        if why == EAGAIN:
            return tries == 1 and has_room_soon(self.sock, &self.waits_from)
        # An ICMP error about another client, which waited on the socket, fails one send.
        return tries < SEND_TRIES and why in (
            ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPROTO, ENOPROTOOPT, EACCES)

    cdef void send_apart(self, int index) noexcept:
        """Send a train's datagrams one by one."""
        cdef Goes *goes = &self.goes[index]
        cdef msghdr *header = &self.messages[index].msg_hdr
        cdef uint8_t *at = <uint8_t *>goes.vector.iov_base
        cdef size_t left = goes.vector.iov_len
        header.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo))
        while left:
            goes.vector.iov_base = at
            goes.vector.iov_len = min(left, <size_t>goes.segment)
            if sendmsg(self.sock, header, MSG_DONTWAIT) < 0:
                self.unsent += 1
            at += goes.vector.iov_len
            left -= goes.vector.iov_len


cdef inline uint64_t datagrams_of(const Goes *goes) noexcept nogil:
    if not goes.segment:
        return 1
    return (goes.vector.iov_len + goes.segment - 1) // goes.segment


cdef inline bint read_all(int file, const iovec *parts, int n, int64_t offset,
                          int64_t wanted) noexcept nogil:
    if n == 1:         # the usual case of clients without windows, and cheaper than preadv
        return not wanted or pread(file, parts[0].iov_base, wanted, offset) == wanted
    return preadv(file, parts, n, offset) == wanted


cdef inline void write_header(uint8_t *at, int64_t block) noexcept nogil:
    at[0] = 0
    at[1] = 3
    at[2] = <uint8_t>(block >> 8)
    at[3] = <uint8_t>block


cdef void write_control(msghdr *header, uint8_t *control, uint32_t source,
                        int segment) noexcept nogil:
    """From which of our addresses, and into how large datagrams a train is cut."""
    cdef cmsghdr *at
    cdef in_pktinfo *info
    cdef uint16_t size = segment
    header.msg_control = control
    header.msg_controllen = SEND_CONTROL
    at = CMSG_FIRSTHDR(header)
    at.cmsg_level = IPPROTO_IP
    at.cmsg_type = IP_PKTINFO
    at.cmsg_len = CMSG_LEN(sizeof(in_pktinfo))
    info = <in_pktinfo *>CMSG_DATA(at)
    memset(info, 0, sizeof(in_pktinfo))
    info.ipi_spec_dst.s_addr = source
    header.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo))
    if segment:
        at = <cmsghdr *>(control + CMSG_SPACE(sizeof(in_pktinfo)))
        at.cmsg_level = IPPROTO_UDP
        at.cmsg_type = UDP_SEGMENT
        at.cmsg_len = CMSG_LEN(sizeof(uint16_t))
        memcpy(CMSG_DATA(at), &size, sizeof(uint16_t))
        header.msg_controllen += CMSG_SPACE(sizeof(uint16_t))
