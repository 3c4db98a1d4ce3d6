"""Drain a DHCP socket in batches: recvmmsg, parse and answer each datagram, sendmmsg.

The only C code of the packet path that makes system calls. No Python object is made per packet;
what people want to know goes onto an EventRing, which another process reads later.

Sources: recvmmsg(2), sendmmsg(2), ip(7) for IP_PKTINFO, socket(7) for SO_TIMESTAMPNS.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastpxe._codec cimport (
    CHOSE_US, FOR_OTHER_SERVER, HTTP_ON_4011, OTHER_SERVER_ID, TOO_LONG, Message, parse,
)
from fastpxe.dhcp._responder cimport Arrival, Outcome, Responder
from fastpxe.dhcp._template cimport REPLY_MAX
from fastpxe.net._socket cimport (
    AF_INET, CLOCK_REALTIME, CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_NXTHDR, CMSG_SPACE,
    IPPROTO_IP, IP_PKTINFO, MSG_DONTWAIT, MSG_TRUNC, SOL_SOCKET, SO_TIMESTAMPNS, clock_gettime,
    cmsghdr, has_room_soon, htonl, htons, in_pktinfo, iovec, mmsghdr, msghdr, ntohl, ntohs,
    recvmmsg, sendmmsg, sockaddr_in, timespec,
)
from fastpxe.serve.ipc._event_ring cimport LATENCY_STEPS, EventRing, PortCounts

from fastpxe.events import Delayed

cdef extern from *:
    """
    #define highest_bit(value) (63 - __builtin_clzll(value))
    """
    int highest_bit(uint64_t value) noexcept nogil

cdef enum:
    CONTROL_SIZE = 128        # room for in_pktinfo and timespec, checked in DhcpPort.__init__
    ROUNDS_MAX = 16           # batches a wake-up, so that TFTP and signals get their turn

cdef struct Slot:
    sockaddr_in peer
    iovec vector
    uint8_t control[CONTROL_SIZE]

cdef struct Buffers:
    mmsghdr received[BATCH]
    mmsghdr replies[BATCH]
    Slot rx[BATCH]
    Slot tx[BATCH]
    uint8_t requests[BATCH][DATAGRAM_MAX]
    uint8_t rendered[BATCH][REPLY_MAX]


cdef inline uint32_t latency_bucket(uint64_t ns) noexcept nogil:
    """Which bucket a time belongs to: its highest bits, after the leading one."""
    cdef int shift
    if ns < LATENCY_STEPS:
        return <uint32_t>ns
    shift = highest_bit(ns) - 4           # so that 16 to 31 are left
    return <uint32_t>(((shift + 1) << 4) + ((ns >> shift) & (LATENCY_STEPS - 1)))


cdef inline bint is_logged(int reason) noexcept nogil:
    """Answers, refusals of PXE clients that an operator can act on, and that one takes an address;
    the rest is counted.
    """
    return reason == 0 or reason == CHOSE_US or reason == FOR_OTHER_SERVER or (
        OTHER_SERVER_ID <= reason < TOO_LONG and reason != HTTP_ON_4011)


@cython.final
cdef class DhcpPort:
    """One DHCP socket: bound to one interface and to port 67 or 4011.

    fd: a non-blocking UDP socket with IP_PKTINFO on; it stays the caller's to close.
    interface: the interface's index. address, netmask: ours on it, as integers.
    policy: what answers; assign a new one to reload. ring: where decisions go, and are counted as
    those of its port number `index`.
    delayed: replies that the caller must take out, and send when their time has come.
    first: ports whose requests go before this one's, however many wait here.
    """

    cdef int fd
    cdef uint32_t interface
    cdef uint32_t address
    cdef uint32_t netmask
    cdef uint16_t port
    cdef EventRing ring
    cdef PortCounts *counted
    cdef uint32_t index
    cdef Buffers *buffers
    cdef Message message                 # the datagram that is answered
    cdef uint64_t received_at[BATCH]
    cdef uint64_t kept_at[BATCH]
    cdef double waits_from               # when a full send queue is waited for again
    cdef readonly list delayed
    cdef readonly tuple first
    cdef public Responder policy

    def __init__(self, int fd, uint32_t interface, uint32_t address, uint32_t netmask,
                 uint16_t port, Responder policy not None, EventRing ring not None,
                 uint32_t index=0, *, tuple first=()):
        cdef int i
        if self.buffers != NULL:
            raise TypeError("a DhcpPort is made once")
        if CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(timespec)) > CONTROL_SIZE:
            raise SystemError("in_pktinfo and timespec are larger here than expected")
        if index >= ring.port_count:
            raise IndexError("no such port on this ring")
        self.fd = fd
        self.interface = interface
        self.address = address
        self.netmask = netmask
        self.port = port
        self.policy = policy
        self.ring = ring
        self.index = index
        self.counted = &ring.ports[index]
        self.delayed = []
        self.first = first
        self.buffers = <Buffers *>calloc(1, sizeof(Buffers))
        if self.buffers == NULL:
            raise MemoryError
        for i in range(BATCH):
            attach(&self.buffers.received[i], &self.buffers.rx[i], self.buffers.requests[i],
                   DATAGRAM_MAX)
            attach(&self.buffers.replies[i], &self.buffers.tx[i], self.buffers.rendered[i], 0)

    def __dealloc__(self):
        free(self.buffers)

    def counts(self):
        """How many datagrams ended with each reason; "answered" are the replies rendered."""
        return self.ring.counts(self.index)

    @property
    def received(self):
        return self.counted.received

    @property
    def unsent(self):
        return self.counted.unsent

    def count_unsent(self):
        """Count a reply that the caller had taken out of `delayed`, and the kernel refused."""
        self.counted.unsent += 1

    def drain(self):
        """Answer what waits, at most ROUNDS_MAX batches; the number of datagrams read.

        What waits on the ports that are `first` is answered before each of the batches.
        """
        cdef int count = 0, got, _round
        cdef DhcpPort port
        for _round in range(ROUNDS_MAX):
            for port in self.first:
                port.drain_batch()
            got = self.drain_batch()
            count += got
            if got < BATCH:
                break
        return count

    cdef int drain_batch(self) except -1:
        """Answer up to BATCH datagrams; how many there were."""
        cdef int replies, got = self.receive()
        if got <= 0:
            return 0
        replies = self.answer_batch(self.policy, got)
        self.send(replies)
        self.ring.publish()      # when it is known what became of the replies
        self.time_replies(replies)
        return got

    cdef int receive(self) noexcept:
        cdef int i
        for i in range(BATCH):
            self.buffers.received[i].msg_hdr.msg_namelen = sizeof(sockaddr_in)
            self.buffers.received[i].msg_hdr.msg_controllen = CONTROL_SIZE
        return recvmmsg(self.fd, self.buffers.received, BATCH, MSG_DONTWAIT, NULL)

    cdef int answer_batch(self, Responder policy, int got) except -1:
        """Render the replies to a batch; their number."""
        cdef int i, fault, count = 0
        cdef uint32_t size
        cdef Arrival arrival
        cdef Outcome outcome
        self.counted.received += got
        for i in range(got):
            if self.buffers.received[i].msg_hdr.msg_flags & MSG_TRUNC:
                self.counted.reasons[<int>TOO_LONG] += 1
                continue
            self.received_at[count] = self.read_arrival(
                &self.buffers.received[i].msg_hdr, &self.buffers.rx[i], &arrival)
            arrival.now_ms = <uint32_t>(self.received_at[count] // 1000000)
            fault = parse(&self.message, self.buffers.requests[i],
                          self.buffers.received[i].msg_len)
            size = policy.answer(&self.message, fault, &arrival, self.buffers.rendered[count],
                                 &outcome)
            self.counted.reasons[outcome.reason] += 1
            if is_logged(outcome.reason):         # answers all are
                self.kept_at[count] = self.ring.push(
                    &self.message, &arrival, &outcome, self.received_at[count], self.interface)
            if size and outcome.delay_ms:
                self.delayed.append(Delayed(
                    outcome.delay_ms / 1000.0,  # C divides whole numbers
                    PyBytes_FromStringAndSize(<char *>self.buffers.rendered[count], size),
                    outcome.to, outcome.to_port, arrival.address))
            elif size:
                self.address_reply(count, size, &outcome, arrival.address)
                count += 1
        return count

    cdef uint64_t read_arrival(self, msghdr *header, Slot *slot, Arrival *arrival) noexcept:
        """Whence it came, and as which of our addresses we were asked; when, in nanoseconds."""
        cdef cmsghdr *control = CMSG_FIRSTHDR(header)
        cdef in_pktinfo *info
        cdef uint64_t at = 0
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
            elif control.cmsg_level == SOL_SOCKET and control.cmsg_type == SO_TIMESTAMPNS:
                at = nanoseconds(<timespec *>CMSG_DATA(control))
            control = CMSG_NXTHDR(header, control)
        return at

    cdef void address_reply(self, int index, uint32_t size, const Outcome *outcome,
                            uint32_t source) noexcept:
        """Fill in where reply `index` goes, and from which of our addresses."""
        cdef Slot *slot = &self.buffers.tx[index]
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

    cdef void time_replies(self, int count) noexcept:
        """Note how long each reply of the batch took since the kernel had the request."""
        cdef timespec now
        cdef uint64_t sent_at
        cdef int i
        clock_gettime(CLOCK_REALTIME, &now)
        sent_at = nanoseconds(&now)
        for i in range(count):
            if 0 < self.received_at[i] <= sent_at:    # the clock may have been set meanwhile
                self.counted.latency[latency_bucket(sent_at - self.received_at[i])] += 1

    cdef void send(self, int count) noexcept:
        """Send the batch; one that the kernel refuses is counted and the rest still goes."""
        cdef int done = 0, sent, error
        while done < count:
            sent = sendmmsg(self.fd, &self.buffers.replies[done], count - done, MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            if errno == EINTR:
                continue
            error = errno
            if error == EAGAIN and has_room_soon(self.fd, &self.waits_from):
                continue
            self.counted.unsent += 1
            self.ring.set_send_error(self.kept_at[done], error)
            done += 1


cdef inline uint64_t nanoseconds(const timespec *time) noexcept nogil:
    return <uint64_t>time.tv_sec * 1000000000u + <uint64_t>time.tv_nsec


cdef void attach(mmsghdr *message, Slot *slot, uint8_t *buffer, size_t size) noexcept:
    slot.vector.iov_base = buffer
    slot.vector.iov_len = size
    message.msg_hdr.msg_name = &slot.peer
    message.msg_hdr.msg_iov = &slot.vector
    message.msg_hdr.msg_iovlen = 1
    message.msg_hdr.msg_control = slot.control
    message.msg_hdr.msg_controllen = CONTROL_SIZE
