from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias, final

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

_Test: TypeAlias = tuple[int, int, bytes, bytes]
_Rule: TypeAlias = tuple[Sequence[int], int, int, Sequence[_Test], Sequence[int], int, bool]

@final
class Matcher:
    def __init__(
        self, rules: Sequence[_Rule], reply_count: int, hosts: HostBootTable | None = None
    ) -> None: ...
    def find_in(self, datagram: bytes, rounds: int = 1) -> int: ...
