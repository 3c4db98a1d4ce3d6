from collections.abc import Sequence
from typing import TypeAlias, final

from fastpxe.policy._host_table import Hosts

REASONS: tuple[str, ...]
__pyx_capi__: dict[str, object]  # what other Cython modules cimport

_Test: TypeAlias = tuple[int, int, bytes, bytes]
_Rule: TypeAlias = tuple[Sequence[int], int, int, Sequence[_Test], Sequence[int], int, bool]

@final
class Matcher:
    def __init__(
        self, rules: Sequence[_Rule], reply_count: int, hosts: Hosts | None = None
    ) -> None: ...
    def find_in(self, datagram: bytes, rounds: int = 1) -> int: ...
