from typing import final

from fastpxe.dhcp._responder import Responder
from fastpxe.events import Delayed
from fastpxe.serve.ipc._event_ring import EventRing

@final
class DhcpPort:
    policy: Responder
    @property
    def delayed(self) -> list[Delayed]: ...
    @property
    def first(self) -> tuple[DhcpPort, ...]: ...
    def __init__(
        self,
        fd: int,
        interface: int,
        address: int,
        netmask: int,
        port: int,
        policy: Responder,
        ring: EventRing,
        index: int = 0,
        *,
        first: tuple[DhcpPort, ...] = (),
    ) -> None: ...
    @property
    def received(self) -> int: ...
    @property
    def unsent(self) -> int: ...
    def counts(self) -> dict[str, int]: ...
    def count_unsent(self) -> None: ...
    def drain(self) -> int: ...
