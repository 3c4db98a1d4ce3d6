"""A storm of simulated clients: send what is due, match what comes, no Python for any packet.

One thread. Sending goes first, since answers wait in the socket with the kernel's time on them;
so a latency runs from the call that sends to the kernel's receipt of the answer, and doesn't
contain what this program costs.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, strerror

from fastpxe._codec cimport (
    AT_MAGIC, AT_OP, AT_OPTIONS, AT_SECS, AT_XID, COOKIE, HTTP_CLASS, OPT_CLASS, OPT_END, OPT_PAD,
    OPT_TYPE, PXE_CLASS, get32, put32,
)
from fastpxe.net._socket cimport (
    AF_INET, CLOCK_REALTIME, CMSG_DATA, CMSG_FIRSTHDR, MSG_DONTWAIT, POLLIN, SCM_TIMESTAMPNS,
    SOL_SOCKET, clock_gettime, cmsghdr, htonl, htons, msghdr, ntohl, pollfd, ppoll,
    recvmmsg, sendmmsg, sockaddr_in, timespec,
)

cdef enum:
    BOOTREPLY = 2
    SPIN_NS = 60_000          # a shorter sleep costs more than it saves
    RETRY_NS = 1_000_000      # when the interface's queue is full
    RETRIES_MAX = 1_000


@cython.final
cdef class Generator:
    """The clients of one storm.

    out_fd: takes frames whole (AF_PACKET), or messages when there is a `destination` (UDP).
    in_fd: a UDP socket with SO_TIMESTAMPNS, where answers come. Both stay the caller's to close.
    shapes: for each kind of client its frame, where in it the message begins, and where the
    client's number goes. kinds: a byte for each client. waves: see storm.Wave. answer_type: the
    value of option 53 that is waited for. xid: the first client's. rate: first requests a second,
    0 for all at once.
    """

    cdef int out_fd
    cdef int in_fd
    cdef uint32_t xid
    cdef uint8_t answer_type
    cdef double interval      # ns
    cdef bytes kinds
    cdef const uint8_t *kind_of
    cdef int wave_count
    cdef int shape_count
    cdef Client *clients
    cdef Buffers *buffers
    cdef uint64_t began
    cdef uint64_t stirred     # when the last packet went or came
    cdef uint64_t sending
    cdef uint64_t last
    cdef readonly uint32_t count
    cdef readonly uint64_t sent
    cdef readonly uint64_t answered
    cdef readonly uint64_t duplicates
    cdef readonly uint64_t plain
    cdef readonly uint64_t strays

    def __init__(self, int out_fd, int in_fd, tuple destination, list shapes not None,
                 bytes kinds not None, tuple waves not None, *, uint8_t answer_type,
                 uint32_t xid, double rate):
        if self.buffers != NULL:
            raise TypeError("a Generator is made once")
        if not kinds or not 0 < len(shapes) <= KINDS_MAX or max(kinds) >= len(shapes):
            raise ValueError("every client needs its shape")
        if len(waves) > WAVES_MAX:
            raise ValueError("too many waves")
        self.out_fd = out_fd
        self.in_fd = in_fd
        self.answer_type = answer_type
        self.xid = xid
        self.interval = 1e9 / rate if rate > 0 else 0
        self.kinds = kinds
        self.kind_of = <const uint8_t *>kinds
        self.count = <uint32_t>len(kinds)
        self.buffers = <Buffers *>calloc(1, sizeof(Buffers))
        self.clients = <Client *>calloc(self.count, sizeof(Client))
        if self.buffers == NULL or self.clients == NULL:
            raise MemoryError
        for frame, message_at, holes in shapes:
            self.add_shape(frame, message_at, holes)
        for offset, mask, secs in waves:
            self.add_wave(offset, mask, secs)
        self.attach(destination)

    def __dealloc__(self):
        free(self.buffers)
        free(self.clients)

    cdef int add_shape(self, bytes frame, uint32_t message_at, tuple holes) except -1:
        cdef Shape *shape = &self.buffers.shapes[self.shape_count]
        cdef int slot
        if not message_at + AT_OPTIONS <= <size_t>len(frame) <= FRAME_MAX:
            raise ValueError("a frame that holds no message, or doesn't fit Ethernet")
        if len(holes) > HOLES_MAX or any([not 0 <= at <= len(frame) - 3 for at in holes]):
            raise ValueError("a hole outside the frame")
        for slot in range(BATCH):
            memcpy(shape.frames[slot], <const char *>frame, len(frame))
        shape.size = <uint32_t>len(frame)
        shape.message_at = message_at
        shape.hole_count = <int>len(holes)
        for i, at in enumerate(holes):
            shape.holes[<int>i] = at
        self.shape_count += 1
        return 0

    cdef int add_wave(self, uint64_t offset, uint32_t mask, uint16_t secs) except -1:
        cdef Wave *wave = &self.buffers.waves[self.wave_count]
        wave.offset = offset
        wave.kinds = mask
        wave.secs = secs
        self.wave_count += 1
        return 0

    cdef int attach(self, tuple destination) except -1:
        """Join the messages to their buffers, once for all batches."""
        cdef Buffers *b = self.buffers
        cdef int i
        if destination is not None:
            b.destination.sin_family = AF_INET
            b.destination.sin_addr.s_addr = htonl(destination[0])
            b.destination.sin_port = htons(destination[1])
        for i in range(BATCH):
            b.out[i].msg_hdr.msg_iov = &b.out_vectors[i]
            b.out[i].msg_hdr.msg_iovlen = 1
            if destination is not None:
                b.out[i].msg_hdr.msg_name = &b.destination
                b.out[i].msg_hdr.msg_namelen = sizeof(sockaddr_in)
            b.came_vectors[i].iov_base = b.answers[i]
            b.came_vectors[i].iov_len = ANSWER_MAX
            b.came[i].msg_hdr.msg_iov = &b.came_vectors[i]
            b.came[i].msg_hdr.msg_iovlen = 1
            b.came[i].msg_hdr.msg_name = &b.peers[i]
            b.came[i].msg_hdr.msg_control = b.control[i]
        return 0

    def run(self, uint32_t slice_ms):
        """Go on for so long; the storm begins with the first call. Raises OSError."""
        cdef uint64_t now = clock(), until = now + <uint64_t>slice_ms * 1_000_000
        cdef int due, came
        if not self.began:
            self.began = self.stirred = now
        while now < until:
            due = self.gather(now)
            if due:
                self.send(due, now)
            came = self.receive() if due < BATCH else BATCH
            now = clock()
            if came < BATCH:
                self.sleep(now, min(until, self.next_due()))
                now = clock()

    cdef int gather(self, uint64_t now) noexcept:
        """Fill the batch with requests that are due; their number."""
        cdef int count = 0, number
        cdef uint32_t client
        cdef Wave *wave
        for number in range(self.wave_count):
            wave = &self.buffers.waves[number]
            while count < BATCH and wave.next < self.count and self.due(wave) <= now:
                client = wave.next
                wave.next += 1
                if wave.kinds >> self.kind_of[client] & 1 and not self.clients[client].answers:
                    self.stamp(count, client, wave.secs, now)
                    count += 1
        return count

    cdef inline uint64_t due(self, const Wave *wave) noexcept:
        return self.began + wave.offset + <uint64_t>(wave.next * self.interval)

    cdef uint64_t next_due(self) noexcept:
        cdef uint64_t soonest = <uint64_t>-1
        cdef int number
        for number in range(self.wave_count):
            if self.buffers.waves[number].next < self.count:
                soonest = min(soonest, self.due(&self.buffers.waves[number]))
        return soonest

    cdef void stamp(self, int slot, uint32_t number, uint16_t secs, uint64_t now) noexcept:
        """Write a client's request: its kind's, with its own xid and number."""
        cdef Shape *shape = &self.buffers.shapes[self.kind_of[number]]
        cdef Client *client = &self.clients[number]
        cdef uint8_t *frame = shape.frames[slot]
        cdef uint8_t *message = frame + shape.message_at
        cdef uint8_t *hole
        cdef int i
        put32(message + AT_XID, self.xid + number)
        message[AT_SECS] = <uint8_t>(secs >> 8)
        message[AT_SECS + 1] = <uint8_t>secs
        for i in range(shape.hole_count):
            hole = frame + shape.holes[i]
            hole[0] = <uint8_t>(number >> 16)
            hole[1] = <uint8_t>(number >> 8)
            hole[2] = <uint8_t>number
        self.buffers.out_vectors[slot].iov_base = frame
        self.buffers.out_vectors[slot].iov_len = shape.size
        if not client.tries:
            client.asked_at = now
        client.tries += 1

    cdef int send(self, int count, uint64_t now) except -1:
        """Send the batch, however long the kernel makes us wait."""
        cdef int done = 0, sent, retries = 0
        while done < count:
            sent = sendmmsg(self.out_fd, &self.buffers.out[done], count - done, 0)
            if sent > 0:
                done += sent
            elif errno == EAGAIN or errno == ENOBUFS:
                retries += 1
                if retries > RETRIES_MAX:
                    raise OSError(errno, "the interface takes no more packets")
                nap(RETRY_NS)
            elif errno != EINTR:
                raise OSError(errno, strerror(errno).decode())
        self.sent += count
        self.stirred = clock()
        self.sending = self.stirred - self.began
        return 0

    cdef int receive(self) noexcept:
        """Account for what waits, a batch at most; how many there were."""
        cdef Buffers *b = self.buffers
        cdef int i, got
        for i in range(BATCH):
            b.came[i].msg_hdr.msg_namelen = sizeof(sockaddr_in)
            b.came[i].msg_hdr.msg_controllen = CONTROL_SIZE
        got = recvmmsg(self.in_fd, b.came, BATCH, MSG_DONTWAIT, NULL)
        for i in range(got):
            self.account(b.answers[i], b.came[i].msg_len, ntohl(b.peers[i].sin_addr.s_addr),
                         received_at(&b.came[i].msg_hdr))
        return got

    cdef void account(self, const uint8_t *message, uint32_t size, uint32_t source,
                      uint64_t when) noexcept:
        """Take an answer of `source`, unless it isn't one, or isn't to a client of ours."""
        cdef uint32_t number
        cdef Client *client
        if (size < AT_OPTIONS or message[AT_OP] != BOOTREPLY
                or memcmp(message + AT_MAGIC, COOKIE, 4)):
            self.strays += 1
            return
        number = get32(message + AT_XID) - self.xid
        if number >= self.count or not self.clients[number].tries:
            self.strays += 1
            return
        if not is_pxe_answer(message, size, self.answer_type):
            self.plain += 1
            return
        self.credit(source)
        self.stirred = max(self.stirred, when)
        client = &self.clients[number]
        client.answers += client.answers < 0xFFFF
        if client.answers > client.tries:
            self.duplicates += 1
        if client.answers > 1:
            return
        self.answered += 1
        client.latency = when - client.asked_at if when > client.asked_at else 0
        self.last = max(self.last, when - self.began)
        self.keep_first(&self.buffers.shapes[self.kind_of[number]], message, size)

    cdef void keep_first(self, Shape *shape, const uint8_t *message, uint32_t size) noexcept:
        """Every client of a kind is told the same, so one of the answers is enough to tell it."""
        if not shape.answer_size:
            shape.answer_size = min(size, <uint32_t>ANSWER_MAX)
            memcpy(shape.answer, message, shape.answer_size)

    cdef void credit(self, uint32_t source) noexcept:
        cdef int i
        cdef Server *server
        for i in range(SERVERS_MAX):
            server = &self.buffers.servers[i]
            if server.answers and server.address != source:
                continue
            server.address = source
            server.answers += 1
            return

    cdef void sleep(self, uint64_t now, uint64_t until) noexcept:
        """Until then, or until an answer comes."""
        cdef pollfd waiting
        cdef timespec limit
        if until < now + SPIN_NS:
            return
        limit.tv_sec = <long>((until - now) // 1_000_000_000)
        limit.tv_nsec = <long>((until - now) % 1_000_000_000)
        waiting.fd = self.in_fd
        waiting.events = POLLIN
        waiting.revents = 0
        ppoll(&waiting, 1, &limit, NULL)

    @property
    def is_sent(self):
        """Whether no client will ask any more."""
        return self.next_due() == <uint64_t>-1

    @property
    def quiet_s(self):
        """Seconds since the last request or answer."""
        return max(<double>clock() - <double>self.stirred, 0.0) / 1e9

    @property
    def sending_s(self):
        """Seconds from the beginning to the last request."""
        return self.sending / 1e9

    @property
    def last_answer_s(self):
        """Seconds from the beginning to the last client's first answer."""
        return self.last / 1e9

    def latencies(self):
        """For each client, ns from its first request to its first answer; -1 for none."""
        return [self.clients[i].latency if self.clients[i].answers else -1
                for i in range(self.count)]

    def servers(self):
        """Who answered, and how often, by address as an integer; the first 16 are told apart."""
        return {self.buffers.servers[i].address: self.buffers.servers[i].answers
                for i in range(SERVERS_MAX) if self.buffers.servers[i].answers}

    def answers(self):
        """The first answer to each kind of client; empty for none."""
        return [PyBytes_FromStringAndSize(<char *>self.buffers.shapes[i].answer,
                                          self.buffers.shapes[i].answer_size)
                for i in range(self.shape_count)]


cdef bint is_pxe_answer(const uint8_t *message, uint32_t size, uint8_t answer_type) noexcept:
    """Whether firmware would take it: the right type, and option 60 of PXE or HTTP Boot.

    An offer without that class is an ordinary DHCP server's, which firmware looks at only for an
    address.
    """
    cdef uint32_t at = AT_OPTIONS, length
    cdef const uint8_t *value
    cdef bint is_type = False, is_class = False
    while at + 2 <= size and message[at] != OPT_END:
        if message[at] == OPT_PAD:
            at += 1
            continue
        length = message[at + 1]
        if at + 2 + length > size:
            break
        value = message + at + 2
        if message[at] == OPT_TYPE:
            is_type = length == 1 and value[0] == answer_type
        elif message[at] == OPT_CLASS:
            is_class = ((length >= 9 and not memcmp(value, PXE_CLASS, 9))
                        or (length >= 10 and not memcmp(value, HTTP_CLASS, 10)))
        at += 2 + length
    return is_type and is_class


cdef uint64_t received_at(msghdr *header) noexcept:
    """When the kernel took the packet from the wire; now, if it doesn't say."""
    cdef cmsghdr *control = CMSG_FIRSTHDR(header)
    cdef timespec at
    if (control == NULL or control.cmsg_level != SOL_SOCKET
            or control.cmsg_type != SCM_TIMESTAMPNS):
        return clock()
    memcpy(&at, CMSG_DATA(control), sizeof(timespec))
    return <uint64_t>at.tv_sec * 1_000_000_000 + <uint64_t>at.tv_nsec


cdef uint64_t clock() noexcept:
    """Nanoseconds, by the clock of the kernel's timestamps."""
    cdef timespec at
    clock_gettime(CLOCK_REALTIME, &at)
    return <uint64_t>at.tv_sec * 1_000_000_000 + <uint64_t>at.tv_nsec


cdef void nap(long ns) noexcept:
    cdef timespec limit
    limit.tv_sec = 0
    limit.tv_nsec = ns
    ppoll(NULL, 0, &limit, NULL)
