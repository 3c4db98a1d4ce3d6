from typing import Literal, final

WAYS: tuple[str, ...]

@final
class BlockSender:
    def __init__(
        self, way: Literal["auto", "gso", "mmsg", "sendfile"], largest_segment: int
    ) -> None: ...
    @property
    def is_gso_refused(self) -> bool: ...
    @property
    def unsent(self) -> int: ...
