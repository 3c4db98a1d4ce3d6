"""A worker process: it answers DHCP and serves TFTP. It never logs, and never resolves a name.

What happens is sent to the recorder through the event channel. For its signals see StopSignals.
"""

import asyncio
from functools import partial
from typing import NamedTuple

import uvloop

from fastpxe.serve.dhcp.server import DhcpServer, DhcpSocket
from fastpxe.serve.faults import FaultReporter
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.files.scripts import ScriptMaker
from fastpxe.serve.ipc._event_ring import EventRing
from fastpxe.serve.ipc.event_channel import EventChannel
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.system.fork import fork
from fastpxe.serve.system.privileges import drop_capabilities
from fastpxe.serve.system.stop_signals import StopSignals
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.service import Service


class WorkerContext(NamedTuple):
    """What the parent opens for a worker. `number` selects the worker's share of the packets."""

    number: int
    service: Service
    roots: Roots
    dhcp: list[DhcpSocket]
    tftp: list[DhcpSocket]
    ring: EventRing
    channel: EventChannel
    scripts: ScriptMaker | None
    heartbeat: Heartbeat


def start(context: WorkerContext) -> int:
    """Fork a worker and return its process id. Raises OSError."""
    name = f"fastpxe-{context.number}"
    return fork(name, lambda: uvloop.run(_work(context)), opens_sockets=True)


async def _work(context: WorkerContext) -> None:
    loop, signals = asyncio.get_running_loop(), StopSignals()
    faults = FaultReporter(context.channel.send)
    loop.set_exception_handler(faults.handle)
    context.service.answers.report_errors_to(partial(faults.report, "the dnsmasq engine"))
    dhcp = DhcpServer(loop, context.dhcp, context.service.answers, context.ring)
    tftp = [_tftp_server(loop, context, sock) for sock in context.tftp]
    drop_capabilities()  # before the loop reads the first packet
    beating = asyncio.ensure_future(context.heartbeat.run())
    await signals.wait()
    dhcp.close()
    if not signals.is_stopped:
        for server in tftp:
            server.retire()
        context.heartbeat.mark_stopped_accepting()
        await signals.finish(lambda: bool(dhcp.held) or any(server.active for server in tftp))
    for server in tftp:
        server.close()
    beating.cancel()


def _tftp_server(
    loop: asyncio.AbstractEventLoop, context: WorkerContext, listening: DhcpSocket
) -> TftpServer:
    files = context.roots[listening.interface.name]
    server = TftpServer(
        loop, listening.interface, context.service.tftp, files, context.channel.send,
        roots=context.roots.of_clients, scripts=context.scripts,
    )  # fmt: skip
    server.listen(listening.sock)
    return server
