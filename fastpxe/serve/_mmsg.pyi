from typing import final

from fastpxe._codec import REASONS as REASONS
from fastpxe._reply import Responder
from fastpxe.events import Decision, Delayed

@final
class Ring:
    def __init__(self, size: int = 8192) -> None: ...
    def __len__(self) -> int: ...
    @property
    def lost(self) -> int: ...
    def take(self, most: int) -> list[Decision]: ...

@final
class DhcpPort:
    policy: Responder
    @property
    def delayed(self) -> list[Delayed]: ...
    def __init__(
        self,
        fd: int,
        interface: int,
        address: int,
        netmask: int,
        port: int,
        policy: Responder,
        ring: Ring,
    ) -> None: ...
    @property
    def received(self) -> int: ...
    @property
    def unsent(self) -> int: ...
    def counts(self) -> dict[str, int]: ...
    def drain(self) -> int: ...
