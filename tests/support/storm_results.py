"""A storm's result for tests."""

from fastpxe.firmware.offers import BootFile
from fastpxe.storm.report import Downloads, KindResult, Result, Spread, spread

OFFER = BootFile(file="ipxe.efi", server="10.0.0.1")


def result(**more: object) -> Result:
    fields: dict[str, object] = {
        "plan": "10 clients on eth0 <&>",
        "clients": 10,
        "sent": 10,
        "answered": 10,
        "duplicates": 0,
        "plain": 0,
        "servers": {"10.0.0.1": 10},
        "sending_s": 0.001,
        "last_answer_s": 0.002,
        "latency": spread([1_000 * us for us in (40, 60, 60, 60, 80, 90, 120, 120, 120, 900)]),
        "kinds": (KindResult(name="uefi-x64", clients=10, answered=10, offer=OFFER),),
    }
    return Result(**(fields | more))  # type: ignore[arg-type]  # names are Result's


def downloads(**more: object) -> Downloads:
    fields: dict[str, object] = {
        "started": 10,
        "completed": 10,
        "failures": {},
        "sizes": {"ipxe.efi": 1_000_000},
        "size_bytes": 10_000_000,
        "seconds": 2.0,
        "duration": Spread(p50_us=500_000, max_us=1_000_000),
    }
    return Downloads(**(fields | more))  # type: ignore[arg-type]  # names are Downloads'
