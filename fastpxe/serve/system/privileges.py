"""Drop the privileges that only the start needs: root, and every capability but one.

The parent keeps CAP_NET_ADMIN: a new worker needs it to give its transfer sockets a buffer above
net.core.rmem_max. The worker drops it before it reads its first packet (`drop_capabilities`).

Sources:
  capabilities(7), credentials(7), capset(2), prctl(2).
"""

import ctypes
import os
import pwd
from collections.abc import Iterable
from grp import getgrnam
from pathlib import Path
from typing import NamedTuple

from fastpxe.errors import StartError

OWN_USER = "fastpxe"
NOBODY = "nobody"

CAP_SETPCAP = 8
CAP_NET_ADMIN = 12
KEPT = (CAP_NET_ADMIN,)

_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_LIBC = ctypes.CDLL(None, use_errno=True)
_STATUS = Path("/proc/self/status")
_PORTS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


class Account(NamedTuple):
    """The user to run as."""

    name: str
    uid: int
    gid: int


def resolve_account(
    asked: str | None, configured: str | None = None, group: str | None = None
) -> Account | None:
    """The user to run as once the ports are bound; None to stay root.

    asked: the command's --user. configured, group: the configuration's, for root only, as in
    dnsmasq. By default root switches to fastpxe if there is such a user, else to nobody. Raises
    StartError.
    """
    uid = os.geteuid()
    if uid != 0:
        if asked is not None and _uid(asked) != uid:
            raise StartError(
                f"only root can switch to user {asked!r}; start with sudo, or as that user"
            )
        return Account(_name(uid), uid, os.getegid())
    user = asked or configured or (OWN_USER if _uid(OWN_USER) is not None else NOBODY)
    try:
        entry = pwd.getpwnam(user)
        gid = entry.pw_gid if group is None else getgrnam(group).gr_gid
    except KeyError:
        what = f"user {user!r}" if _uid(user) is None else f"group {group!r}"
        raise StartError(
            f"there is no {what} on this machine; name another: --user NAME, or --user root to "
            "stay root"
        ) from None
    return Account(user, entry.pw_uid, gid) if entry.pw_uid else None


def switch_user(account: Account) -> None:
    """Run as this user, with no capability but KEPT, from now on. Raises StartError.

    Open descriptors stay open. There must be one thread only: capabilities are per thread.
    """
    try:
        _forbid_new()
        if os.geteuid() != account.uid:
            _prctl(_PR_SET_KEEPCAPS, 1)
            os.initgroups(account.name, account.gid)
            os.setresgid(account.gid, account.gid, account.gid)
            os.setresuid(account.uid, account.uid, account.uid)
        _keep(KEPT)
    except OSError as error:
        raise StartError(
            f"can't switch to user {account.name}: {error.strerror}; grant CAP_SETUID and "
            "CAP_SETGID, or stay root: --user root"
        ) from error
    _require(account, KEPT)


def drop_capabilities() -> None:
    """Drop every capability, unless this user is root. Raises StartError."""
    if os.geteuid() == 0:
        return
    _keep(())
    _require(Account(_name(os.geteuid()), os.geteuid(), os.getegid()), ())


def lowest_port() -> int:
    """The lowest port that this user may bind: ip(7), ip_unprivileged_port_start."""
    return 0 if os.geteuid() == 0 else int(_PORTS.read_text())


def whoami() -> str:
    """The name of this user, or its number."""
    return _name(os.geteuid())


def _uid(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# --- system calls -------------------------------------------------------------------------------


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Half(ctypes.Structure):
    """Capabilities 0 to 31, or 32 to 63."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _forbid_new() -> None:
    """No program started from here gets a privilege from its file (set-user-ID, capabilities)."""
    if _held("CapEff") >> CAP_SETPCAP & 1:
        for number in range(_held("CapBnd").bit_length()):
            _prctl(_PR_CAPBSET_DROP, number)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _keep(kept: Iterable[int]) -> None:
    """Drop all capabilities but these, as far as they are permitted; pass on none."""
    mask = _mask(kept) & _held("CapPrm")
    halves = (_Half * 2)()
    for number, half in enumerate(halves):
        half.effective = half.permitted = mask >> 32 * number & 0xFFFFFFFF
    _checked(_LIBC.capset(ctypes.byref(_Header(version=_CAPABILITY_VERSION)), halves))


def _mask(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)


def _prctl(option: int, value: int) -> None:
    _checked(_LIBC.prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3))


def _checked(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# --- the state in the kernel ----------------------------------------------------------------------


def _require(account: Account, kept: Iterable[int]) -> None:
    """Read the state back and compare it. Raises StartError."""
    status = _status()
    wrong = [
        *(key for key, wanted in (("Uid", account.uid), ("Gid", account.gid))
          if set(status[key].split()) != {str(wanted)}),
        *(key for key in ("CapInh", "CapAmb") if int(status[key], 16)),
        *(key for key in ("CapPrm", "CapEff") if int(status[key], 16) & ~_mask(kept)),
        *(["NoNewPrivs"] if status["NoNewPrivs"] != "1" else []),
    ]  # fmt: skip
    if wrong:
        values = ", ".join(f"{key} {' '.join(status[key].split())}" for key in wrong)
        raise StartError(f"privileges were not dropped: {values}")


def _status() -> dict[str, str]:
    lines = (line.partition(":") for line in _STATUS.read_text().splitlines())
    return {key: value.strip() for key, _, value in lines}


def _held(key: str) -> int:
    return int(_status()[key], 16)
