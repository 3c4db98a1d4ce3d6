"""What the storm generator keeps for each client, and the system calls that it makes.

Sources: sendmmsg(2), recvmmsg(2), socket(7) for SO_TIMESTAMPNS, ppoll(2).
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int, timespec *)
    int CLOCK_REALTIME

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
    unsigned char *CMSG_DATA(cmsghdr *)
    int recvmmsg(int, mmsghdr *, unsigned int, int, timespec *)
    int sendmmsg(int, mmsghdr *, unsigned int, int)
    int MSG_DONTWAIT, SOL_SOCKET, SCM_TIMESTAMPNS

cdef extern from "<netinet/in.h>" nogil:
    cdef struct in_addr:
        uint32_t s_addr
    cdef struct sockaddr_in:
        unsigned short sin_family
        uint16_t sin_port
        in_addr sin_addr
    uint32_t htonl(uint32_t)
    uint32_t ntohl(uint32_t)
    uint16_t htons(uint16_t)
    int AF_INET

cdef extern from "<poll.h>" nogil:
    cdef struct pollfd:
        int fd
        short events
        short revents
    int ppoll(pollfd *, unsigned long, timespec *, void *)
    short POLLIN

cdef enum:
    BATCH = 64
    FRAME_MAX = 1514
    ANSWER_MAX = 1600
    CONTROL_SIZE = 64         # room for one timespec
    SERVERS_MAX = 16          # that are told apart
    KINDS_MAX = 16
    WAVES_MAX = 16
    HOLES_MAX = 4             # chaddr, option 97, option 61

cdef struct Client:
    uint64_t asked_at         # ns of CLOCK_REALTIME, the first time
    uint64_t latency          # ns from then to the first answer
    uint16_t tries
    uint16_t answers

cdef struct Shape:            # the request of a kind of clients, as it is handed to the kernel
    uint8_t frames[BATCH][FRAME_MAX]    # one for each place in a batch: only holes are rewritten
    uint32_t size
    uint32_t message_at
    uint32_t holes[HOLES_MAX]
    int hole_count
    uint8_t answer[ANSWER_MAX]      # the first that came
    uint32_t answer_size

cdef struct Wave:
    uint64_t offset           # ns
    uint32_t kinds            # a bit for each
    uint16_t secs
    uint32_t next             # the client that is looked at next

cdef struct Server:
    uint32_t address
    uint64_t answers

cdef struct Buffers:
    mmsghdr out[BATCH]
    iovec out_vectors[BATCH]
    mmsghdr came[BATCH]
    iovec came_vectors[BATCH]
    sockaddr_in peers[BATCH]
    uint8_t control[BATCH][CONTROL_SIZE]
    uint8_t answers[BATCH][ANSWER_MAX]
    sockaddr_in destination
    Shape shapes[KINDS_MAX]
    Wave waves[WAVES_MAX]
    Server servers[SERVERS_MAX]
