"""What answers on a DHCP port: a Policy of our own configuration, or dnsmasq's decisions."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from fastpxe._codec cimport SHORT, Message, parse
from fastpxe.dhcp._template cimport REPLY_MAX

from fastpxe.dhcp.verdict import Verdict


cdef class Responder:
    """The base of all backends."""

    cdef uint32_t answer(self, const Message *message, int fault, const Arrival *arrival,
                         uint8_t *out, Outcome *outcome) noexcept nogil:
        """Write the reply to a request into `out` (REPLY_MAX bytes); its size, 0 = silence.

        fault: what _codec.parse said of it.
        """
        clear_outcome(outcome)
        outcome.reason = SHORT
        return 0

    def decide(self, bytes datagram not None, *, port=67, source=0, source_port=68, address=0,
               netmask=0xFFFFFF00, now_ms=1):
        """The Verdict on a datagram.

        source, address (ours on the interface), netmask: integers.
        """
        cdef Message message
        cdef Arrival arrival
        cdef Outcome outcome
        cdef uint8_t out[REPLY_MAX]
        cdef uint32_t size
        cdef int fault
        arrival.port = port
        arrival.source = source
        arrival.source_port = source_port
        arrival.address = address
        arrival.netmask = netmask
        arrival.now_ms = now_ms
        fault = parse(&message, <const uint8_t *>PyBytes_AS_STRING(datagram),
                      <uint32_t>PyBytes_GET_SIZE(datagram))
        size = self.answer(&message, fault, &arrival, out, &outcome)
        reply = PyBytes_FromStringAndSize(<const char *>out, size)
        return Verdict(outcome.reason, reply, outcome.to, outcome.to_port, outcome.rule,
                       outcome.reply)
