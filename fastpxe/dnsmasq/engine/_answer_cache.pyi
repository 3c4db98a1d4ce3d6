from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias, final

from fastpxe.policy._respond import Responder

_Decided: TypeAlias = tuple[int, bytes, int, int, int, int, int, int, int, bool, int, int, int, int]

TARGETS: tuple[str, ...]

@final
class AnswerCache(Responder):
    def __init__(
        self,
        ask: Callable[[bytes, int, int, int, int], _Decided],
        *,
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
    @property
    def faults(self) -> int: ...
