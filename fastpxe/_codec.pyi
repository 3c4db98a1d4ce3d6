from collections.abc import Sequence
from enum import IntEnum
from typing import final

from fastpxe.dhcp.match_rule import MatchRule
from fastpxe.policy._host_table import HostBootTable

REASONS: tuple[str, ...]

class Reason(IntEnum):
    ANSWERED = 0
    SHORT = 1
    BAD_MAGIC = 2
    NOT_A_REQUEST = 3
    BAD_HLEN = 4
    BAD_HOPS = 5
    OPTION_TOO_LONG = 6
    NOT_PXE = 7
    WRONG_TYPE = 8
    BAD_GIADDR = 9
    BAD_CIADDR = 10
    BAD_SOURCE = 11
    OWN_PACKET = 12
    FOR_OTHER_SERVER = 13
    CHOSE_US = 14
    OTHER_SERVER_ID = 15
    HTTP_ON_4011 = 16
    TOO_EARLY = 17
    CREDENTIALS = 18
    UNSERVED_ITEM = 19
    NO_RULE = 20
    NO_RANGE = 21
    NO_ARCH = 22
    UNKNOWN_ARCH = 23
    DENIED = 24
    NO_DESTINATION = 25
    ENGINE_ERROR = 26
    TOO_LONG = 27
    MAC_LIMIT = 28
    RELAY_LIMIT = 29

__pyx_capi__: dict[str, object]  # what other Cython modules cimport

class Family(IntEnum):
    FAMILY_NONE = 0
    FAMILY_PXE = 1
    FAMILY_HTTP = 2

class Kind(IntEnum):
    KIND_BIOS = 0
    KIND_UEFI = 1
    KIND_IPXE = 2
    KIND_HTTP = 3
    KIND_RPI = 4

class NoReply(IntEnum):
    NOT_SERVED = -1
    NO_REPLY = -2

class MatchKind(IntEnum):
    TEST_MAC = 0
    TEST_UUID = 1
    TEST_SUBNET = 2
    TEST_VENDOR_CLASS = 3
    TEST_USER_CLASS = 4

class MatchHow(IntEnum):
    HOW_EXACT = 0
    HOW_PREFIX = 1
    HOW_CONTAINS = 2

KINDS: tuple[str, ...]
FIRST_FEATURE: int

@final
class Matcher:
    def __init__(
        self, rules: Sequence[MatchRule], reply_count: int, hosts: HostBootTable | None = None
    ) -> None: ...
    def find_in(self, datagram: bytes, rounds: int = 1) -> int: ...
