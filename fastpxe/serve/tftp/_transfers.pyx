"""Drain a TFTP socket in batches: recvmmsg, each ACK to its transfer, its next window to sendmmsg.

No Python object is made for an ACK. What is no packet of a known transfer (requests, strangers)
and what ends one goes to Python: that happens once or twice a transfer.

Sources: recvmmsg(2), ip(7) for IP_PKTINFO and IP_RECVERR, RFC 1350 section 4 (TID).
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastpxe.tftp._transfer cimport END, SEND_BLOCKS, SEND_OACK, Act, Transfer
from fastpxe.serve.tftp._block_sender cimport BlockSender, Target
from fastpxe.net._socket cimport (
    AF_INET, CMSG_DATA, CMSG_FIRSTHDR, CMSG_NXTHDR, IPPROTO_IP, IP_PKTINFO, MSG_DONTWAIT,
    MSG_ERRQUEUE, cmsghdr, htonl, htons, in_pktinfo, mmsghdr, monotonic, msghdr, ntohl, ntohs,
    recvmmsg, recvmsg, sockaddr_in,
)

cdef enum:
    OP_RRQ = 1
    OP_WRQ = 2
    OP_ACK = 4
    OP_ERROR = 5
    BLOCKS_MAX = 512          # a wake-up, after which offers get their turn: half a millisecond
    DATAGRAMS_MAX = 112
    FEW = 16                  # datagrams read at once while each is answered with a window


cdef inline uint64_t key_of(uint32_t address, uint16_t port) noexcept nogil:
    return <uint64_t>address << 16 | port


cdef void set_target(Target *target, int sock, uint32_t client, uint16_t port,
                     uint32_t source) noexcept nogil:
    memset(target, 0, sizeof(Target))
    target.sock = sock
    target.source = htonl(source)
    target.to.sin_family = AF_INET
    target.to.sin_addr.s_addr = htonl(client)
    target.to.sin_port = htons(port)


@cython.final
cdef class Download:
    """A transfer with the client it is for, its open file, and the socket it leaves from.

    client, source: IPv4 addresses as integers; source is ours, 0 for the interface's own choice.
    file: open, with `fd`; the server closes it. about: what the server wants to remember.
    """

    def __init__(self, Transfer transfer not None, file, int sock, uint32_t client, uint16_t port,
                 uint32_t source, about):
        self.transfer = transfer
        self.file = file
        self.file_fd = file.fd
        self.about = about
        self.key = key_of(client, port)
        self.started_at = monotonic()
        set_target(&self.target, sock, client, port, source)

    @property
    def sock(self):
        """The descriptor of the socket that it leaves from."""
        return self.target.sock

    @property
    def client(self):
        """The client's address, as an integer, and port."""
        return self.key >> 16, self.key & 0xFFFF

    @property
    def duration_s(self):
        """How long ago it began."""
        return monotonic() - self.started_at


@cython.final
cdef class Downloads:
    """The transfers of one interface.

    on_other(fd, datagram, client, port, local): a datagram that is not of a transfer on that
    socket, or is a request; `local` is the address asked, 0 for a broadcast.
    on_end(download): a transfer that is over; it is no longer among them.
    Neither may raise.
    """

    def __init__(self, BlockSender sender not None, on_other, on_end):
        cdef int i
        if self.slots != NULL:
            raise TypeError("Downloads are made once")
        self.sender = sender
        self.on_other = on_other
        self.on_end = on_end
        self.over = []
        self.capacity = SLOTS_MIN
        self.slots = <Slot *>calloc(self.capacity, sizeof(Slot))
        self.came = <Came *>calloc(BATCH, sizeof(Came))
        self.received = <mmsghdr *>calloc(BATCH, sizeof(mmsghdr))
        if self.slots == NULL or self.came == NULL or self.received == NULL:
            raise MemoryError
        for i in range(BATCH):
            self.came[i].vector.iov_base = self.came[i].datagram
            self.came[i].vector.iov_len = DATAGRAM_MAX
            self.received[i].msg_hdr.msg_name = &self.came[i].peer
            self.received[i].msg_hdr.msg_iov = &self.came[i].vector
            self.received[i].msg_hdr.msg_iovlen = 1
            self.received[i].msg_hdr.msg_control = self.came[i].control

    def __dealloc__(self):
        cdef uint32_t i
        if self.slots != NULL:
            for i in range(self.capacity):
                if self.slots[i].key:
                    Py_DECREF(<object>self.slots[i].download)
        free(self.slots)
        free(self.came)
        free(self.received)

    def __len__(self):
        return self.count

    def __iter__(self):
        cdef uint32_t i
        return iter([<object>self.slots[i].download for i in range(self.capacity)
                     if self.slots[i].key])

    def get(self, uint32_t client, uint16_t port):
        """The transfer for a client's address and port, or None."""
        cdef Slot *slot = self.find(key_of(client, port))
        if slot.key and (<Download>slot.download).is_over:
            self.tell_ends()
            return None
        return <object>slot.download if slot.key else None

    @property
    def unsent(self):
        """Datagrams that the kernel refused."""
        return self.sender.unsent

    def start(self, Download download not None):
        """Send a transfer's first datagram. There must be none for the same client and port."""
        self.insert(download)
        self.act(download, download.transfer.start(monotonic()))
        self.settle()

    def repeat(self, Download download not None):
        """Send the first datagram again, since the client asked again."""
        self.act(download, download.transfer.on_repeated_request(monotonic()))
        self.settle()

    def end(self, Download download not None, str outcome):
        """End a transfer from our side. The client isn't told: see `say`."""
        if not download.is_over:
            self.act(download, download.transfer.end(outcome))
        self.tell_ends()

    def say(self, Download download not None, bytes datagram not None):
        """Send a transfer's client something else than its blocks."""
        self.sender.send_datagram(&download.target, datagram, <int>len(datagram))
        self.sender.flush()

    def send(self, int fd, uint32_t client, uint16_t port, uint32_t source,
             bytes datagram not None):
        """Send a datagram to somebody; addresses are integers, `source` is ours."""
        cdef Target target
        set_target(&target, fd, client, port, source)
        self.sender.send_datagram(&target, datagram, <int>len(datagram))
        self.settle()

    def drain(self, int fd):
        """Take what waits on a socket, within limits; whether ICMP errors were among it."""
        cdef int got, most = FEW, count = 0
        cdef int64_t blocks = 0
        cdef bint has_failed = False
        while count < DATAGRAMS_MAX and blocks < BLOCKS_MAX:
            got = self.receive(fd, most)
            if got <= 0:
                has_failed = got < 0 and errno != EAGAIN and errno != EINTR
                break
            count += got
            blocks += self.answer_batch(fd, got)
            if got < most:
                break
            most = BATCH if blocks < 2 * count else FEW
        return self.read_icmp_errors(fd) or has_failed

    def look(self):
        """Send again what was not acknowledged in time."""
        cdef double now = monotonic()
        cdef uint32_t i
        cdef Download download
        cdef list late = []
        for i in range(self.capacity):
            if self.slots[i].key and self.slots[i].fires_at <= now:
                download = <Download>self.slots[i].download
                if download.transfer.deadline <= now:
                    late.append(download)
                else:
                    self.slots[i].fires_at = download.transfer.deadline
        for download in late:
            self.act(download, download.transfer.on_timer(now))
        self.settle()

    cdef int receive(self, int fd, int most) noexcept:
        cdef int i
        for i in range(most):
            self.received[i].msg_hdr.msg_namelen = sizeof(sockaddr_in)
            self.received[i].msg_hdr.msg_controllen = CONTROL_SIZE
        return recvmmsg(fd, self.received, most, MSG_DONTWAIT, NULL)

    cdef int64_t answer_batch(self, int fd, int got) except -1:
        """Take a batch; the number of blocks sent for it."""
        cdef double now = monotonic()
        cdef int64_t blocks = 0
        cdef int i
        cdef Came *came
        cdef Slot *slot
        cdef uint32_t client
        cdef uint16_t port
        cdef Download download
        self.is_in_batch = True
        for i in range(got):
            came = &self.came[i]
            client = ntohl(came.peer.sin_addr.s_addr)
            port = ntohs(came.peer.sin_port)
            slot = self.find(key_of(client, port))
            if slot.key:
                download = <Download>slot.download
                if (download.target.sock == fd
                        and self.take(download, came.datagram, self.received[i].msg_len, now)):
                    blocks += download.transfer.count
                    # An ACK brings it forward where the one before was waited for much longer.
                    slot.fires_at = min(slot.fires_at, download.transfer.deadline)
                    continue
            if port == 0:          # a forged source: nothing can be sent there
                self.dropped += 1
                continue
            self.on_other(
                fd, PyBytes_FromStringAndSize(<char *>came.datagram, self.received[i].msg_len),
                client, port, local_address(&self.received[i].msg_hdr))
        self.is_in_batch = False
        self.settle()
        return blocks

    cdef bint take(self, Download download, const uint8_t *datagram, uint32_t size, double now):
        """Take a packet that a transfer's client sent; False for one that isn't for a transfer."""
        cdef bytes text
        if size < 2 or datagram[0] != 0 or not OP_ACK <= datagram[1] <= OP_ERROR:
            return False
        if datagram[1] == OP_ACK:
            if size < 4:
                return False
            # Longer ones are fine: "msftwindow" clients add a byte to every ACK.
            self.act(download, download.transfer.on_ack(datagram[2] << 8 | datagram[3], now))
            return True
        # A cut ERROR still says that the peer gave up: no code counts as 0, no NUL as end of text.
        text = PyBytes_FromStringAndSize(<char *>datagram + 4, size - 4) if size > 4 else b""
        self.act(download, download.transfer.on_error(
            datagram[2] << 8 | datagram[3] if size >= 4 else 0,
            text.partition(b"\0")[0].decode("latin-1")))
        return True

    cdef int act(self, Download download, Act act) except -1:
        """Do what the state machine says."""
        cdef Transfer transfer = download.transfer
        cdef bytes oack
        if act == SEND_BLOCKS:
            if not self.sender.send_blocks(
                    &download.target, download.file_fd, transfer.size_bytes, transfer.blksize,
                    transfer.first, transfer.count):
                self.take_leave(download)
                transfer.end("truncated", "the file was cut short, or can't be read any more")
        elif act == SEND_OACK:
            oack = transfer.terms.oack
            self.sender.send_datagram(&download.target, oack, <int>len(oack))
        elif act == END:
            self.take_leave(download)
        return 0

    cdef int take_leave(self, Download download) except -1:
        """Remember once that a transfer is over."""
        if not download.is_over:
            download.is_over = True
            self.over.append(download)
        return 0

    cdef int settle(self) except -1:
        """Send what is queued and tell what has ended, unless the end of the batch does."""
        if not self.is_in_batch:
            self.sender.flush()
            self.tell_ends()
        return 0

    cdef int tell_ends(self) except -1:
        cdef list over = self.over
        cdef Download download
        if not over:
            return 0
        self.sender.flush()        # before sockets are closed, and their numbers given to others
        self.over = []
        for download in over:
            self.remove(download.key)
        for download in over:
            self.on_end(download)
        return 0

    cdef bint read_icmp_errors(self, int fd) except -1:
        """Take the ICMP errors that wait, if any: a client whose port is closed has gone."""
        cdef sockaddr_in about
        cdef msghdr header
        cdef Slot *slot
        cdef Download download
        cdef int _round
        for _round in range(BATCH):
            memset(&header, 0, sizeof(msghdr))
            header.msg_name = &about
            header.msg_namelen = sizeof(sockaddr_in)
            if recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0:
                return _round > 0
            slot = self.find(key_of(ntohl(about.sin_addr.s_addr), ntohs(about.sin_port)))
            if slot.key:
                download = <Download>slot.download
                if download.target.sock == fd:
                    self.act(download, download.transfer.end(
                        "client-error", "the client's port is closed (ICMP)"))
                    self.tell_ends()
        return True

    # --- the table: open addressing, at most half full ------------------------------------------

    cdef Slot *find(self, uint64_t key) noexcept:
        """The slot of a key, or the free one where it would go."""
        cdef uint32_t i = slot_of(key, self.capacity)
        while self.slots[i].key and self.slots[i].key != key:
            i = (i + 1) & (self.capacity - 1)
        return &self.slots[i]

    cdef int insert(self, Download download) except -1:
        cdef Slot *slot
        if 2 * (self.count + 1) > self.capacity:
            self.grow()
        slot = self.find(download.key)
        if slot.key:
            raise ValueError("there is a transfer for this client and port already")
        Py_INCREF(download)
        slot.key = download.key
        slot.download = <void *>download
        slot.fires_at = 0
        self.count += 1
        return 0

    cdef void remove(self, uint64_t key):
        """Free a slot; those that were put behind it for want of their own move up."""
        cdef uint32_t mask = self.capacity - 1, hole, i, wanted
        cdef Slot *slot = self.find(key)
        if not slot.key:
            return
        Py_DECREF(<object>slot.download)
        self.count -= 1
        hole = i = <uint32_t>(slot - self.slots)
        while True:
            i = (i + 1) & mask
            if not self.slots[i].key:
                break
            wanted = slot_of(self.slots[i].key, self.capacity)
            if ((i - wanted) & mask) >= ((i - hole) & mask):
                self.slots[hole] = self.slots[i]
                hole = i
        self.slots[hole].key = 0

    cdef int grow(self) except -1:
        cdef Slot *before = self.slots
        cdef uint32_t i, size = self.capacity
        cdef Slot *larger = <Slot *>calloc(size * 2, sizeof(Slot))
        if larger == NULL:
            raise MemoryError
        self.slots = larger
        self.capacity = size * 2
        for i in range(size):
            if before[i].key:
                self.find(before[i].key)[0] = before[i]
        free(before)
        return 0


cdef inline uint32_t slot_of(uint64_t key, uint32_t capacity) noexcept nogil:
    """Fibonacci hashing: clients' addresses and ports differ in their low bits."""
    return <uint32_t>((key * <uint64_t>0x9E3779B97F4A7C15u) >> 32) & (capacity - 1)


cdef uint32_t local_address(msghdr *header) noexcept nogil:
    """Which of our addresses was asked; 0 if that was a broadcast."""
    cdef cmsghdr *control = CMSG_FIRSTHDR(header)
    cdef in_pktinfo *info
    while control != NULL:
        if control.cmsg_level == IPPROTO_IP and control.cmsg_type == IP_PKTINFO:
            info = <in_pktinfo *>CMSG_DATA(control)
            if info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr:
                return ntohl(info.ipi_addr.s_addr)
        control = CMSG_NXTHDR(header, control)
    return 0
