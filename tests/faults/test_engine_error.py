"""An error in the engine that decides as dnsmasq does: seen at once, and harmful to nobody else."""

import socket

import pytest
from fault_rig import metrics, wait_until
from packets import discover
from started import SERVE
from wire_rig import Wire

pytestmark = pytest.mark.netns

# Read by Python at its start: the engine fails at each request of a class.
BREAK = """
import fastpxe.dnsmasq.engine.engine as module

answer = module.Engine.answer


def fail(self, datagram, arrival):
    if b"PXEClient:broken" in datagram:
        raise LookupError("made to fail")
    return answer(self, datagram, arrival)


module.Engine.answer = fail
"""


def test_it_is_logged_with_its_traceback_counted_and_not_answered(wire: Wire) -> None:
    broken = wire.folder / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(BREAK)
    options = ("port=0", "dhcp-range=10.99.0.0,proxy", "dhcp-boot=a.efi", "pxe-prompt=P,0")
    process = wire.run(
        *("env", f"PYTHONPATH={broken}"),
        *SERVE, "--workers", "1", "--", *(f"--{option}" for option in options),
    )  # fmt: skip
    with wire.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        for number in range(3):
            datagram = discover(options={60: b"PXEClient:broken"}, xid=number)
            sock.sendto(datagram, ("255.255.255.255", 67))
    wire.wait_for(process, "made to fail")
    wire.wait_for(process, "ignored engine_error")
    found = wait_until(
        wire.server, lambda found: found["fastpxe_dhcp_datagrams_total", "engine_error"] == 3
    )
    assert found["fastpxe_dhcp_datagrams_total", "answered"] == 0
    assert wire.ask(7).number("xid") == 7
    output = process.output()
    assert "ERROR fault in the dnsmasq engine: LookupError('made to fail')" in output
    assert 'raise LookupError("made to fail")' in output
    assert output.count("fault in the dnsmasq engine") == 1
    assert metrics(wire.server)["fastpxe_dhcp_datagrams_total", "answered"] == 1
