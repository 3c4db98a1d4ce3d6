"""What recvmmsg and sendmmsg need."""

cdef enum:
    BATCH = 64                # beyond 16 nothing is gained (docs/adr), nothing lost either
    DATAGRAM_MAX = 2048       # a longer one is no DHCP message of any firmware
