"""A worker process: it answers and serves, and tells its parent; it never logs or resolves.

SIGTERM: stop. SIGUSR1: retire: leave new requests to others, finish what was begun, then stop.
"""

import asyncio
import signal
from functools import partial
from typing import NamedTuple

import uvloop

from fastpxe.serve.dhcp.server import DhcpServer, DhcpSocket
from fastpxe.serve.faults import FaultReporter
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.ipc._event_ring import EventRing
from fastpxe.serve.ipc.event_channel import EventPipe
from fastpxe.serve.ipc.heartbeat import Pulse
from fastpxe.serve.system.fork import fork, take_signals
from fastpxe.serve.system.privileges import give_up_all
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.service import Front

RETIRE_LIMIT_S = 120  # for what was begun by a worker that was replaced
RETIRE_LOOK_S = 0.1


class Tools(NamedTuple):
    """What a worker works with, opened by its parent. `number` is its share of the packets."""

    number: int
    front: Front
    roots: Roots
    dhcp: list[DhcpSocket]
    tftp: list[DhcpSocket]
    ring: EventRing
    pipe: EventPipe
    scripts: ScriptMaker | None
    pulse: Pulse


def start(tools: Tools) -> int:
    """Fork a worker; its process id."""
    return fork(f"fastpxe-{tools.number}", lambda: uvloop.run(_work(tools)), opens_sockets=True)


async def _work(tools: Tools) -> None:
    loop = asyncio.get_running_loop()
    stopped, retired = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, retired.set)
    take_signals()
    faults = FaultReporter(tools.pipe.send)
    loop.set_exception_handler(faults.handle)
    tools.front.answers.report_errors_to(partial(faults.report, "the dnsmasq engine"))
    dhcp = DhcpServer(loop, tools.dhcp, tools.front.answers, tools.ring)
    tftp = [_tftp_server(loop, tools, one) for one in tools.tftp]
    give_up_all()  # before the loop reads the first packet
    waits = [asyncio.ensure_future(event.wait()) for event in (stopped, retired)]
    alive = asyncio.ensure_future(tools.pulse.go_on())
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    dhcp.close()
    if not stopped.is_set():
        for server in tftp:
            server.retire()
        tools.pulse.let_go()
        await _has_ended(dhcp, tftp, stopped)
    for server in tftp:
        server.close()
    for wait in (*waits, alive):
        wait.cancel()


def _tftp_server(loop: asyncio.AbstractEventLoop, tools: Tools, one: DhcpSocket) -> TftpServer:
    files = tools.roots[one.interface.name]
    server = TftpServer(
        loop, one.interface, tools.front.tftp, files, tools.pipe.send,
        roots=tools.roots.of_clients, scripts=tools.scripts,
    )  # fmt: skip
    server.listen(one.sock)
    return server


async def _has_ended(dhcp: DhcpServer, servers: list[TftpServer], stopped: asyncio.Event) -> None:
    """Wait until the last reply that is held was sent, and the last transfer has ended."""
    end = asyncio.get_running_loop().time() + RETIRE_LIMIT_S
    while (dhcp.held or any(server.active for server in servers)) and not stopped.is_set():
        if asyncio.get_running_loop().time() > end:
            return
        await asyncio.sleep(RETIRE_LOOK_S)
