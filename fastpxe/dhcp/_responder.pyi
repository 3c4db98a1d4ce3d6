from typing_extensions import disjoint_base

from fastpxe.dhcp.verdict import Verdict

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
    ) -> Verdict: ...
