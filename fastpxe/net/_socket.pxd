"""System calls of the packet path, of file transfer and of the storm, as C declares them.

Sources: recvmmsg(2), sendmmsg(2), ip(7) for IP_PKTINFO, socket(7) for SO_TIMESTAMPNS, udp(7) for
UDP_SEGMENT, poll(2).
"""

from libc.stdint cimport uint16_t, uint32_t

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int, timespec *)
    int CLOCK_REALTIME, CLOCK_MONOTONIC

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
    cmsghdr *CMSG_FIRSTHDR(msghdr *)
    cmsghdr *CMSG_NXTHDR(msghdr *, cmsghdr *)
    unsigned char *CMSG_DATA(cmsghdr *)
    size_t CMSG_LEN(size_t)
    size_t CMSG_SPACE(size_t)
    int recvmmsg(int, mmsghdr *, unsigned int, int, timespec *)
    int sendmmsg(int, mmsghdr *, unsigned int, int)
    ssize_t sendmsg(int, const msghdr *, int)
    ssize_t recvmsg(int, msghdr *, int)
    int MSG_DONTWAIT, MSG_TRUNC, MSG_MORE, MSG_ERRQUEUE
    int SOL_SOCKET, SO_TIMESTAMPNS, SCM_TIMESTAMPNS

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
    int AF_INET, IPPROTO_IP, IPPROTO_UDP, IP_PKTINFO

cdef extern from "<linux/udp.h>" nogil:
    int UDP_SEGMENT

cdef extern from "<poll.h>" nogil:
    cdef struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *, unsigned long, int)
    int ppoll(pollfd *, unsigned long, timespec *, void *)
    short POLLIN, POLLOUT

cdef enum:
    SEND_WAIT_MS = 20         # how long a full send queue is waited for
    SEND_REST_MS = 200        # how long it isn't, after a wait in vain


cdef inline double monotonic() noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC, &at)
    return <double>at.tv_sec + <double>at.tv_nsec * 1e-9


cdef inline bint has_room_soon(int fd, double *waits_from) noexcept nogil:
    """Whether a full send queue has room before long; `waits_from` is zero at first.

    Packets to neighbours that don't answer ARP fill it for seconds: after a wait in vain it isn't
    waited for again for a while, or each datagram would hold up all others.
    """
    cdef pollfd waiting
    if monotonic() < waits_from[0]:
        return False
    waiting.fd = fd
    waiting.events = POLLOUT
    waiting.revents = 0
    if poll(&waiting, 1, SEND_WAIT_MS) > 0:
        return True
    waits_from[0] = monotonic() + SEND_REST_MS / 1000.0
    return False
