"""Drain a DHCP socket in batches: recvmmsg, Policy.answer for each datagram, sendmmsg.

The only C code that makes system calls. No Python object is made per packet; what people want to
know goes into a Ring, which the event loop empties later.

Sources: recvmmsg(2), sendmmsg(2), ip(7) for IP_PKTINFO.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastpxe._codec cimport (
    AT_CHADDR, AT_HLEN, AT_HTYPE, AT_XID, CHOSE_US, HTTP_ON_4011, OPT_UUID,
    OTHER_SERVER_ID, REASON_COUNT, TOO_LONG, Message, get32, option,
)
from fastpxe._reply cimport REPLY_MAX, Arrival, Outcome, Responder

from fastpxe._codec import REASONS
from fastpxe.events import Decision, Delayed

cdef extern from "<sys/socket.h>" nogil:
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    cdef struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cdef struct timespec:
        pass
    cmsghdr *CMSG_FIRSTHDR(msghdr *)
    cmsghdr *CMSG_NXTHDR(msghdr *, cmsghdr *)
    unsigned char *CMSG_DATA(cmsghdr *)
    size_t CMSG_LEN(size_t)
    size_t CMSG_SPACE(size_t)
    int recvmmsg(int, mmsghdr *, unsigned int, int, timespec *)
    int sendmmsg(int, mmsghdr *, unsigned int, int)
    int MSG_DONTWAIT, MSG_TRUNC

cdef extern from "<netinet/in.h>" nogil:
    cdef struct in_addr:
        uint32_t s_addr
    cdef struct sockaddr_in:
        unsigned short sin_family
        uint16_t sin_port
        in_addr sin_addr
    cdef struct in_pktinfo:
        int ipi_ifindex
        in_addr ipi_spec_dst
        in_addr ipi_addr
    uint32_t htonl(uint32_t)
    uint16_t htons(uint16_t)
    uint32_t ntohl(uint32_t)
    uint16_t ntohs(uint16_t)
    int AF_INET, IPPROTO_IP, IP_PKTINFO

cdef extern from "<poll.h>" nogil:
    cdef struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *, unsigned long, int)
    short POLLOUT

cdef enum:
    CONTROL_SIZE = 64         # room for one in_pktinfo, checked in DhcpPort.__init__
    ROUNDS_MAX = 16           # batches a wake-up, so that TFTP and signals get their turn
    SEND_WAIT_MS = 20         # how long a full send queue is waited for

cdef struct Slot:
    sockaddr_in peer
    iovec vector
    uint8_t control[CONTROL_SIZE]

cdef struct Buffers:
    mmsghdr received[BATCH]
    mmsghdr replies[BATCH]
    Slot came[BATCH]
    Slot goes[BATCH]
    uint8_t requests[BATCH][DATAGRAM_MAX]
    uint8_t rendered[BATCH][REPLY_MAX]


@cython.final
cdef class Ring:
    """Decisions that wait to be told; when it is full, new ones are only counted as lost.

    `size` is rounded up to a power of two.
    """

    def __init__(self, uint32_t size=8192):
        cdef uint32_t slots = 1
        if self.records != NULL:
            raise TypeError("a Ring is made once")
        while slots < size:
            slots *= 2
        self.records = <Record *>calloc(slots, sizeof(Record))
        if self.records == NULL:
            raise MemoryError
        self.mask = slots - 1

    def __dealloc__(self):
        free(self.records)

    def __len__(self):
        return self.head - self.tail

    cdef void push(self, Responder policy, const Outcome *outcome, uint32_t interface,
                   uint16_t port) noexcept nogil:
        cdef const Message *message = &policy.scratch
        cdef Record *record
        cdef const uint8_t *identity
        cdef uint32_t size
        if self.head - self.tail > self.mask:
            self.lost += 1
            return
        record = &self.records[self.head & self.mask]
        self.head += 1
        record.outcome = outcome[0]
        record.xid = get32(message.at + AT_XID)
        record.interface = interface
        record.port = port
        record.htype = message.at[AT_HTYPE]
        record.hlen = message.at[AT_HLEN]
        memcpy(record.chaddr, message.at + AT_CHADDR, 16)
        identity = option(message, OPT_UUID, &size)
        record.identity_size = <uint8_t>min(size, <uint32_t>IDENTITY_MAX)
        memcpy(record.identity, identity, record.identity_size)

    def take(self, int most):
        """Up to `most` of the oldest decisions."""
        cdef Record *record
        cdef list taken = []
        while self.tail < self.head and len(taken) < most:
            record = &self.records[self.tail & self.mask]
            self.tail += 1
            taken.append(Decision(
                record.outcome.reason, record.outcome.message_type, record.outcome.is_ipxe != 0,
                record.outcome.arch, record.outcome.rule, record.outcome.reply,
                record.outcome.to, record.outcome.to_port, record.outcome.siaddr, record.xid,
                record.interface, record.port, record.htype,
                PyBytes_FromStringAndSize(<char *>record.chaddr, min(<int>record.hlen, 16)),
                PyBytes_FromStringAndSize(<char *>record.identity, record.identity_size),
            ))
        return taken


cdef inline bint is_worth_telling(int reason) noexcept nogil:
    """Answers, and refusals of PXE clients that an operator can act on; the rest is counted."""
    return reason == 0 or reason == CHOSE_US or (
        OTHER_SERVER_ID <= reason < TOO_LONG and reason != HTTP_ON_4011)


@cython.final
cdef class DhcpPort:
    """One DHCP socket: bound to one interface and to port 67 or 4011.

    fd: a non-blocking UDP socket with IP_PKTINFO on; it stays the caller's to close.
    interface: the interface's index. address, netmask: ours on it, as integers.
    policy: what answers; assign a new one to reload. ring: where decisions are told.
    delayed: replies that the caller must take out, and send when their time has come.
    """

    cdef int fd
    cdef uint32_t interface
    cdef uint32_t address
    cdef uint32_t netmask
    cdef uint16_t port
    cdef Ring ring
    cdef Buffers *buffers
    cdef uint64_t reasons[REASON_COUNT]
    cdef readonly uint64_t received
    cdef readonly uint64_t unsent
    cdef readonly list delayed
    cdef public Responder policy

    def __init__(self, int fd, uint32_t interface, uint32_t address, uint32_t netmask,
                 uint16_t port, Responder policy not None, Ring ring not None):
        cdef int i
        if self.buffers != NULL:
            raise TypeError("a DhcpPort is made once")
        if CMSG_SPACE(sizeof(in_pktinfo)) > CONTROL_SIZE:
            raise SystemError("in_pktinfo is larger here than expected")
        self.fd = fd
        self.interface = interface
        self.address = address
        self.netmask = netmask
        self.port = port
        self.policy = policy
        self.ring = ring
        self.delayed = []
        self.buffers = <Buffers *>calloc(1, sizeof(Buffers))
        if self.buffers == NULL:
            raise MemoryError
        for i in range(BATCH):
            attach(&self.buffers.received[i], &self.buffers.came[i], self.buffers.requests[i],
                   DATAGRAM_MAX)
            attach(&self.buffers.replies[i], &self.buffers.goes[i], self.buffers.rendered[i], 0)

    def __dealloc__(self):
        free(self.buffers)

    def counts(self):
        """How many datagrams ended with each reason; "answered" are the replies rendered."""
        return {name: self.reasons[i] for i, name in enumerate(REASONS)}

    def drain(self):
        """Answer what waits, at most ROUNDS_MAX batches; the number of datagrams read."""
        cdef int count = 0, got, _round
        cdef Responder policy = self.policy
        for _round in range(ROUNDS_MAX):
            got = self.receive()
            if got <= 0:
                break
            count += got
            self.send(self.answer_batch(policy, got))
            if got < BATCH:
                break
        return count

    cdef int receive(self) noexcept:
        cdef int i
        for i in range(BATCH):
            self.buffers.received[i].msg_hdr.msg_namelen = sizeof(sockaddr_in)
            self.buffers.received[i].msg_hdr.msg_controllen = CONTROL_SIZE
        return recvmmsg(self.fd, self.buffers.received, BATCH, MSG_DONTWAIT, NULL)

    cdef int answer_batch(self, Responder policy, int got) except -1:
        """Render the replies to a batch; their number."""
        cdef int i, count = 0
        cdef uint32_t size
        cdef Arrival arrival
        cdef Outcome outcome
        self.received += got
        for i in range(got):
            if self.buffers.received[i].msg_hdr.msg_flags & MSG_TRUNC:
                self.reasons[<int>TOO_LONG] += 1
                continue
            self.read_arrival(&self.buffers.received[i].msg_hdr, &self.buffers.came[i], &arrival)
            size = policy.answer(self.buffers.requests[i], self.buffers.received[i].msg_len,
                                 &arrival, self.buffers.rendered[count], &outcome)
            self.reasons[outcome.reason] += 1
            if is_worth_telling(outcome.reason):
                self.ring.push(policy, &outcome, self.interface, self.port)
            if size and outcome.delay_ms:
                self.delayed.append(Delayed(
                    outcome.delay_ms / 1000,
                    PyBytes_FromStringAndSize(<char *>self.buffers.rendered[count], size),
                    outcome.to, outcome.to_port, arrival.address))
            elif size:
                self.address_reply(count, size, &outcome, arrival.address)
                count += 1
        return count

    cdef void read_arrival(self, msghdr *header, Slot *slot, Arrival *arrival) noexcept:
        """Whence it came, and as which of our addresses we were asked."""
        cdef cmsghdr *control = CMSG_FIRSTHDR(header)
        cdef in_pktinfo *info
        arrival.source = ntohl(slot.peer.sin_addr.s_addr)
        arrival.source_port = ntohs(slot.peer.sin_port)
        arrival.port = self.port
        arrival.address = self.address
        arrival.netmask = self.netmask
        while control != NULL:
            if control.cmsg_level == IPPROTO_IP and control.cmsg_type == IP_PKTINFO:
                info = <in_pktinfo *>CMSG_DATA(control)
                # The kernel's own address for the packet equals its destination when that was
                # unicast: a relay may ask a second address of this interface, and trusts only that.
                if info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr:
                    arrival.address = ntohl(info.ipi_addr.s_addr)
                return
            control = CMSG_NXTHDR(header, control)

    cdef void address_reply(self, int index, uint32_t size, const Outcome *outcome,
                            uint32_t source) noexcept:
        """Fill in where reply `index` goes, and from which of our addresses."""
        cdef Slot *slot = &self.buffers.goes[index]
        cdef msghdr *header = &self.buffers.replies[index].msg_hdr
        cdef cmsghdr *control
        cdef in_pktinfo *info
        slot.vector.iov_len = size
        slot.peer.sin_family = AF_INET
        slot.peer.sin_addr.s_addr = htonl(outcome.to)
        slot.peer.sin_port = htons(outcome.to_port)
        header.msg_namelen = sizeof(sockaddr_in)
        header.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo))
        control = CMSG_FIRSTHDR(header)
        control.cmsg_level = IPPROTO_IP
        control.cmsg_type = IP_PKTINFO
        control.cmsg_len = CMSG_LEN(sizeof(in_pktinfo))
        info = <in_pktinfo *>CMSG_DATA(control)
        memset(info, 0, sizeof(in_pktinfo))
        info.ipi_ifindex = <int>self.interface
        info.ipi_spec_dst.s_addr = htonl(source)

    cdef void send(self, int count) noexcept:
        """Send the batch; one that the kernel refuses is counted and the rest still goes."""
        cdef int done = 0, sent
        cdef pollfd waiting
        while done < count:
            sent = sendmmsg(self.fd, &self.buffers.replies[done], count - done, MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            if errno == EINTR:
                continue
            if errno == EAGAIN or errno == ENOBUFS:
                waiting.fd = self.fd
                waiting.events = POLLOUT
                waiting.revents = 0
                if errno == EAGAIN and poll(&waiting, 1, SEND_WAIT_MS) > 0:
                    continue
            self.unsent += 1
            done += 1


cdef void attach(mmsghdr *message, Slot *slot, uint8_t *buffer, size_t size) noexcept:
    slot.vector.iov_base = buffer
    slot.vector.iov_len = size
    message.msg_hdr.msg_name = &slot.peer
    message.msg_hdr.msg_iov = &slot.vector
    message.msg_hdr.msg_iovlen = 1
    message.msg_hdr.msg_control = slot.control
    message.msg_hdr.msg_controllen = CONTROL_SIZE
