"""Run a program as systemd runs the unit's, as far as a process can do that to itself.

sandbox.py USER SETTINGS COMMAND...    SETTINGS is JSON: see `Settings`.

A system call that isn't allowed doesn't fail here but ends the process, so that nothing gets by.
Sources: seccomp(2), prctl(2), capabilities(7), <linux/filter.h>, <linux/seccomp.h>.
"""

import ctypes
import json
import os
import pwd
import struct
import sys

PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_MDWE = (
    8,
    22,
    38,
    47,
    65,
)
PR_CAPBSET_DROP = 24
SECCOMP_MODE_FILTER = 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
EAFNOSUPPORT = 97
AT_NUMBER, AT_FIRST_ARGUMENT = 0, 16
CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12}
libc = ctypes.CDLL(None, use_errno=True)


def main(user: str, settings: str, *command: str) -> None:
    given = json.loads(settings)
    capabilities = [CAPABILITIES[name] for name in given["capabilities"]]
    for number in set(range(41)) - set(capabilities):
        prctl(PR_CAPBSET_DROP, number)
    become(pwd.getpwnam(user), capabilities)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    instructions = program(given["calls"], given["socket"], given["families"])
    prctl(PR_SET_MDWE, 1)
    allow(instructions)
    os.execv(command[0], command)  # noqa: S606 - no shell between


def become(entry: pwd.struct_passwd, capabilities: list[int]) -> None:
    prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    mask = sum(1 << number for number in capabilities)
    header, halves = struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[mask] * 3, 0, 0, 0)
    check(libc.capset(header, halves))
    for number in capabilities:
        prctl(PR_CAP_AMBIENT, 2, number)  # PR_CAP_AMBIENT_RAISE


def program(calls: list[int], socket: int, families: list[int]) -> bytes:
    """Allow these calls, and socket(2) for these families."""
    found = [(LOAD, 0, 0, AT_NUMBER)]
    for number in set(calls) - {socket}:
        found += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    found += [(JUMP_IF_EQUAL, 1, 0, socket), (RETURN, 0, 0, KILL), (LOAD, 0, 0, AT_FIRST_ARGUMENT)]
    for family in families:
        found += [(JUMP_IF_EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    found.append((RETURN, 0, 0, ERRNO | EAFNOSUPPORT))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in found)


def allow(instructions: bytes) -> None:
    held = ctypes.create_string_buffer(instructions, len(instructions))
    fprog = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(held))
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0))


def prctl(option: int, *values: int) -> None:
    longs = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    check(libc.prctl(option, *longs))


def check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
