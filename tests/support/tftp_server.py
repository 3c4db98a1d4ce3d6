"""Serve TFTP by a dnsmasq configuration as another user: tftp_server.py CONF USER

Privileges are dropped once everything is open, as dnsmasq does.
"""

import asyncio
import os
import pwd
import signal
import sys
from contextlib import ExitStack

from fastpxe.cli.config_args import DISK
from fastpxe.dnsmasq.engine.tftp import tftp_settings
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.net.interfaces import all_interfaces, interfaces_matching
from fastpxe.net.sockets import open_port
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.tftp.packets import TftpSettings


async def serve(settings: TftpSettings, user: str) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    interfaces = interfaces_matching(("dqs*",), all_interfaces())
    with ExitStack() as stack:
        roots = stack.enter_context(Roots(settings, [one.name for one in interfaces]))
        for one in interfaces:
            server = TftpServer(loop, one, settings, roots[one.name], print)
            server.listen(stack.enter_context(open_port(one, 69, receive_buffer=1 << 20)))
            stack.callback(server.close)
        become(user)
        print("ready", flush=True)  # noqa: T201 - what whoever started this waits for
        await stopped.wait()


def become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


if __name__ == "__main__":
    asyncio.run(serve(tftp_settings(read_config(sys.argv[1:2], disk=DISK)), sys.argv[2]))
