from collections.abc import Callable, Collection, Sequence
from enum import IntEnum
from typing import final

from fastpxe.dhcp._responder import Responder
from fastpxe.dnsmasq.engine.cached_reply import CachedReply

class Target(IntEnum):
    TO_FIXED = 0
    TO_GIADDR = 1
    TO_CIADDR = 2
    TO_SOURCE = 3

@final
class AnswerCache(Responder):
    def __init__(
        self,
        ask: Callable[[bytes, int, int, int, int], CachedReply],
        *,
        on_error: Callable[[Exception], None],
        blanked: Collection[int],
        macs: Sequence[tuple[int, bytes, bytes]],
        identities: Sequence[tuple[int, bytes, bytes]],
        known_macs: Collection[bytes],
        networks: Collection[tuple[int, int]],
        keeps_mac: bool,
        keeps_ciaddr: bool,
        seed: int,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def hits(self) -> int: ...
    @property
    def misses(self) -> int: ...
