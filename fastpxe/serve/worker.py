"""A worker process: it answers and serves, and tells its parent; it never logs or resolves.

SIGTERM: stop. SIGUSR1: retire: leave new requests to others, finish what was begun, then stop.
"""

import asyncio
import signal
from typing import NamedTuple

import uvloop

from fastpxe.serve.dhcp._port import Board
from fastpxe.serve.dhcp.server import DhcpServer, DhcpSocket
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.ipc.event_channel import EventChannel
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.system.fork import fork, unblock_signals
from fastpxe.serve.system.privileges import drop_capabilities
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.service import Service

RETIRE_LIMIT_S = 120  # for what was begun by a worker that was replaced
RETIRE_LOOK_S = 0.1


class WorkerContext(NamedTuple):
    """What a worker works with, opened by its parent. `number` is its share of the packets."""

    number: int
    service: Service
    roots: Roots
    dhcp: list[DhcpSocket]
    tftp: list[DhcpSocket]
    board: Board
    pipe: EventChannel
    scripts: ScriptMaker | None
    heartbeat: Heartbeat


def start(context: WorkerContext) -> int:
    """Fork a worker; its process id."""
    return fork(f"fastpxe-{context.number}", lambda: uvloop.run(_work(context)), opens_sockets=True)


async def _work(context: WorkerContext) -> None:
    loop = asyncio.get_running_loop()
    stopped, retired = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, retired.set)
    unblock_signals()
    known, _ = context.pipe.labels()  # of a worker before this one, whose decisions may still wait
    context.service.answers.announce_to(context.pipe.label, known)
    dhcp = DhcpServer(loop, context.dhcp, context.service.answers, context.board)
    tftp = [_tftp_server(loop, context, one) for one in context.tftp]
    drop_capabilities()  # before the loop reads the first packet
    waits = [asyncio.ensure_future(event.wait()) for event in (stopped, retired)]
    alive = asyncio.ensure_future(context.heartbeat.run())
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    dhcp.close()
    if not stopped.is_set():
        for server in tftp:
            server.retire()
        context.heartbeat.mark_stopped_accepting()
        await _has_ended(dhcp, tftp, stopped)
    for server in tftp:
        server.close()
    for wait in (*waits, alive):
        wait.cancel()


def _tftp_server(
    loop: asyncio.AbstractEventLoop, context: WorkerContext, one: DhcpSocket
) -> TftpServer:
    files = context.roots[one.interface.name]
    server = TftpServer(
        loop, one.interface, context.service.tftp, files, context.pipe.send,
        roots=context.roots.of_clients, scripts=context.scripts,
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
