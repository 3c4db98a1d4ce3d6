from enum import IntFlag

from fastpxe.dhcp.template import Template

__pyx_capi__: dict[str, object]

class Tail(IntFlag):
    TAIL_UUID = 1
    TAIL_SUBNET = 2
    TAIL_CLIENT_ID = 4
    TAIL_SERVER_NAME = 8
    TAIL_RELAY = 16

def filled(
    source: Template,
    *,
    header: bytes,
    ciaddr: int,
    uuid: bytes | None = None,
    boot_item: bytes | None = None,
    relay: bytes | None = None,
) -> bytes: ...
