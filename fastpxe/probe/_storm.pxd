"""What the storm generator keeps for each client, and between one batch and the next."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastpxe.net._socket cimport iovec, mmsghdr, sockaddr_in

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
