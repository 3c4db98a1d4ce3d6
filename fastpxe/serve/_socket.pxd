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
