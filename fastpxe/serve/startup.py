"""The start of a server: bind the ports as root, drop root, and hand over to the supervisor."""

import logging
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import ExitStack

from fastpxe.errors import ConfigError
from fastpxe.net.interfaces import all_interfaces
from fastpxe.serve.listeners import Listeners
from fastpxe.serve.preload import preload
from fastpxe.serve.recorder.host_store import make_folder
from fastpxe.serve.supervisor import SIGNALS, Supervisor
from fastpxe.serve.system import privileges
from fastpxe.service import Load, Service, build_service

log = logging.getLogger("fastpxe")


def run(load: Load, workers: int, user: str | None = None, watched: Sequence[str] = ()) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP, or a change of a `watched` file, calls `load` again.

    user: to run as once the ports are bound (see privileges.resolve_account). Raises ConfigError
    when the first `load` does, and StartError when a resource can't be obtained.
    """
    _raise_descriptor_limit()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with ExitStack() as stack:
            service = build_service(load(), all_interfaces())
            account = privileges.resolve_account(user, service.user, service.group)
            count = _worker_count(service, workers)
            listeners = Listeners(service, count, stack)
            if account and account.uid != os.geteuid():
                _drop_root(account, service, listeners, load)
            elif account:
                privileges.switch_user(account)
            Supervisor(service, count, listeners, watched).serve(load)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _worker_count(service: Service, wanted: int) -> int:
    """One if ports are shared with another server: the kernel would count that as a worker."""
    if service.share_ports and wanted > 1:
        log.warning("ports are shared with another server: one worker instead of %d", wanted)
        return 1
    return wanted


def _drop_root(
    account: privileges.Account, service: Service, listeners: Listeners, load: Load
) -> None:
    """Do what only root can, switch to the user, and check what that user can read.

    Raises StartError.
    """
    listeners.make_default_root(service)
    if service.hosts:
        make_folder(service.hosts.folder, account.uid, account.gid)
    preload(service)
    privileges.switch_user(account)
    try:
        load()
    except ConfigError as error:
        log.warning("reloads will be refused: user %s: %s", privileges.whoami(), error)


def _raise_descriptor_limit() -> None:
    """Each transfer holds a socket and a file, so use as many descriptors as the system grants."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
