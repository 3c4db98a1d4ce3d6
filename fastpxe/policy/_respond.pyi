from collections.abc import Sequence
from typing import final

from fastpxe.dhcp._responder import Responder
from fastpxe.dhcp.match_rule import MatchRule
from fastpxe.policy._host_table import HostBootTable
from fastpxe.policy.replies import ReplyRow

@final
class Policy(Responder):
    def __init__(
        self,
        rules: Sequence[MatchRule],
        replies: Sequence[ReplyRow],
        *,
        own: Sequence[int] = (),
        honour_override: bool = False,
        accept_foreign: bool = False,
        min_secs: int = 0,
        mac_limit: int = 0,
        relay_limit: int = 0,
        hosts: HostBootTable | None = None,
    ) -> None: ...
    def find(self, datagram: bytes, *, address: int = 0) -> int: ...
