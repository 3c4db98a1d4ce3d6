from collections.abc import Sequence
from typing import TypeAlias, final

from typing_extensions import disjoint_base

from fastpxe.policy._host_table import Hosts

_Test: TypeAlias = tuple[int, int, bytes, bytes]
_Rule: TypeAlias = tuple[Sequence[int], int, int, Sequence[_Test], Sequence[int], int, bool]
_Reply: TypeAlias = tuple[int, bool, int, int, bytes, bytes, bytes, bytes, int, int, int]

@disjoint_base
class Responder:
    def decide(
        self,
        datagram: bytes,
        *,
        port: int = 67,
        source: int = 0,
        source_port: int = 68,
        address: int = 0,
        netmask: int = 0xFFFFFF00,
        now_ms: int = 1,
    ) -> tuple[int, bytes, int, int, int, int]: ...

@final
class Policy(Responder):
    def __init__(
        self,
        rules: Sequence[_Rule],
        replies: Sequence[_Reply],
        *,
        own: Sequence[int] = (),
        honour_override: bool = False,
        accept_foreign: bool = False,
        echo_client_id: bool = False,
        min_secs: int = 0,
        mac_limit: int = 0,
        relay_limit: int = 0,
        hosts: Hosts | None = None,
    ) -> None: ...
    def find(self, datagram: bytes, *, address: int = 0) -> int: ...
