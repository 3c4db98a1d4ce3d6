"""What the recorder's process does besides recording: the admin port, and the two watchers."""

import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from socket import socket

import msgspec

from fastpxe.monitor.histogram import Histogram
from fastpxe.net.interfaces import Interface
from fastpxe.policy.rules import Rule
from fastpxe.serve.ipc.heartbeat import Heartbeat
from fastpxe.serve.recorder.interface_watch import InterfaceWatcher
from fastpxe.serve.recorder.observer import Observer
from fastpxe.serve.recorder.recorder import BackgroundTask
from fastpxe.serve.system.config_stamp import FileStamp


class ServerInfo(msgspec.Struct, kw_only=True):
    """What the tasks know of the server.

    parent: the process that SIGHUP reloads. started_at: in seconds since 1970. interfaces: those
    that ports are bound on. watched: the configuration's files, none to watch none; stamp: their
    state when they were read. counts, latency: of the whole server. heartbeats: of the processes
    that serve. admin: the listening socket of the admin port, and admin_token what clients of it
    must present, if anything.
    """

    parent: int
    started_at: float
    summary: str
    rules: Sequence[Rule]
    interfaces: Sequence[Interface]
    watched: Sequence[str]
    stamp: FileStamp
    counts: Callable[[], Counter[str]]
    latency: Callable[[], Histogram]
    heartbeats: Sequence[Heartbeat]
    admin: socket | None
    admin_token: str | None


def background_tasks(info: ServerInfo) -> list[BackgroundTask]:
    """The tasks that a server needs. Their libraries are imported by the recorder alone."""
    tasks: list[BackgroundTask] = [InterfaceWatcher(info.interfaces, info.parent).start]
    if info.watched:
        tasks.append(_watch_config(info))
    if info.admin is not None:
        tasks.append(_serve_admin(info, info.admin))
    return tasks


def _watch_config(info: ServerInfo) -> BackgroundTask:
    async def start(_: Observer, stack: AsyncExitStack) -> None:
        config_watch = importlib.import_module("fastpxe.serve.recorder.config_watch")
        config_watch.start(info.watched, info.stamp, info.parent, stack)

    return start


def _serve_admin(info: ServerInfo, sock: socket) -> BackgroundTask:
    async def start(observer: Observer, stack: AsyncExitStack) -> None:
        admin = importlib.import_module("fastpxe.serve.recorder.admin")
        context = admin.AdminContext(
            summary=info.summary,
            rules=info.rules,
            counts=info.counts,
            latency=info.latency,
            heartbeats=info.heartbeats,
            started_at=info.started_at,
        )
        await admin.Admin(context, sock, info.admin_token).start(observer, stack)

    return start
