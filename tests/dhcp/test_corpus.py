"""What recorded clients are answered, byte for byte; read the texts in tests/corpus."""

from ipaddress import IPv4Address
from typing import NamedTuple

import golden
import pytest
from packets import CLIENT, NOWHERE
from project import CORPUS
from responder import Responder

SMALL = Responder("""
[dhcp]
echo_client_id = true

[[boot]]
name = "one machine"
arch = "uefi-x64"
uuid = "4c4c4544-0038-3610-804e-c4c04f4a5831"
ipxe = false
file = "intel.efi"

[[boot]]
name = "ipxe"
ipxe = true
url = "http://10.77.0.2/boot.ipxe"

[[boot]]
name = "http"
arch = ["uefi-x64-http", "uefi-arm64-http"]
url = "http://10.77.0.2/boot.efi"

[[boot]]
name = "files elsewhere"
arch = ["uefi-x64", "uefi-ia32", "uefi-arm64"]
server = "10.77.0.9"
style = "direct"
file = "grub/grubx64.efi"

[[boot]]
name = "pi"
arch = "rpi"
file = "bootcode.bin"
""")
DEFAULT = Responder()


class Arrival(NamedTuple):
    port: int
    source: IPv4Address
    source_port: int


ON_67 = Arrival(67, NOWHERE, 68)
FROM_EDK2 = Arrival(4011, CLIENT, 4011)
FROM_IPXE = Arrival(4011, CLIENT, 68)

HEARD = {
    "edk2-arm64-4011": FROM_EDK2,
    "edk2-arm64-discover": ON_67,
    "edk2-arm64-http-discover": ON_67,
    "edk2-ia32-4011": FROM_EDK2,
    "edk2-ia32-discover": ON_67,
    "edk2-over-ipxe-discover": ON_67,
    "edk2-x64-4011": FROM_EDK2,
    "edk2-x64-discover": ON_67,
    "edk2-x64-discover-again": ON_67,
    "edk2-x64-http-discover": ON_67,
    "edk2-x64-http-request": ON_67,
    "edk2-x64-menu-4011": FROM_EDK2,
    "edk2-x64-request": ON_67,
    "ipxe-bios-4011": FROM_IPXE,
    "ipxe-bios-discover": ON_67,
    "ipxe-bios-menu-4011": FROM_IPXE._replace(source=IPv4Address("10.77.0.101")),
    "ipxe-bios-request": ON_67,
    "ipxe-efi-4011": FROM_IPXE,
    "ipxe-efi-discover": ON_67,
    "made-bios-rom-4011": Arrival(4011, CLIENT, 68),
    "made-bios-rom-discover": ON_67,
    "made-relayed-discover": Arrival(67, IPv4Address("10.9.9.1"), 67),
    "made-rpi-discover": ON_67,
    "undionly-discover": ON_67,
    "undionly-request": ON_67,
}


def text_of(name: str) -> str:
    datagram = (CORPUS / f"{name}.bin").read_bytes()
    port, source, source_port = HEARD[name]
    default, small = (
        responder.hear(datagram, port=port, source=source, source_port=source_port)
        for responder in (DEFAULT, SMALL)
    )
    return (
        f"request heard on port {port} from {source}:{source_port}\n{golden.decode(datagram)}\n"
        f"default configuration: {golden.describe(default)}\n"
        f"small configuration: {golden.describe(small)}"
    )


@pytest.mark.parametrize("name", HEARD)
def test_the_reply_is_the_golden_one(name: str, request: pytest.FixtureRequest) -> None:
    path = CORPUS / f"{name}.txt"
    found = text_of(name)
    if request.config.getoption("--update-corpus"):
        changed = not path.exists() or path.read_text() != found
        path.write_text(found)
        assert not changed, f"{path.name} was written anew: read its diff"
    assert found == path.read_text()


def test_every_recording_is_answered() -> None:
    assert {path.stem for path in CORPUS.glob("*.bin")} == set(HEARD)
